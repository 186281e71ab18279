import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/repository.ts';

const STEPS = join(ROOT, 'scripts', 'steps.ts');

type Outcome = { code: number; stdout: string; stderr: string };

async function runSteps(steps: readonly object[], args: readonly string[] = []): Promise<Outcome> {
  const program = `
    import { runSteps } from ${JSON.stringify(STEPS)};
    await runSteps(${JSON.stringify(steps)}, ${JSON.stringify(args)});
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
  const { stdout } = await runSteps([step('one', 'console.log("noise")')], ['--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    pass: true,
    passed: 1,
    failed: 0,
    results: [{ name: 'one', passed: 1, failed: 0, failures: [] }],
  });
});
