/** Runs of one level until one is good: spoiled and failed ones are told apart from it, and shown. */
import { failureOf, judge } from './gate.ts';
import { runLevel, runSecondsOf, type LevelOptions } from './level.ts';
import { rowOf, type Row } from './row.ts';

/** Few calls need more time for enough turns: one takes about seven seconds. */
const LONGER = [
  { below: 10, factor: 3 },
  { below: 50, factor: 2 },
] as const;

/** Measured time at a level, seconds. */
export function measuredSecondsOf(calls: number, seconds: number): number {
  return seconds * (LONGER.find(({ below }) => calls < below)?.factor ?? 1);
}

/** How long a level takes in all without repeats, seconds. */
export function levelSecondsOf(calls: number, seconds: number): number {
  return runSecondsOf(calls, measuredSecondsOf(calls, seconds));
}

/** As for one run, but `seconds` is what most levels take; those of few calls take a multiple. */
export type RepeatOptions = LevelOptions & {
  readonly say: (line: string) => void;
  /** Asked before every repeat. */
  readonly mayRepeat: (repeats: number) => boolean;
};

export type Level = {
  readonly calls: number;
  /** The good run, or the best of the spoiled ones; undefined when every run failed. */
  readonly row: Row | undefined;
  readonly discarded: readonly Row[];
  /** Why runs measured nothing. */
  readonly failures: readonly string[];
};

/** One level, again where the machine spoiled it or its calls did not come up. */
export async function measureLevel(options: RepeatOptions): Promise<Level> {
  const { calls, say, mayRepeat } = options;
  const seconds = measuredSecondsOf(calls, options.seconds);
  const spoiled: Row[] = [];
  const failures: string[] = [];
  for (let repeats = 0; repeats === 0 || mayRepeat(repeats); repeats += 1) {
    say(`── ${calls} calls, ${seconds} s`);
    const run = await runLevel({ ...options, seconds });
    const failure = failureOf(run);
    if (failure !== undefined) {
      say(`   FAILED: ${failure}`);
      failures.push(failure);
      continue;
    }
    const row = rowOf(run, judge(run, seconds));
    if (row.quality.spoiledBy.length === 0) return { calls, row, discarded: spoiled, failures };
    say(`   spoiled: ${row.quality.spoiledBy.join(', ')}`);
    spoiled.push(row);
  }
  const best = spoiled.toSorted(
    (a, b) => (a.latenessMs?.p99 ?? Infinity) - (b.latenessMs?.p99 ?? Infinity),
  )[0];
  return { calls, row: best, discarded: spoiled.filter((row) => row !== best), failures };
}
