/** The outgoing half of a media socket: frames, their bounds, and the `MediaStream` a call gets. */
import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { MediaSocketCounters } from './counters.ts';
import { createOutboundFrames } from './outbound-frames.ts';
import type { PeerHealth } from './peer-health.ts';
import type { MediaStream } from './types.ts';

/** What a WebSocket writes to. */
export type Wire = Pick<Writable, 'cork' | 'uncork'>;

/** What waits to go out together; more of it is not held back. */
const MAX_CORKED_BYTES = 64 * 1_024;

export type MediaWriterOptions = {
  readonly socket: WebSocket;
  readonly wire: Wire;
  readonly health: PeerHealth;
  readonly counters: MediaSocketCounters;
  readonly hardBufferedBytes: number;
  /** More than `hardBufferedBytes` is waiting for the peer. */
  readonly onOverflow: () => void;
  /** The call wants the stream closed. */
  readonly onClose: (code: number) => void;
};

export class MediaWriter {
  readonly #options: MediaWriterOptions;
  readonly #onFlushed: () => void;
  readonly #uncork: () => void;
  #isOpen = false;
  #isCorked = false;

  constructor(options: MediaWriterOptions) {
    this.#options = options;
    this.#onFlushed = () => options.health.flushed();
    this.#uncork = () => {
      if (!this.#isCorked) return;
      this.#isCorked = false;
      options.wire.uncork();
    };
  }

  /** Opens the writer for one stream. `streamSid` is letters and digits only. */
  open(streamSid: string, callSid: string): MediaStream {
    const { socket, onClose } = this.#options;
    const frames = createOutboundFrames(streamSid);
    this.#isOpen = true;
    return {
      streamSid,
      callSid,
      sendMedia: (base64) => {
        if (base64 !== '') this.#send(frames.media(base64));
      },
      sendMark: (name) => this.#send(frames.mark(name)),
      clear: () => this.#send(frames.clear),
      close: (code = 1000) => onClose(isCloseCode(code) ? code : 1000),
      get bufferedBytes() {
        return socket.bufferedAmount;
      },
    };
  }

  /** What is written from here on is counted and dropped. */
  shut(): void {
    this.#isOpen = false;
  }

  #send(frame: string): void {
    const { socket, health, counters, hardBufferedBytes, onOverflow } = this.#options;
    if (!this.#isOpen || socket.readyState !== socket.OPEN) {
      counters.sendsAfterEnd += 1;
      return;
    }
    health.sent();
    counters.framesSent += 1;
    this.#cork();
    socket.send(frame, this.#onFlushed);
    if (socket.bufferedAmount > MAX_CORKED_BYTES) this.#uncork();
    if (socket.bufferedAmount > hardBufferedBytes) onOverflow();
  }

  /**
   * What one fact leads to goes out in one system call, which is most of what sending costs: every
   * piece of audio is followed by its mark, and a greeting is a dozen of both.
   */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#options.wire.cork();
    process.nextTick(this.#uncork);
  }
}

/** The codes that may be put into a close frame (RFC 6455 §7.4). */
function isCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
}
