/**
 * Runs a list of commands one after the other, those of an inner list at the same time, and adds up
 * what passed and failed.
 *
 * Every step runs, whatever happened before it, so that one run shows everything that is wrong. A
 * step has a time limit; one that outlives it is ended together with its children.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readCpuTimes, stealPercent } from './host-share.ts';

export type Step = {
  readonly name: string;
  /** The program, found on the PATH that npm set up, and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly timeoutMs: number;
  /**
   * 'exit-code': one check, passed when the exit code is 0; its output is shown when it fails.
   * 'vitest': as many checks as there are tests; its output is shown as it comes. A skipped test
   * counts as failed, except in 'vitest-part', which picks tests by name.
   */
  readonly counts: 'exit-code' | 'vitest' | 'vitest-part';
};

export type StepResult = {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly durationMs: number;
  /** What failed, by name. */
  readonly failures: readonly string[];
};

/** Output kept for showing it after a failure; the newest part. */
const MAX_OUTPUT_CHARS = 200_000;

/** Runs all steps, prints the sum, and sets the exit code. `--json` puts the sum on stdout. */
export async function runSteps(
  steps: readonly (Step | readonly Step[])[],
  args: readonly string[],
): Promise<void> {
  const results: StepResult[] = [];
  for (const next of steps) {
    const together = 'name' in next ? [next] : next;
    process.stderr.write(`\n── ${together.map(({ name }) => name).join(', ')}\n`);
    results.push(...(await Promise.all(together.map(runAndTell))));
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  report(results, passed, failed, args.includes('--json'));
  process.exitCode = failed === 0 ? 0 : 1;
}

/** Above this, tests that run in real time may fail for want of a processor. */
const NOTEWORTHY_STEAL_PERCENT = 10;

async function runAndTell(step: Step): Promise<StepResult> {
  const before = readCpuTimes();
  const result = await runStep(step);
  const stolen = stealPercent(before, readCpuTimes()) ?? 0;
  const seconds = (result.durationMs / 1000).toFixed(1);
  const note =
    stolen < NOTEWORTHY_STEAL_PERCENT ? '' : `; the host kept ${stolen} % of the machine`;
  process.stderr.write(
    `   ${step.name}: ${result.passed} passed, ${result.failed} failed (${seconds} s${note})\n`,
  );
  return result;
}

function report(
  results: readonly StepResult[],
  passed: number,
  failed: number,
  json: boolean,
): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ pass: failed === 0, passed, failed, results })}\n`);
    return;
  }
  process.stdout.write('\n');
  for (const result of results) {
    for (const failure of result.failures) process.stdout.write(`FAILED ${failure}\n`);
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
}

async function runStep(step: Step): Promise<StepResult> {
  const startedAt = performance.now();
  const reportFile = join('.cache', 'steps', `${process.pid}-${step.name}.json`);
  const isVitest = step.counts !== 'exit-code';
  if (isVitest) mkdirSync(join('.cache', 'steps'), { recursive: true });
  const [program, ...args] = step.command;
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const exit = await runProgram(program, isVitest ? [...args, ...reporters] : args, step);
  const counted = isVitest
    ? readVitestReport(reportFile, step.counts === 'vitest-part')
    : { passed: 0, failures: [] };
  rmSync(reportFile, { force: true });
  const failures = counted.failures.map((failure) => `${step.name}: ${failure}`);
  if (exit !== 0 && failures.length === 0) failures.push(`${step.name}: ${describeExit(exit)}`);
  const passed = isVitest ? counted.passed : Number(exit === 0);
  const durationMs = Math.round(performance.now() - startedAt);
  return { name: step.name, passed, failed: failures.length, durationMs, failures };
}

function describeExit(exit: number | string): string {
  return typeof exit === 'number' ? `ended with exit code ${exit}` : exit;
}

/** Resolves to the exit code, or to what else became of the program. */
async function runProgram(
  program: string,
  args: readonly string[],
  step: Step,
): Promise<number | string> {
  const live = step.counts !== 'exit-code';
  // Its own process group, so that a time limit ends the grandchildren as well.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  const take = (chunk: Buffer) => {
    if (live) process.stderr.write(chunk);
    else output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARS);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const end = (signal: NodeJS.Signals) => {
    if (child.pid === undefined || child.exitCode !== null) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has just ended by itself.
    }
  };
  let outlived = false;
  const limit = setTimeout(() => {
    outlived = true;
    end('SIGKILL');
  }, step.timeoutMs);
  const interrupted = (signal: NodeJS.Signals) => {
    end(signal);
    process.exitCode = 130;
    setTimeout(() => process.exit(130), 1_000).unref();
  };
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted);
  const exit = await new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(`could not start: ${error.message}`));
    child.once('close', (code, signal) => resolve(code ?? `ended by ${signal}`));
  });
  clearTimeout(limit);
  process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  if (exit !== 0) process.stderr.write(output);
  return outlived ? `took longer than ${step.timeoutMs / 1000} s` : exit;
}

type VitestReport = {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
};

/** Counts of a finished run. A file that could not be loaded is one failure; so is a skipped test. */
function readVitestReport(path: string, part: boolean): { passed: number; failures: string[] } {
  let parsed: VitestReport;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8')) as VitestReport;
  } catch {
    return { passed: 0, failures: ['wrote no report'] };
  }
  const failures: string[] = [];
  for (const file of parsed.testResults) {
    const name = file.name.replace(`${process.cwd()}/`, '');
    const bad = file.assertionResults.filter(
      ({ status }) => status !== 'passed' && !(part && status !== 'failed'),
    );
    for (const test of bad) {
      const why = test.status === 'failed' ? '' : ` (${test.status})`;
      failures.push(`${name} › ${test.fullName}${why}`);
    }
    if (file.status !== 'passed' && bad.length === 0) failures.push(`${name} (could not run)`);
  }
  return { passed: parsed.numPassedTests, failures };
}
