import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ROOT } from '../helpers/repository.ts';

const STEPS = join(ROOT, 'scripts', 'steps.ts');

type Outcome = { code: number; stdout: string; stderr: string };

/** `hostKept`: what the host keeps of the machine before second 1,000 of all time, percent. */
async function runSteps(
  stages: readonly object[],
  { json = false, hostKept = 0 } = {},
): Promise<Outcome> {
  const program = `
    import { runSteps } from ${JSON.stringify(STEPS)};
    const keptBetween = (fromMs) => (fromMs < 1_000_000 ? ${hostKept} : 0);
    const settled = async (limitMs) => {
      process.stderr.write('waits ' + limitMs + ' ms at most\\n');
      return limitMs;
    };
    const watch = () => ({ keptBetween, settled, stop: () => undefined });
    await runSteps(${JSON.stringify(stages)}, { json: ${json} }, watch);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { cwd: ROOT });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

const step = (name: string, script: string, timeoutMs = 5_000) => ({
  name,
  command: [process.execPath, '--eval', script],
  timeoutMs,
  counts: 'exit-code',
});

test('when everything passes, the last line says so and the exit code is 0', async () => {
  const { code, stdout } = await runSteps([step('one', ''), step('two', '')]);
  expect(stdout.trim().split('\n').at(-1)).toBe('2 passed, 0 failed');
  expect(code).toBe(0);
});

test('a failure is named, its output shown, and the steps behind it still run', async () => {
  const { code, stdout, stderr } = await runSteps([
    step('bad', 'console.log("the reason"); process.exit(3)'),
    step('good', ''),
  ]);
  expect(stdout).toContain('FAILED bad: ended with exit code 3');
  expect(stdout.trim().split('\n').at(-1)).toBe('1 passed, 1 failed');
  expect(stderr).toContain('the reason');
  expect(code).toBe(1);
});

test('lanes go on beside each other, and the steps of a lane wait for each other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearthline-lanes-'));
  const reached = (name: string) => JSON.stringify(join(folder, name));
  const awaits = (name: string) =>
    `const { existsSync } = require('node:fs');
     const timer = setInterval(() => existsSync(${reached(name)}) && clearInterval(timer), 5);`;
  const reaches = (name: string) => `require('node:fs').writeFileSync(${reached(name)}, '');`;
  const needs = (name: string) => `require('node:fs').readFileSync(${reached(name)});`;
  const { code, stdout, stderr } = await runSteps([
    [
      [step('met', reaches('here') + awaits('there')), step('behind', needs('there'))],
      [step('meets', awaits('here') + reaches('there'))],
    ],
    step('after', needs('there')),
  ]).finally(() => rmSync(folder, { recursive: true }));
  expect(stdout.trim()).toBe('4 passed, 0 failed');
  expect(stderr).toContain('── met, behind | meets\n');
  expect(code).toBe(0);
});

test('a step that outlives its limit is ended, and so is what it started', async () => {
  const grandchild = `require('node:child_process').spawn(process.execPath,
    ['--eval', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' }); setInterval(() => {}, 1000)`;
  const { code, stdout } = await runSteps([step('slow', grandchild, 500)]);
  expect(stdout).toContain('FAILED slow: took longer than 0.5 s');
  expect(code).toBe(1);
});

test('a program that is not there is a failure', async () => {
  const missing = { name: 'gone', command: ['no-such-program'], timeoutMs: 1_000 };
  const { code, stdout } = await runSteps([{ ...missing, counts: 'exit-code' }]);
  expect(stdout).toContain('FAILED gone: could not start');
  expect(code).toBe(1);
});

test('a test run that leaves no report is a failure, whatever its exit code', async () => {
  const silent = { ...step('silent', ''), counts: 'vitest' };
  const { code, stdout } = await runSteps([silent]);
  expect(stdout).toContain('FAILED silent: wrote no report');
  expect(code).toBe(1);
});

test('with --json, standard output is one object and nothing else', async () => {
  const { stdout } = await runSteps([step('one', 'console.log("noise")')], { json: true });
  expect(JSON.parse(stdout)).toMatchObject({
    pass: true,
    passed: 1,
    failed: 0,
    results: [{ name: 'one', passed: 1, failed: 0, failures: [], replayed: [] }],
  });
});

type Runner = { readonly sound?: boolean; readonly oursFromPlay?: number };

/**
 * In place of a test runner: three files, one of which passes from the given play on, and one, that
 * runs later, from the second on or, where `sound`, from the first. `oursFromPlay`: all run later.
 */
function tests(
  folder: string,
  passesAtPlay: number,
  { sound = true, oursFromPlay = Infinity }: Runner = {},
) {
  const script = `
    import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
    const log = ${JSON.stringify(join(folder, 'plays'))};
    const args = process.argv.slice(1);
    appendFileSync(log, args.filter((arg) => !arg.startsWith('-')).join(' ') + '\\n');
    const plays = readFileSync(log, 'utf8').split('\\n').length - 1;
    const passesAt = { 'sound.test.ts': 1, 'late.test.ts': ${passesAtPlay}, 'after.test.ts': ${sound ? 1 : 2} };
    const chosen = Object.keys(passesAt).filter((name, _, all) =>
      args.includes(name) || !all.some((other) => args.includes(other)));
    const testResults = chosen.map((name) => {
      const status = plays >= passesAt[name] ? 'passed' : 'failed';
      const isLater = name === 'after.test.ts' || plays >= ${oursFromPlay};
      const startTime = isLater ? 2_000_000 : 900_000;
      const times = { startTime, endTime: startTime + 500 };
      const failureMessages = status === 'passed' ? [] : ['Error: no\\n\\n  at all'];
      const results = [{ status, fullName: 'works', failureMessages }];
      return { name, status, ...times, assertionResults: results };
    });
    const report = args.find((arg) => arg.startsWith('--outputFile.json=')).split('=')[1];
    writeFileSync(report, JSON.stringify({ testResults }));
    process.exitCode = testResults.every(({ status }) => status === 'passed') ? 0 : 1;
  `;
  const command = [process.execPath, '--input-type=module', '--eval', script, '--'];
  return { name: 'tests', command, timeoutMs: 5_000, counts: 'vitest' };
}

describe('a test file that fails', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearthline-steps-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const plays = (): string[] => readFileSync(join(folder, 'plays'), 'utf8').split('\n');

  test('while the host has the machine is played again, alone and said aloud', async () => {
    const { code, stdout, stderr } = await runSteps([tests(folder, 2)], { hostKept: 45 });
    expect(stderr).toContain('the host kept up to 45 % of this machine');
    expect(stderr.indexOf('again, the host')).toBeLessThan(stderr.indexOf('waits 60000 ms'));
    expect(plays()).toEqual(['', 'late.test.ts', '']);
    expect(stdout.trim().split('\n').slice(-2)).toEqual([
      'PLAYED AGAIN tests: late.test.ts (the host kept up to 45 %)',
      '3 passed, 0 failed',
    ]);
    expect(code).toBe(0);
  });

  test('is played again when everything else is over', async () => {
    const { stderr } = await runSteps([tests(folder, 2), step('other', '')], { hostKept: 45 });
    expect(stderr.indexOf('other: 1 passed')).toBeGreaterThan(0);
    expect(stderr.indexOf('other: 1 passed')).toBeLessThan(stderr.indexOf('again, the host'));
  });

  test('at another time than the host had the machine is a failure at once', async () => {
    const { code, stdout } = await runSteps([tests(folder, 2, { sound: false })], {
      json: true,
      hostKept: 45,
    });
    expect(plays()).toEqual(['', 'late.test.ts', '']);
    expect(JSON.parse(stdout)).toMatchObject({
      passed: 2,
      failed: 1,
      results: [
        {
          failures: ['tests: after.test.ts › works\n    Error: no\n      at all'],
          replayed: ['tests: late.test.ts (the host kept up to 45 %)'],
        },
      ],
    });
    expect(code).toBe(1);
  });

  test('in a replay on a machine that is ours is a failure', async () => {
    const { code, stdout } = await runSteps([tests(folder, 3, { oursFromPlay: 2 })], {
      hostKept: 45,
    });
    expect(plays()).toEqual(['', 'late.test.ts', '']);
    expect(stdout.trim().split('\n').at(-1)).toBe('2 passed, 1 failed');
    expect(code).toBe(1);
  });

  test('is a failure after four replays and four waits, whatever the host does', async () => {
    const { code, stdout, stderr } = await runSteps([tests(folder, 99)], { hostKept: 45 });
    expect(plays()).toEqual(['', ...Array<string>(4).fill('late.test.ts'), '']);
    expect(stderr.match(/waits 60000 ms at most/g)).toHaveLength(4);
    expect(stdout).toContain('FAILED tests: late.test.ts › works');
    expect(stdout.trim().split('\n').at(-1)).toBe('2 passed, 1 failed');
    expect(code).toBe(1);
  });

  test('on a machine that is ours is a failure at once', async () => {
    const { code, stdout } = await runSteps([tests(folder, 2)], { hostKept: 9.9 });
    expect(plays()).toEqual(['', '']);
    expect(stdout.trim().split('\n').at(-1)).toBe('2 passed, 1 failed');
    expect(code).toBe(1);
  });
});
