import { FRAME_MS } from '../speech/types.ts';
import type { Span } from './types.ts';

/**
 * μ-law bytes whose low seven bits are below this are at least 132 of 32 124 in magnitude
 * (−48 dBFS): above line noise and above what the in-band bits add to silence.
 */
const AUDIBLE_BELOW = 0x70;
/** A frame is audible when a twentieth of it is: single clicks do not count. */
const AUDIBLE_BYTES = 8;

/** Whether a listener would hear anything in this frame of μ-law. */
export function isAudibleFrame(frame: Uint8Array): boolean {
  let loud = 0;
  for (const byte of frame) {
    if ((byte & 0x7f) < AUDIBLE_BELOW) {
      loud += 1;
      if (loud >= AUDIBLE_BYTES) return true;
    }
  }
  return false;
}

/** Which frames of a line could be heard, kept as spans. Frames are noted in order. */
export class AudibleSpans {
  readonly #spans: { from: number; to: number }[] = [];
  #frames = 0;

  note(audible: boolean): void {
    const last = this.#spans.at(-1);
    if (audible && last?.to === this.#frames) last.to += 1;
    else if (audible) this.#spans.push({ from: this.#frames, to: this.#frames + 1 });
    this.#frames += 1;
  }

  /** Line position at which the last audible frame ended; 0 when there was none. */
  lastAudibleEndMs(): number {
    return (this.#spans.at(-1)?.to ?? 0) * FRAME_MS;
  }

  /** Start of the audible span that is going on at the last frame noted, if it is audible. */
  currentStartMs(): number | undefined {
    const last = this.#spans.at(-1);
    return last?.to === this.#frames ? last.from * FRAME_MS : undefined;
  }

  /** Spans of at least `minMs` without audible sound, up to the last frame noted. */
  silences(minMs: number): Span[] {
    const gaps: Span[] = [];
    let from = 0;
    for (const next of [...this.#spans, { from: this.#frames, to: this.#frames }]) {
      const gap = { lineStartMs: from * FRAME_MS, lineEndMs: next.from * FRAME_MS };
      if (gap.lineEndMs > gap.lineStartMs && gap.lineEndMs - gap.lineStartMs >= minMs) {
        gaps.push(gap);
      }
      from = next.to;
    }
    return gaps;
  }
}
