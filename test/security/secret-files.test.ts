import { execFileSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { resolveSecretFiles } from '../../src/secret-files.ts';

const dir = mkdtempSync(join(tmpdir(), 'hearthline-secrets-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function fileOf(name: string, content: string): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

function problemOf(path: string): string {
  try {
    resolveSecretFiles({ ADMIN_TOKEN_FILE: path });
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a secret’s file', () => {
  test('is read, also through the links that orchestrators make', () => {
    const file = fileOf('token', `${'t'.repeat(40)}\n`);
    symlinkSync(file, join(dir, 'link'));
    for (const path of [file, join(dir, 'link')]) {
      const env = resolveSecretFiles({ ADMIN_TOKEN_FILE: path, WEBHOOK_SECRET_FILE: path });
      expect(env).toMatchObject({ ADMIN_TOKEN: 't'.repeat(40), WEBHOOK_SECRET: 't'.repeat(40) });
    }
    expect(problemOf(fileOf('largest', 'x'.repeat(16 * 1024)))).toBe('none');
  });

  test('is a file of bounded size, and nothing that could be read for ever or hold up the start', () => {
    const pipe = join(dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    mkdirSync(join(dir, 'folder'));
    symlinkSync('/dev/zero', join(dir, 'device'));
    const startedAt = performance.now();
    for (const path of [
      pipe,
      join(dir, 'folder'),
      join(dir, 'device'),
      '/dev/zero',
      '/dev/urandom',
      '/dev/null',
      '/proc/self/mem',
      join(dir, 'nothing'),
    ]) {
      expect(problemOf(path), path).toContain('ADMIN_TOKEN_FILE names a file that cannot be read');
    }
    expect(problemOf(fileOf('long', 'x'.repeat(16 * 1024 + 1)))).toContain('too long');
    expect(problemOf(fileOf('longer', 'x'.repeat(10_000_000)))).toContain('too long');
    expect(problemOf(fileOf('empty', ' \n'))).toContain('empty');
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test('is not named in what is said about it', () => {
    expect(problemOf(join(dir, 'nothing'))).not.toContain(dir);
  });
});
