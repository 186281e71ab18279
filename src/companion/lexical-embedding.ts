/**
 * An embedding that needs no model: words, pairs of words and parts of words, hashed with a sign into
 * 256 numbers of length 1. It finds the same said in nearly the same words; it does not know that
 * "pills" are "medication". So it is called lexical, and every row says by which embedder it was made.
 */

export const LEXICAL_EMBEDDER = {
  name: 'lexical-1',
  dimension: 256,
  embed: embedLexically,
  tellsMore,
} as const;

const MAX_WORDS = 200;
/** A whole word says more than its parts. */
const WORD_WEIGHT = 2;
const PAIR_WEIGHT = 1;
const PART_WEIGHT = 0.5;

/** @returns 256 numbers of length 1; zeros for a text without letters or digits. */
export function embedLexically(text: string): Float32Array {
  const vector = new Float32Array(LEXICAL_EMBEDDER.dimension);
  const add = (feature: string, weight: number): void => {
    const hash = fnv1a(feature);
    const at = hash % vector.length;
    // The sign is taken from a bit that does not choose the place.
    vector[at] = (vector[at] ?? 0) + (hash & 0x8000_0000 ? -weight : weight);
  };
  const words = wordsOf(text);
  for (const [index, word] of words.entries()) {
    add(`w ${word}`, WORD_WEIGHT);
    const next = words[index + 1];
    if (next !== undefined) add(`p ${word} ${next}`, PAIR_WEIGHT);
    const framed = `<${word}>`;
    for (const size of [3, 4]) {
      for (let from = 0; from + size <= framed.length; from += 1) {
        add(`c ${framed.slice(from, from + size)}`, PART_WEIGHT);
      }
    }
  }
  let squares = 0;
  for (const value of vector) squares += value * value;
  if (squares > 0) {
    const length = Math.sqrt(squares);
    for (let i = 0; i < vector.length; i += 1) vector[i] = (vector[i] ?? 0) / length;
  }
  return vector;
}

/** Words that may come or go without another thing being said, in English and Spanish. */
const EMPTY_WORDS: ReadonlySet<string> = new Set(
  (
    'a an the and is are was were be has have had of at in on to that this it its her his their she he ' +
    'they very really quite also so called named el la los las un una y es son era de del en a al que ' +
    'su sus se muy tambien llamado llamada llama'
  ).split(' '),
);

/**
 * Whether one of two sentences holds a word that the other lacks and that matters. Near is not the
 * same: "on the 27th" and "on the 28th", "Tom" and "Tim", "does" and "does not" are close in every
 * lexical embedding (0.87 to 0.94), and the second of them must not be lost for the first.
 */
export function tellsMore(a: string, b: string): boolean {
  const [left, right] = [new Set(wordsOf(a)), new Set(wordsOf(b))];
  const lacks = (words: ReadonlySet<string>) => (word: string) =>
    !words.has(word) && !EMPTY_WORDS.has(word);
  return [...left].some(lacks(right)) || [...right].some(lacks(left));
}

function wordsOf(text: string): string[] {
  return (
    text
      .slice(0, 4_000)
      .normalize('NFKD')
      .toLowerCase()
      .replaceAll(/\p{M}/gu, '')
      .match(/[\p{L}\p{N}]+/gu) ?? []
  ).slice(0, MAX_WORDS);
}

/** FNV-1a over the text's UTF-16 units, 32 bits, then mixed: its low bits alone are poor. */
function fnv1a(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
