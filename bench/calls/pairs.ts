/** Runs of two variants of the server in turns, and the ratios between them. */
import { ratiosOf, type Ratio } from './against.ts';
import type { Row } from './row.ts';

export type Pairs = {
  readonly pairs: readonly (readonly [here: Row, there: Row])[];
  readonly ratios: readonly Ratio[];
};

/** Whoever goes first changes from round to round. Throws when no pair was measured. */
export async function runPairs(
  rounds: number,
  here: () => Promise<Row | undefined>,
  there: () => Promise<Row | undefined>,
): Promise<Pairs> {
  const pairs: [Row, Row][] = [];
  for (let round = 0; round < rounds; round += 1) {
    const hereFirst = round % 2 === 0;
    const first = await (hereFirst ? here() : there());
    const second = await (hereFirst ? there() : here());
    if (!first || !second) continue;
    pairs.push(hereFirst ? [first, second] : [second, first]);
  }
  if (pairs.length === 0) throw new Error('no pair was measured: every run failed');
  return { pairs, ratios: ratiosOf(pairs) };
}

/** One line per measure. */
export function ratioLines(ratios: readonly Ratio[], here: string, there: string): string {
  return ratios
    .map((r) => `${r.measure.padEnd(24)} ${r.here} ${here}, ${r.there} ${there}: × ${r.ratio}\n`)
    .join('');
}
