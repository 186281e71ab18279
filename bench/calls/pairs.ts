/** Runs of two variants of the server in turns, and the ratios between them. */
import { ratiosOf, type Ratio } from './against.ts';
import type { Row } from './row.ts';

export type Pairs = {
  readonly pairs: readonly (readonly [here: Row, there: Row])[];
  /** Those in which the machine spoiled a run. */
  readonly spoiled: readonly (readonly [here: Row, there: Row])[];
  readonly ratios: readonly Ratio[];
};

/** Of rounds beyond those that were asked for, in place of spoiled ones: as many again at most. */
const MOST_TIMES = 2;

const isSpoiled = (pair: readonly Row[]): boolean =>
  pair.some(({ quality }) => quality.spoiledBy.length > 0);

/**
 * Whoever goes first changes from round to round. A pair with a spoiled run in it is measured again;
 * ratios are of the good ones, or of all where none is. Throws when no pair was measured.
 */
export async function runPairs(
  rounds: number,
  here: () => Promise<Row | undefined>,
  there: () => Promise<Row | undefined>,
): Promise<Pairs> {
  const pairs: [Row, Row][] = [];
  const spoiled: [Row, Row][] = [];
  for (let round = 0; pairs.length < rounds && round < rounds * MOST_TIMES; round += 1) {
    const hereFirst = round % 2 === 0;
    const first = await (hereFirst ? here() : there());
    const second = await (hereFirst ? there() : here());
    if (!first || !second) continue;
    const pair: [Row, Row] = hereFirst ? [first, second] : [second, first];
    (isSpoiled(pair) ? spoiled : pairs).push(pair);
  }
  if (pairs.length + spoiled.length === 0) {
    throw new Error('no pair was measured: every run failed');
  }
  return { pairs, spoiled, ratios: ratiosOf(pairs.length > 0 ? pairs : spoiled) };
}

/** One line per measure, and one that says of how many pairs. */
export function ratioLines(found: Pairs, here: string, there: string): string {
  const { pairs, spoiled, ratios } = found;
  const lines = ratios.map(({ measure, range: [least, most], ...r }) => {
    const medians = `${r.here} ${here}, ${r.there} ${there}`;
    return `${measure.padEnd(24)} ${medians}: × ${r.ratio} (${least} to ${most})\n`;
  });
  const kept = pairs.length > 0 ? `${pairs.length} good pairs` : 'spoiled pairs only';
  return `${lines.join('')}${kept}, ${spoiled.length} spoiled\n`;
}
