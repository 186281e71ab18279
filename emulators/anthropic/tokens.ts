/**
 * Splits text into the pieces a stream carries. Concatenated, the pieces are the text.
 *
 * Without a seed a piece is a word with the space before it, long words in two: close to how real
 * tokens fall. With a seed the cuts fall anywhere, inside words, between a space and its word, or
 * not for three words: what a consumer must also survive (case 39).
 */
export function splitTokens(text: string, seed: number | undefined): string[] {
  if (text === '') return [];
  return seed === undefined ? splitAtWords(text) : splitOddly(text, seed);
}

const LONG_WORD_CHARS = 9;

function splitAtWords(text: string): string[] {
  const pieces: string[] = [];
  for (const piece of text.match(/\s*\S+|\s+$/g) ?? []) {
    if (piece.length > LONG_WORD_CHARS && /^[\s\S]*\w{9,}/.test(piece)) {
      const cut = Math.ceil(piece.length / 2);
      pieces.push(piece.slice(0, cut), piece.slice(cut));
    } else {
      pieces.push(piece);
    }
  }
  return pieces;
}

function splitOddly(text: string, seed: number): string[] {
  const random = mulberry32(seed);
  // Whole code points: half a surrogate pair is not text.
  const points = Array.from(text);
  const pieces: string[] = [];
  let at = 0;
  while (at < points.length) {
    const r = random();
    const size =
      r < 0.25 ? 1 : r < 0.85 ? 2 + Math.floor(random() * 4) : 8 + Math.floor(random() * 12);
    pieces.push(points.slice(at, at + size).join(''));
    at += size;
  }
  return pieces;
}

/** A small seeded generator (mulberry32); numbers in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Tokens of a text for usage figures: about four characters each. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}
