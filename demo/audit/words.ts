/** Comparing what was said with what was heard, word by word. */

/** Words in lower case, without punctuation; a hyphen parts words. */
export function wordsOf(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replaceAll('’', "'")
      .match(/[\p{L}\p{N}]+(?:'[\p{L}\p{N}]+)*/gu) ?? []
  );
}

/** Length of the longest sequence of words that both hold in the same order. */
export function commonLength(a: readonly string[], b: readonly string[]): number {
  let previous: number[] = Array.from({ length: b.length + 1 }, () => 0);
  for (const word of a) {
    const row: number[] = [0];
    for (const [i, other] of b.entries()) {
      row.push(
        word === other ? (previous[i] ?? 0) + 1 : Math.max(previous[i + 1] ?? 0, row[i] ?? 0),
      );
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}

/** Words by which two texts differ: those that either has and the other has not, in order. */
export function wordDistance(a: readonly string[], b: readonly string[]): number {
  return a.length + b.length - 2 * commonLength(a, b);
}
