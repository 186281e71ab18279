import { FRAME_MS } from '../speech/types.ts';
import type { LineZero } from './line-zero.ts';
import type { Stretch, Underrun } from './types.ts';

/** A gap shorter than this inside running sound is an underrun, a longer one ends the stretch. */
export const UNDERRUN_MAX_MS = 400;

type Draft = {
  lineStartMs: number;
  lineEndMs: number;
  bytes: number;
  audibleLineMs: number | undefined;
  underruns: Underrun[];
  source: Stretch['source'];
  /** Set by a clear or a change of source: what follows is another stretch. */
  closed: boolean;
};

export type StretchEvents = {
  started(lineMs: number): void;
  ended(lineMs: number, bytes: number): void;
  underrun(underrun: Underrun): void;
};

/** Turns played frames into contiguous stretches with their gaps. */
export class StretchKeeper {
  readonly #drafts: Draft[] = [];
  readonly #zero: LineZero;
  readonly #events: StretchEvents;
  #playing = false;

  constructor(zero: LineZero, events: StretchEvents) {
    this.#zero = zero;
    this.#events = events;
  }

  /** One frame of which `playedMs` (1/8 ms exact) from its beginning was sound from the buffer. */
  frame(
    lineMs: number,
    playedMs: number,
    bytes: number,
    audible: boolean,
    source: Stretch['source'],
  ): void {
    if (bytes === 0) {
      this.#dry();
      return;
    }
    const draft = this.#continueOrOpen(lineMs, source);
    draft.bytes += bytes;
    draft.lineEndMs = lineMs + playedMs;
    if (audible) draft.audibleLineMs ??= lineMs;
    this.#playing = true;
    if (playedMs < FRAME_MS) this.#dry();
  }

  /** A clear: whatever plays next is not the same stretch. */
  cutOff(): void {
    const draft = this.#drafts.at(-1);
    if (draft) draft.closed = true;
    this.#dry();
  }

  list(): Stretch[] {
    return this.#drafts.map((draft, index) => ({
      startedAtMs: this.#zero.atMs + draft.lineStartMs,
      endedAtMs:
        this.#playing && index === this.#drafts.length - 1
          ? undefined
          : this.#zero.atMs + draft.lineEndMs,
      lineStartMs: draft.lineStartMs,
      lineEndMs: draft.lineEndMs,
      bytes: draft.bytes,
      audibleAtMs:
        draft.audibleLineMs === undefined ? undefined : this.#zero.atMs + draft.audibleLineMs,
      underruns: [...draft.underruns],
      source: draft.source,
    }));
  }

  underruns(): Underrun[] {
    return this.#drafts.flatMap((draft) => draft.underruns);
  }

  #continueOrOpen(lineMs: number, source: Stretch['source']): Draft {
    const last = this.#drafts.at(-1);
    if (last && !last.closed && last.source === source) {
      const gapMs = lineMs - last.lineEndMs;
      if (gapMs === 0 && this.#playing) return last;
      if (gapMs <= UNDERRUN_MAX_MS) {
        if (gapMs > 0) this.#addUnderrun(last, gapMs);
        return last;
      }
    }
    const draft: Draft = {
      lineStartMs: lineMs,
      lineEndMs: lineMs,
      bytes: 0,
      audibleLineMs: undefined,
      underruns: [],
      source,
      closed: false,
    };
    this.#drafts.push(draft);
    this.#events.started(lineMs);
    return draft;
  }

  #addUnderrun(draft: Draft, durationMs: number): void {
    const underrun: Underrun = {
      atMs: this.#zero.atMs + draft.lineEndMs,
      lineMs: draft.lineEndMs,
      durationMs,
    };
    draft.underruns.push(underrun);
    this.#events.underrun(underrun);
  }

  #dry(): void {
    if (!this.#playing) return;
    this.#playing = false;
    const draft = this.#drafts.at(-1);
    if (draft) this.#events.ended(draft.lineEndMs, draft.bytes);
  }
}
