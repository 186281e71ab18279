/** What the caller of a cell is promised. */
import { USUAL_TERMS } from './auditor.ts';
import { isStore, PLANS, type Cell, type MatrixFault } from './cells.ts';
import type { Terms } from './evidence.ts';
import { DEAF_MS } from './media.ts';

/** Every message of the carrier's comes this much later, and is answered that much later. */
const LATE_MS = 1_000;

/**
 * A fault of the carrier's stream takes words with it: what was being said, by either side, is said
 * again, answered as far as it was heard, or asked for. `resumedMs`: from then on the stream is whole
 * again; undefined where it stays as it is.
 */
export function termsOf({ vendor, fault }: Cell, resumedMs: number | undefined): Terms {
  if (isStore(PLANS[vendor].host)) return { ...USUAL_TERMS, mayNotice: false };
  if (vendor !== 'twilio-media') return USUAL_TERMS;
  return { ...USUAL_TERMS, ...MEDIA[fault], lossyUntilMs: resumedMs ?? Infinity };
}

const DEAF: Partial<Terms> = {
  soundMs: DEAF_MS,
  meaningMs: DEAF_MS + USUAL_TERMS.silenceMs,
  silenceMs: DEAF_MS,
};
const MEDIA: Partial<Record<MatrixFault, Partial<Terms>>> = {
  hang: DEAF,
  trickle: DEAF,
  slow: {
    soundMs: USUAL_TERMS.soundMs + LATE_MS,
    meaningMs: USUAL_TERMS.meaningMs + LATE_MS,
    silenceMs: USUAL_TERMS.silenceMs + LATE_MS,
  },
};
