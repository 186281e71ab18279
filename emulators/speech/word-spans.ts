/**
 * Where words lie in synthesised sound, estimated: pauses in the sound are matched with the
 * punctuation that caused them, and between pauses time is shared out by how much there is to
 * pronounce. Good to some tens of milliseconds, which is all that the emulators need: the estimate
 * is the truth by construction, because the in-band words are put exactly there.
 */
import type { SpokenWord } from './types.ts';

/** Closures of stops at a slow pace stay under this; clause pauses are longer. */
const MIN_PAUSE_MS = 130;

type Span = { startMs: number; endMs: number };

/** The words of a text as written. Free-standing punctuation stays with the word before it. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  for (const token of text.split(/\s+/u)) {
    if (token === '') continue;
    if (/[\p{L}\p{N}]/u.test(token) || words.length === 0) words.push(token);
    else words[words.length - 1] = `${words.at(-1) ?? ''} ${token}`;
  }
  return words.filter((word) => /[\p{L}\p{N}]/u.test(word));
}

/** How long a word takes to say, in arbitrary units: vowels long, consonants short, digits words. */
function weightOf(word: string): number {
  let weight = 0.5;
  for (const char of word.toLowerCase()) {
    if (/\p{N}/u.test(char)) weight += 4;
    else if (/[aeiouyáéíóúüàèìòùâêîôû]/u.test(char)) weight += 1.5;
    else if (/\p{L}/u.test(char)) weight += 1;
  }
  return weight;
}

function endsClause(word: string): boolean {
  return /[,.;:!?…—–-]["'”’)]*$/u.test(word);
}

function pausesIn(voicing: readonly boolean[], stepMs: number): Span[] {
  const pauses: Span[] = [];
  let start = 0;
  voicing.forEach((voiced, i) => {
    if (!voiced) return;
    if ((i - start) * stepMs >= MIN_PAUSE_MS)
      pauses.push({ startMs: start * stepMs, endMs: i * stepMs });
    start = i + 1;
  });
  return pauses;
}

/** Pairs pauses with clause ends, both in order; what is left over on either side is dropped. */
function matchPauses(
  pauses: readonly Span[],
  clauseEnds: readonly number[],
  shareUpTo: (word: number) => number,
  shareAt: (ms: number) => number,
): Map<number, Span> {
  const pairs = new Map<number, Span>();
  if (pauses.length >= clauseEnds.length) {
    const longest = pauses
      .toSorted((a, b) => b.endMs - b.startMs - (a.endMs - a.startMs))
      .slice(0, clauseEnds.length)
      .toSorted((a, b) => a.startMs - b.startMs);
    clauseEnds.forEach((word, i) => {
      const pause = longest[i];
      if (pause) pairs.set(word, pause);
    });
    return pairs;
  }
  let from = 0;
  pauses.forEach((pause, i) => {
    const mayUse = clauseEnds.slice(from, clauseEnds.length - (pauses.length - 1 - i));
    const share = shareAt(pause.startMs);
    const best = mayUse.toSorted(
      (a, b) => Math.abs(shareUpTo(a) - share) - Math.abs(shareUpTo(b) - share),
    )[0];
    if (best === undefined) return;
    pairs.set(best, pause);
    from = clauseEnds.indexOf(best) + 1;
  });
  return pairs;
}

/**
 * @param voicing one flag for each `stepMs` of sound, the first and last of them true.
 * @returns spans in order, within the sound, meeting each other except at pauses.
 */
export function placeWords(
  text: string,
  voicing: readonly boolean[],
  stepMs: number,
): SpokenWord[] {
  const words = splitWords(text);
  const weights = words.map(weightOf);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const totalMs = voicing.length * stepMs;
  const clauseEnds = words.flatMap((word, i) =>
    i < words.length - 1 && endsClause(word) ? [i] : [],
  );
  const shareUpTo = (word: number): number =>
    weights.slice(0, word + 1).reduce((sum, weight) => sum + weight, 0) / total;
  const pairs = matchPauses(pausesIn(voicing, stepMs), clauseEnds, shareUpTo, (ms) => ms / totalMs);

  const placed: SpokenWord[] = [];
  let firstWord = 0;
  let startMs = 0;
  const stretches = [...pairs, [words.length - 1, { startMs: totalMs, endMs: totalMs }] as const];
  for (const [lastWord, pause] of stretches) {
    const stretchWeights = weights.slice(firstWord, lastWord + 1);
    const sum = stretchWeights.reduce((acc, weight) => acc + weight, 0);
    let at = startMs;
    stretchWeights.forEach((weight, i) => {
      const endMs = at + ((pause.startMs - startMs) * weight) / sum;
      placed.push({ text: words[firstWord + i] ?? '', startMs: at, endMs });
      at = endMs;
    });
    firstWord = lastWord + 1;
    startMs = pause.endMs;
  }
  return placed;
}
