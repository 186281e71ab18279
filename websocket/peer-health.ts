/**
 * Is the other end still there, does it take what we send, and does it behave? Looked at a few times
 * a second by the sweep, so that the path of a frame reads no clock and arms no timer.
 */
import type { MediaSocketLimits } from './limits.ts';

export type HealthVerdict = 'well' | 'ping' | 'half-open' | 'stalled' | 'slow-peer';

export class PeerHealth {
  readonly #limits: MediaSocketLimits;
  #heard = false;
  #lastHeardMs: number;
  #pingedMs: number | undefined;
  #ponged = false;
  #sent = 0;
  #flushed = 0;
  #flushedAtCheck = 0;
  #lastProgressMs: number;
  #fullSinceMs: number | undefined;
  #messageDebt = 0;
  #badDebt = 0;
  #checkedMs: number;

  constructor(limits: MediaSocketLimits, nowMs: number) {
    this.#limits = limits;
    this.#lastHeardMs = nowMs;
    this.#lastProgressMs = nowMs;
    this.#checkedMs = nowMs;
  }

  /** A message or ping came. False: more of them than any honest peer sends. */
  message(): boolean {
    this.#messageDebt += 1;
    return this.#messageDebt <= this.#limits.maxMessagesPerSecond;
  }

  /** The message was a frame of Twilio's protocol, so Twilio is alive and sending. */
  frame(): void {
    this.#heard = true;
  }

  /** A frame had to be dropped. False: the peer has used up its allowance. */
  badFrame(): boolean {
    this.#badDebt += 1;
    return this.#badDebt <= this.#limits.maxBadFrames;
  }

  pong(): void {
    this.#ponged = true;
  }

  sent(): void {
    this.#sent += 1;
  }

  /** Something that was sent has reached the kernel. */
  flushed(): void {
    this.#flushed += 1;
  }

  /**
   * The verdict for now. 'ping' asks for a ping to be sent. `wasAway`: this process itself was held
   * up for long, so silence proves nothing about the peer yet.
   */
  check(nowMs: number, bufferedBytes: number, wasAway: boolean): HealthVerdict {
    const seconds = Math.max(0, nowMs - this.#checkedMs) / 1000;
    this.#checkedMs = nowMs;
    const { maxMessagesPerSecond, forgivenPerSecond } = this.#limits;
    this.#messageDebt = Math.max(0, this.#messageDebt - seconds * maxMessagesPerSecond);
    this.#badDebt = Math.max(0, this.#badDebt - seconds * forgivenPerSecond);
    if (this.#isStuck(nowMs, bufferedBytes, wasAway)) return 'slow-peer';
    return this.#hearing(nowMs, wasAway);
  }

  #isStuck(nowMs: number, bufferedBytes: number, wasAway: boolean): boolean {
    if (this.#flushed === this.#sent || this.#flushed !== this.#flushedAtCheck || wasAway) {
      this.#lastProgressMs = nowMs;
      this.#flushedAtCheck = this.#flushed;
    }
    if (bufferedBytes <= this.#limits.maxBufferedBytes) this.#fullSinceMs = undefined;
    else if (wasAway || this.#fullSinceMs === undefined) this.#fullSinceMs = nowMs;
    const fullMs = this.#fullSinceMs === undefined ? 0 : nowMs - this.#fullSinceMs;
    return (
      nowMs - this.#lastProgressMs >= this.#limits.sendTimeoutMs ||
      fullMs >= this.#limits.maxBufferedMs
    );
  }

  #hearing(nowMs: number, wasAway: boolean): HealthVerdict {
    if (this.#heard || wasAway) {
      this.#heard = false;
      this.#lastHeardMs = nowMs;
      this.#pingedMs = undefined;
      this.#ponged = false;
      return 'well';
    }
    const quietMs = nowMs - this.#lastHeardMs;
    if (quietMs >= this.#limits.silentPeerMs) return this.#ponged ? 'stalled' : 'half-open';
    const sincePingMs = nowMs - (this.#pingedMs ?? this.#lastHeardMs);
    if (sincePingMs < this.#limits.pingAfterMs) return 'well';
    this.#pingedMs = nowMs;
    return 'ping';
  }
}
