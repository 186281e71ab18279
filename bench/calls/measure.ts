/** One run of a level, and whether it says something. */
import { measuredSecondsOf, type Run } from './climb.ts';
import { failureOf, judge } from './gate.ts';
import { runLevel, type LevelOptions } from './level.ts';
import { rowOf } from './row.ts';

/** As for any run, but `seconds` is what most levels take; those of few calls take a multiple. */
export type MeasureOptions = LevelOptions & { readonly say: (line: string) => void };

/** A spoiled run and a failed one are said as that. */
export async function measureRun(options: MeasureOptions): Promise<Run> {
  const { calls, say } = options;
  const seconds = measuredSecondsOf(calls, options.seconds);
  say(`── ${calls} calls, ${seconds} s`);
  const run = await runLevel({ ...options, seconds });
  const failure = failureOf(run);
  if (failure !== undefined) {
    say(`   FAILED: ${failure}`);
    return { failure };
  }
  const row = rowOf(run, judge(run, seconds));
  if (row.quality.spoiledBy.length > 0) say(`   spoiled: ${row.quality.spoiledBy.join(', ')}`);
  return { row };
}
