import { monotonicMs } from '../clock.ts';
import type { EmulatorLog } from '../log.ts';
import type { TwilioEvent } from './events.ts';
import type { Line } from './line.ts';
import { parseServerMessage, type StreamIds } from './stream-messages.ts';

/** Foreign frames are logged one by one up to this many per stream. */
const MAX_FOREIGN_LOGGED = 1_000;

export type StreamInboxOptions = StreamIds & {
  readonly line: Line;
  readonly log: EmulatorLog<TwilioEvent>;
  readonly onMedia: (atMs: number) => void;
};

/** What the server sends on one media socket, and what it does to the line. */
export class StreamInbox {
  readonly #o: StreamInboxOptions;
  framesReceived = 0;
  #firstMediaPending = true;
  #overflowReported = false;
  #foreignLogged = 0;

  constructor(options: StreamInboxOptions) {
    this.#o = options;
  }

  take(data: Buffer, isBinary: boolean): void {
    const nowMs = monotonicMs();
    const { line, log, callSid, streamSid } = this.#o;
    const { playout } = line;
    // Frames that fell due before this message are played before it.
    line.advanceTo(nowMs);
    this.framesReceived += 1;
    if (isBinary) {
      this.#foreign(31950, `binary frame of ${data.length} bytes`);
      return;
    }
    const message = parseServerMessage(data.toString('utf8'), streamSid);
    switch (message.event) {
      case 'media':
        this.#onMedia(message.mulaw, nowMs);
        break;
      case 'mark': {
        const { name } = message;
        log.add(
          { what: 'mark', callSid, streamSid, name, position: playout.streamPosition },
          nowMs,
        );
        if (!playout.mark(name, nowMs)) this.#foreign(31951, 'too many marks outstanding');
        break;
      }
      case 'clear': {
        this.#firstMediaPending = true;
        const record = playout.clear('clear', nowMs);
        log.add({ what: 'clear', callSid, streamSid, record }, nowMs);
        break;
      }
      case 'bad':
        this.#foreign(message.code, message.detail);
        break;
    }
  }

  #onMedia(mulaw: Uint8Array, nowMs: number): void {
    const { log, callSid, streamSid, line, onMedia } = this.#o;
    const { playout } = line;
    const first = this.#firstMediaPending || playout.idle;
    this.#firstMediaPending = false;
    const position = playout.streamPosition;
    const bufferedMs = playout.bufferedMs();
    log.add(
      { what: 'media', callSid, streamSid, bytes: mulaw.length, position, bufferedMs, first },
      nowMs,
    );
    const discarded = playout.push(mulaw);
    onMedia(nowMs);
    if (discarded === 0 || this.#overflowReported) return;
    this.#overflowReported = true;
    const message = 'more than ten minutes of audio are buffered: the excess is discarded';
    log.add({ what: 'error', callSid, code: 31931, message });
  }

  #foreign(code: number, detail: string): void {
    this.#foreignLogged += 1;
    if (this.#foreignLogged > MAX_FOREIGN_LOGGED) return;
    const { log, callSid, streamSid } = this.#o;
    log.add({ what: 'foreign-frame', callSid, streamSid, code, detail });
  }
}
