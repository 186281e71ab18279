import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readRepositoryFile, ROOT } from '../helpers/repository.ts';

const GUARD = join(ROOT, 'scripts', 'require-node.mjs');
const run = promisify(execFile);

/** Runs the guard with another version, platform and processor than there are. */
async function guardOn(version: string, platform: string, arch: string): Promise<string> {
  const pretend = `
    Object.defineProperty(process, 'versions', { value: { node: '${version}' } });
    Object.defineProperty(process, 'platform', { value: '${platform}' });
    Object.defineProperty(process, 'arch', { value: '${arch}' });
    await import(${JSON.stringify(GUARD)});
  `;
  try {
    await run(process.execPath, ['--input-type=module', '--eval', pretend]);
    return '';
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

test('Node 24 and newer pass without a word', async () => {
  expect(await guardOn('24.0.0', 'linux', 'x64')).toBe('');
  expect(await guardOn('26.1.0', 'darwin', 'arm64')).toBe('');
});

test('an older Node is told what to do, by platform', async () => {
  const linux = await guardOn('20.20.2', 'linux', 'x64');
  expect(linux).toContain('20.20.2');
  expect(linux).toContain('npm ci');
  expect(await guardOn('22.3.0', 'darwin', 'arm64')).toContain('nodejs.org');
  expect(await guardOn('22.3.0', 'linux', 'riscv64')).toContain('nodejs.org');
});

test('the guard is written for any Node: no imports, no syntax of the day', () => {
  const source = readRepositoryFile('scripts/require-node.mjs');
  expect(source).not.toMatch(/\bimport\b|\?\.|\?\?|await/);
});
