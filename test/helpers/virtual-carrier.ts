/**
 * The carrier's play-out buffer on virtual time: plays what it is given in order and in real time,
 * forgets the rest when it is cleared, and remembers what the caller truly heard.
 */
import type { UtteranceId } from '../../src/conversation/types.ts';
import type { VirtualTime } from './virtual-time.ts';

/** A stretch of time in which the caller heard an utterance. */
export type Heard = {
  readonly utterance: UtteranceId;
  readonly fromMs: number;
  readonly toMs: number;
  readonly fromAt: number;
  readonly toAt: number;
};

export class VirtualCarrier {
  readonly #time: VirtualTime;
  #buffer: Heard[] = [];
  readonly #heard: Heard[] = [];

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  /** Everything that was audible and is over, in order. */
  get heard(): readonly Heard[] {
    this.#settle();
    return this.#heard;
  }

  /** Until when there is something to play; 0 when there was nothing yet. */
  get audibleUntil(): number {
    return this.#buffer.at(-1)?.toAt ?? 0;
  }

  /** How many portions are held. */
  get size(): number {
    this.#settle();
    return this.#buffer.length;
  }

  /** What is being heard right now. */
  audibleNow(): UtteranceId | undefined {
    const { now } = this.#time;
    return this.#buffer.find((s) => s.fromAt <= now && now < s.toAt)?.utterance;
  }

  /** The furthest point of an utterance that was ever heard. */
  playedMs(utterance: UtteranceId): number {
    const { now } = this.#time;
    let played = 0;
    for (const s of [...this.heard, ...this.#buffer]) {
      if (s.utterance !== utterance || now <= s.fromAt) continue;
      played = Math.max(played, s.fromMs + Math.min(s.toMs - s.fromMs, now - s.fromAt));
    }
    return played;
  }

  /** Takes a portion that arrives at a time; returns when it will have been played. */
  play(utterance: UtteranceId, fromMs: number, toMs: number, arrivesAt: number): number {
    this.#settle();
    const fromAt = Math.max(arrivesAt, this.audibleUntil);
    const toAt = fromAt + (toMs - fromMs);
    this.#buffer.push({ utterance, fromMs, toMs, fromAt, toAt });
    return toAt;
  }

  /** Forgets what will not have been played by then. */
  cutAt(time: number): void {
    this.#settle();
    this.#buffer = this.#buffer
      .filter((s) => s.fromAt < time)
      .map((s) => (s.toAt <= time ? s : { ...s, toAt: time, toMs: s.fromMs + (time - s.fromAt) }));
  }

  /** Moves what has been played from the buffer to the record. */
  #settle(): void {
    const { now } = this.#time;
    while (this.#buffer[0] && this.#buffer[0].toAt <= now) {
      this.#heard.push(...this.#buffer.splice(0, 1));
    }
  }
}
