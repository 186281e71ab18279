/**
 * Runs a list of commands one after the other, those of an inner list at the same time, and adds up
 * what passed and failed.
 *
 * Every step runs, whatever happened before it, so that one run shows everything that is wrong. A
 * step has a time limit; one that outlives it is ended together with its children.
 *
 * Many tests run in real time. Where the host of this machine kept much of it for others while a test
 * file ran, and the file failed, it is played again, twice at most. Every replay is said aloud and
 * stands in the sum. What fails on a machine that was ours is a failure at once.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type HostWatch, SPOILING_PERCENT, watchHost } from './host-share.ts';
import { type FileCounts, readVitestReport } from './vitest-report.ts';

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
  /** What failed, by name; a test's reason begins on the lines below. */
  readonly failures: readonly string[];
  /** What failed first and was played again, with what the host had kept; whatever became of it. */
  readonly replayed: readonly string[];
};

/** Output kept for showing it after a failure; the newest part. */
const MAX_OUTPUT_CHARS = 200_000;

const MAX_REPLAYS = 2;
/** Before its first test a file is loaded and sets things up. */
const SETUP_MS = 5_000;

/**
 * Runs all steps, prints the sum, and sets the exit code. `--json` puts the sum on stdout. `watch`:
 * in place of what looks at this machine.
 */
export async function runSteps(
  steps: readonly (Step | readonly Step[])[],
  args: readonly string[],
  watch: () => HostWatch = watchHost,
): Promise<void> {
  const results: StepResult[] = [];
  for (const next of steps) {
    const together = 'name' in next ? [next] : next;
    process.stderr.write(`\n── ${together.map(({ name }) => name).join(', ')}\n`);
    results.push(...(await Promise.all(together.map((step) => runAndTell(step, watch)))));
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  report(results, passed, failed, args.includes('--json'));
  process.exitCode = failed === 0 ? 0 : 1;
}

async function runAndTell(step: Step, watch: () => HostWatch): Promise<StepResult> {
  const result = await runStep(step, watch);
  const seconds = (result.durationMs / 1000).toFixed(1);
  process.stderr.write(
    `   ${step.name}: ${result.passed} passed, ${result.failed} failed (${seconds} s)\n`,
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
  for (const { replayed } of results) {
    for (const replay of replayed) process.stdout.write(`PLAYED AGAIN ${replay}\n`);
  }
  for (const result of results) {
    for (const failure of result.failures) process.stdout.write(`FAILED ${failure}\n`);
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
}

async function runStep(step: Step, watch: () => HostWatch): Promise<StepResult> {
  const startedAt = performance.now();
  const host = watch();
  const replayed: string[] = [];
  let fromMs = Date.now();
  let files = await play(step, []);
  for (let replays = 0; replays < MAX_REPLAYS; replays += 1) {
    const whole = { fromMs, toMs: Date.now() };
    const again = [...files]
      .filter(([, { failures }]) => failures.length > 0)
      .map(([name, { ran = whole }]) => {
        return { name, kept: host.keptBetween(ran.fromMs - SETUP_MS, ran.toMs) };
      })
      .filter(({ kept }) => kept >= SPOILING_PERCENT);
    if (again.length === 0) break;
    for (const { name, kept } of again) {
      const what = name === step.name ? name : `${step.name}: ${name}`;
      process.stderr.write(`   again, the host kept up to ${kept} % of this machine: ${what}\n`);
      replayed.push(`${what} (the host kept up to ${kept} %)`);
    }
    const names = again.map(({ name }) => name);
    const isWhole = names.includes(step.name);
    fromMs = Date.now();
    const played = await play(step, isWhole ? [] : names);
    // A replay that was cut short says nothing of the files that it did not come to.
    files = isWhole ? played : new Map([...files, ...played]);
  }
  host.stop();
  const counts = [...files.values()];
  const failures = counts.flatMap((each) => each.failures).map((what) => `${step.name}: ${what}`);
  const passed = counts.reduce((sum, each) => sum + each.passed, 0);
  const durationMs = Math.round(performance.now() - startedAt);
  return { name: step.name, passed, failed: failures.length, durationMs, failures, replayed };
}

function failedIn(files: ReadonlyMap<string, FileCounts>): string[] {
  return [...files].filter(([, { failures }]) => failures.length > 0).map(([file]) => file);
}

/**
 * Plays a step once: all of it, or the test files that `only` names. Whatever is no test file counts
 * as one by the step's name.
 */
async function play(step: Step, only: readonly string[]): Promise<Map<string, FileCounts>> {
  const [program, ...args] = step.command;
  const { name } = step;
  if (step.counts === 'exit-code') {
    const exit = await runProgram(program, args, step);
    const failures = exit === 0 ? [] : [describeExit(exit)];
    return new Map([[name, { passed: Number(exit === 0), failures }]]);
  }
  mkdirSync(join('.cache', 'steps'), { recursive: true });
  const reportFile = join('.cache', 'steps', `${process.pid}-${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
  const exit = await runProgram(program, [...args, ...only, ...reporters], step);
  const files = readVitestReport(reportFile, step.counts === 'vitest-part');
  rmSync(reportFile, { force: true });
  if (files === undefined) return new Map([[name, { passed: 0, failures: ['wrote no report'] }]]);
  if (exit === 0 || failedIn(files).length > 0) return files;
  return files.set(name, { passed: 0, failures: [describeExit(exit)] });
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
