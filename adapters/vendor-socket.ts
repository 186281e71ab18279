import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import { VendorError } from '../src/errors.ts';
import type { Vendor, VendorFailure } from '../src/errors.ts';
import { failureOfStatus, networkCodeOf, retryAfterMsOf, safeCause } from './vendor-failure.ts';
import { Watchdog } from './watchdog.ts';

/**
 * A client WebSocket to a vendor with a limit on everything: time to open, message size, bytes
 * waiting to be sent, and silence of the peer. It reports its own end at most once.
 */
export type VendorSocket = {
  /** Sends one message. False when the socket cannot take it; `onFailed` has then been called. */
  send(data: string | Uint8Array): boolean;
  /** Ends the connection; nothing is reported afterwards. Idempotent. */
  close(): void;
  readonly isOpen: boolean;
};

export type VendorSocketOptions = {
  readonly vendor: Vendor;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly openTimeoutMs: number;
  /** A larger message ends the connection as `garbage`. */
  readonly maxMessageBytes: number;
  /** More than this waiting in our own send buffer means that the peer stopped reading. */
  readonly maxBufferedBytes: number;
  readonly liveness: SocketLiveness;
  /** Text arrives as a string, binary as a Buffer. */
  readonly onMessage: (data: string | Buffer) => void;
  /** The connection is over through no wish of ours. At most once, and only after opening. */
  readonly onFailed: (error: VendorError) => void;
};

export type SocketLiveness = {
  /** A ping is sent this often. */
  readonly pingEveryMs: number;
  /** With no byte of the peer for this long, pongs included, the connection counts as dead. */
  readonly deadAfterMs: number;
};

export const SOCKET_LIVENESS: SocketLiveness = { pingEveryMs: 4_000, deadAfterMs: 10_000 };

/** How long a closing handshake may take before the connection is destroyed. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Bytes of a refused upgrade's body that are looked at. */
const MAX_REFUSAL_BYTES = 4_096;

/** Opens the connection; rejects with VendorError within `openTimeoutMs`. */
export async function openVendorSocket(options: VendorSocketOptions): Promise<VendorSocket> {
  const ws = new WebSocket(options.url, {
    headers: { ...options.headers },
    perMessageDeflate: false,
    maxPayload: options.maxMessageBytes,
    followRedirects: false,
    // Bounds a closing handshake that the peer began; missing from @types/ws, hence the spread.
    ...{ closeTimeout: CLOSE_TIMEOUT_MS },
  });
  // An error listener must stay for the whole life of a ws: late errors would be uncaught.
  ws.on('error', () => undefined);
  await opened(ws, options);
  return watchOpenSocket(ws, options);
}

async function opened(ws: WebSocket, options: VendorSocketOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (): void => {
      timeout.disarm();
      ws.off('error', onError);
      ws.off('close', onClose);
    };
    const fail = (error: VendorError): void => {
      settle();
      ws.terminate();
      reject(error);
    };
    const onError = (cause: Error): void => {
      fail(new VendorError(options.vendor, failureOfConnect(cause), { cause: safeCause(cause) }));
    };
    const onClose = (): void => fail(new VendorError(options.vendor, 'unreachable'));
    const timeout = new Watchdog(() => fail(new VendorError(options.vendor, 'no-first-byte')));
    timeout.arm(options.openTimeoutMs);
    ws.once('open', () => {
      settle();
      // Messages may follow the upgrade in the same packet, before our caller has run again.
      ws.pause();
      resolve();
    });
    ws.once('error', onError);
    ws.once('close', onClose);
    ws.once('unexpected-response', (_request, response) => {
      readRefusal(response, (failure, details) =>
        fail(new VendorError(options.vendor, failure, details)),
      );
    });
  });
}

/** Reads the answer to a refused upgrade, as far as it comes; the open timeout bounds the wait. */
function readRefusal(
  response: IncomingMessage,
  done: (failure: VendorFailure, details: { status: number; retryAfterMs?: number }) => void,
): void {
  const status = response.statusCode ?? 0;
  const retryAfterMs = retryAfterMsOf(response.headers['retry-after']);
  let body = '';
  let settled = false;
  const settle = (): void => {
    if (settled) return;
    settled = true;
    // ElevenLabs answers 401 both for a wrong key and for a spent quota.
    const failure = body.includes('quota_exceeded') ? 'rate-limited' : failureOfStatus(status);
    done(failure, { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  };
  response.on('data', (part: Buffer) => {
    body += part.toString('latin1');
    if (body.length > MAX_REFUSAL_BYTES) settle();
  });
  response.once('end', settle);
  response.once('error', settle);
  response.once('close', settle);
}

function failureOfConnect(error: Error): 'unreachable' | 'garbage' {
  const code = networkCodeOf(error);
  if (code !== undefined) return code.startsWith('HPE_') ? 'garbage' : 'unreachable';
  // ws reports a broken upgrade answer (wrong accept key, bad header) as an Error without a code.
  return 'garbage';
}

function watchOpenSocket(ws: WebSocket, options: VendorSocketOptions): VendorSocket {
  const { vendor, liveness } = options;
  let over = false;
  let lastHeardAtMs = performance.now();
  const heard = (): void => {
    lastHeardAtMs = performance.now();
  };
  const pinger = setInterval(() => {
    if (performance.now() - lastHeardAtMs > liveness.deadAfterMs) {
      fail(new VendorError(vendor, 'stalled'));
    } else if (ws.readyState === WebSocket.OPEN) {
      ws.ping();
    }
  }, liveness.pingEveryMs);
  const finish = (): boolean => {
    if (over) return false;
    over = true;
    clearInterval(pinger);
    return true;
  };
  const fail = (error: VendorError): void => {
    if (!finish()) return;
    ws.terminate();
    options.onFailed(error);
  };
  ws.on('message', (data: RawData, isBinary: boolean) => {
    heard();
    if (over) return;
    const bytes = bufferOf(data);
    options.onMessage(isBinary ? bytes : bytes.toString('utf8'));
  });
  ws.on('ping', heard);
  ws.on('pong', heard);
  ws.on('error', (cause: Error) => {
    const failure = networkCodeOf(cause)?.startsWith('WS_ERR_') === true ? 'garbage' : 'cut';
    fail(new VendorError(vendor, failure, { cause: safeCause(cause) }));
  });
  ws.on('close', (code: number) => {
    fail(new VendorError(vendor, code === 1008 || code === 1003 ? 'bad-request' : 'cut'));
  });
  // Not before our caller has the socket in hand.
  setImmediate(() => ws.resume());
  return {
    get isOpen(): boolean {
      return !over && ws.readyState === WebSocket.OPEN;
    },
    send(data): boolean {
      if (over || ws.readyState !== WebSocket.OPEN) return false;
      if (ws.bufferedAmount > options.maxBufferedBytes) {
        fail(new VendorError(vendor, 'stalled'));
        return false;
      }
      ws.send(data);
      return true;
    },
    close(): void {
      if (!finish()) return;
      ws.close(1000);
      const force = setTimeout(() => ws.terminate(), CLOSE_TIMEOUT_MS);
      ws.once('close', () => clearTimeout(force));
    },
  };
}

function bufferOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
