/**
 * Flux's confidence that the caller has finished, as a function of the silence after a word and of
 * what a pause after that word means. The words say it themselves (see speech/types.ts).
 *
 * - `complete`: 0.30 + 0.0015 per millisecond. With thresholds of 0.5 and 0.8 the eager end comes
 *   after 133 ms and the end of turn after 333 ms.
 * - `abrupt`: 0.30 until `complete` would cross the end-of-turn threshold, then above it at once,
 *   so that no eager end is offered.
 * - `holding`: 0.10 + 0.0003 per millisecond, at most 0.6.
 */
import type { Finality } from '../speech/types.ts';

/** A model is never certain, so that `eot_threshold=1.0` suppresses its end of turn. */
const CEILING = 0.98;

const lines = {
  complete: { base: 0.3, perMs: 0.0015, cap: CEILING },
  holding: { base: 0.1, perMs: 0.0003, cap: 0.6 },
} as const;

/** Milliseconds of silence until confidence reaches `threshold`; Infinity when it never does. */
export function silenceUntil(
  threshold: number,
  kind: 'eager' | 'end',
  finality: Finality,
  eotThreshold: number,
): number {
  if (finality === 'abrupt') {
    const jumpMs = silenceUntil(eotThreshold, 'end', 'complete', eotThreshold);
    return kind === 'end' ? jumpMs : Infinity;
  }
  const line = lines[finality];
  if (threshold > line.cap) return Infinity;
  return Math.max(0, (threshold - line.base) / line.perMs);
}

/** The confidence after `silenceMs` of silence, 0–1. */
export function confidenceAt(silenceMs: number, finality: Finality, eotThreshold: number): number {
  if (finality === 'abrupt') {
    const jumped = silenceMs >= silenceUntil(eotThreshold, 'end', 'abrupt', eotThreshold);
    return jumped ? Math.min(CEILING, eotThreshold + 0.05) : lines.complete.base;
  }
  const line = lines[finality];
  return Math.min(line.cap, line.base + line.perMs * silenceMs);
}
