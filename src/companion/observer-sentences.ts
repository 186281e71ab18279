/** A caller's words, cut into pieces the observer's patterns can work on in bounded time. */

export type Sentence = {
  /** The caller's own words, at most MAX_SENTENCE_CHARS of them. */
  readonly said: string;
  /** The same, for matching. */
  readonly folded: string;
  /** So much of `folded` was already looked at as the end of the piece before. */
  readonly seen: number;
};

/** An alert quotes one sentence; more than this nobody reads on a telephone's screen. */
export const MAX_SENTENCE_CHARS = 300;
/** Longer than any match, with the words before it that may take it back. */
const OVERLAP_CHARS = 120;
/**
 * A turn is cut in on after a minute, about 1,000 characters. Of anything longer, the beginning and
 * the end are looked at.
 */
const MAX_TURN_CHARS = 16_000;

const HESITATIONS = /(?:, ?)?\b(?:um+|uh+|er+m?|hm+)\b(?!-)(?:,|\.{2,}|…)?/g;

/**
 * Lower case, plain letters (a fullwidth F is an f), without invisible characters (soft hyphens,
 * zero-width spaces), accents, hesitations, stutters and doubled spaces; straight apostrophes. A
 * Spanish "sí" stays apart from "si" (if), and "él" from "el", as "sii" and "ell".
 */
export function fold(text: string): string {
  return text
    .replaceAll(/[’´`ʼ]/g, "'")
    .normalize('NFKC')
    .replaceAll(/\p{Cf}/gu, '')
    .toLowerCase()
    .replaceAll(/(?<!\p{L})sí(?!\p{L})/gu, 'sii')
    .replaceAll(/(?<!\p{L})él(?!\p{L})/gu, 'ell')
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[¿¡"“”«»()]/g, ' ')
    .replaceAll(HESITATIONS, ' ')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\b(i|i'm|me|my|the|no se|yo)(?:,? \1\b){1,4}/g, '$1')
    .trim();
}

/** The sentences of a turn in order; one that never ends comes in overlapping pieces. */
export function sentencesOf(text: string): Sentence[] {
  return bounded(text).flatMap((part) => part.split(/(?<=[.!?…;\n])\s+/).flatMap(pieces));
}

function bounded(text: string): string[] {
  if (text.length <= MAX_TURN_CHARS) return [text];
  return [text.slice(0, MAX_TURN_CHARS / 2), text.slice(-MAX_TURN_CHARS / 2)];
}

function pieces(sentence: string): Sentence[] {
  const found: Sentence[] = [];
  let from = 0;
  let seenTo = 0;
  while (seenTo < sentence.length) {
    const to = wordBoundary(sentence, from + MAX_SENTENCE_CHARS, seenTo);
    const said = sentence.slice(from, to).trim();
    const seen = fold(sentence.slice(from, seenTo)).length;
    if (/[\p{L}\p{N}]/u.test(said))
      found.push({ said: said.toWellFormed(), folded: fold(said), seen });
    seenTo = to;
    from = Math.max(from + 1, wordBoundary(sentence, to - OVERLAP_CHARS, 0));
  }
  return found;
}

/** The last word boundary at or before `at`; `at` itself where there is none after `floor`. */
function wordBoundary(text: string, at: number, floor: number): number {
  if (at >= text.length) return text.length;
  const space = text.lastIndexOf(' ', at);
  return space > Math.max(floor, at - OVERLAP_CHARS / 2) ? space + 1 : Math.max(at, floor + 1);
}
