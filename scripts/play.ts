/** One play of a step: all of it, or one test file alone. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram, type ProgramRun } from './run-program.ts';
import { readVitestReport, type FileCounts } from './vitest-report.ts';

export type Step = Pick<ProgramRun, 'command' | 'timeoutMs'> & {
  readonly name: string;
  /**
   * 'exit-code': one check, passed when the exit code is 0; its output is shown when it fails.
   * 'vitest': as many checks as there are tests; its output is shown as it comes. A skipped test
   * counts as failed, except in 'vitest-part', which picks tests by name.
   */
  readonly counts: 'exit-code' | 'vitest' | 'vitest-part';
};

/** By test file, or by the step's name for whatever is no test file. */
export type Played = ReadonlyMap<string, FileCounts>;

/** `alone`: one test file, and of it one test at a time. */
export async function play(step: Step, alone?: string): Promise<Played> {
  const { name, counts, timeoutMs } = step;
  if (counts === 'exit-code') {
    const exit = await runProgram({ ...step, live: false });
    const failures = exit === 0 ? [] : [describeExit(exit)];
    return new Map([[name, { passed: Number(exit === 0), failures }]]);
  }
  mkdirSync(join('.cache', 'steps'), { recursive: true });
  const reportFile = join('.cache', 'steps', `${process.pid}-${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const command = [...step.command, ...(alone === undefined ? [] : [alone]), ...reporters] as const;
  const env = alone === undefined ? {} : { TESTS_ONE_BY_ONE: '1' };
  const exit = await runProgram({ command, timeoutMs, live: true, env });
  const files = readVitestReport(reportFile, counts === 'vitest-part');
  rmSync(reportFile, { force: true });
  if (files === undefined) return new Map([[name, { passed: 0, failures: ['wrote no report'] }]]);
  const toldWhy = [...files.values()].some(({ failures }) => failures.length > 0);
  if (exit === 0 || toldWhy) return files;
  return files.set(name, { passed: 0, failures: [describeExit(exit)] });
}

function describeExit(exit: number | string): string {
  return typeof exit === 'number' ? `ended with exit code ${exit}` : exit;
}
