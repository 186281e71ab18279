import type { DeepgramTransport, DeepgramTransportFactory } from '@deepgram/sdk';
import { VendorError } from '../../src/errors.ts';
import type { Vendor } from '../../src/errors.ts';
import { openVendorSocket } from '../vendor-socket.ts';
import type { SocketLiveness, VendorSocket } from '../vendor-socket.ts';

/**
 * The connection under a Deepgram SDK socket.
 *
 * The SDK builds the URL, the credentials and the messages; the bytes go through our own socket by
 * its `transportFactory` seam, because its built-in transport offers compression, takes messages of
 * 100 MiB, hides the HTTP status of a refused upgrade, reports its own failed connects as a normal
 * close, and waits 30 s for a peer that never answers a close.
 */
export type DeepgramLink = {
  /** Hand this to `new DeepgramClient`. */
  readonly transportFactory: DeepgramTransportFactory;
  /** Settles when the socket is open, or with the VendorError that it could not be. */
  readonly opened: Promise<void>;
  close(): void;
};

export type DeepgramLinkOptions = {
  readonly vendor: Vendor;
  readonly openTimeoutMs: number;
  readonly liveness: SocketLiveness;
  readonly onFailed: (error: VendorError) => void;
};

/** Transcripts of a whole turn with word timings stay far below this. */
const MAX_MESSAGE_BYTES = 512 * 1_024;
/** Eight seconds of audio: a peer so far behind will not catch up. */
const MAX_BUFFERED_BYTES = 64 * 1_024;

export function createDeepgramLink(options: DeepgramLinkOptions): DeepgramLink {
  let socket: VendorSocket | undefined;
  let closed = false;
  const opening = Promise.withResolvers<void>();
  const transportFactory: DeepgramTransportFactory = async (url, headers) => {
    const inbox = createInbox();
    try {
      socket = await openVendorSocket({
        vendor: options.vendor,
        url,
        headers,
        openTimeoutMs: options.openTimeoutMs,
        maxMessageBytes: MAX_MESSAGE_BYTES,
        maxBufferedBytes: MAX_BUFFERED_BYTES,
        liveness: options.liveness,
        onMessage: inbox.put,
        onFailed: options.onFailed,
      });
    } catch (error) {
      opening.reject(error);
      throw error;
    }
    const open = socket;
    if (closed) open.close();
    opening.resolve();
    return transportOf(open, inbox);
  };
  return {
    transportFactory,
    opened: opening.promise,
    close: () => {
      closed = true;
      socket?.close();
    },
  };
}

type Inbox = { put: (data: string | Buffer) => void; read: (take: InboxReader) => void };
type InboxReader = (data: string | ArrayBuffer) => void;

/** Keeps the few messages that arrive before the SDK has registered its listener. */
function createInbox(): Inbox {
  const early: (string | ArrayBuffer)[] = [];
  let reader: InboxReader | undefined;
  return {
    put: (data) => {
      const message = typeof data === 'string' ? data : new Uint8Array(data).buffer;
      if (reader !== undefined) reader(message);
      else if (early.length < 64) early.push(message);
    },
    read: (take) => {
      reader = take;
      for (const message of early.splice(0)) take(message);
    },
  };
}

function transportOf(socket: VendorSocket, inbox: Inbox): DeepgramTransport {
  return {
    send: (data) => {
      if (typeof data === 'string') socket.send(data);
      else if (ArrayBuffer.isView(data)) {
        socket.send(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      } else throw new TypeError('this adapter sends text and views only');
    },
    onOpen: () => undefined,
    onMessage: (listener) => inbox.read(listener),
    // Failures reach the session directly, with their cause; the SDK would only relabel them.
    onError: () => undefined,
    onClose: () => undefined,
    isOpen: () => socket.isOpen,
    close: () => socket.close(),
  };
}

/** Runs a send of the SDK, which throws when its socket is not open. False when it did. */
export function attemptSend(send: () => void): boolean {
  try {
    send();
    return true;
  } catch {
    return false;
  }
}
