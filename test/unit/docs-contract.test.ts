import { statSync } from 'node:fs';
import { join, posix } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, test } from 'vitest';
import { loadConfig, VARIABLES } from '../../src/config.ts';
import { LAYERS } from '../helpers/import-rules.ts';
import {
  codeBlocks,
  inRepository,
  readRepositoryFile,
  repositoryFiles,
  ROOT,
} from '../helpers/repository.ts';

const readme = readRepositoryFile('README.md');
const manifest = JSON.parse(readRepositoryFile('package.json')) as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

describe('.env.example', () => {
  const example = parseEnv(readRepositoryFile('.env.example')) as Record<string, string>;

  test('names every variable that the server reads, and no other', () => {
    expect(Object.keys(example).sort()).toEqual([...VARIABLES].sort());
  });

  test('used as it is, changes nothing', () => {
    expect(loadConfig(example)).toEqual(loadConfig({}));
  });

  test('calls required exactly what production refuses to start without', () => {
    const blocks = readRepositoryFile('.env.example').split(/\n(?=[A-Z_0-9]+=)/);
    const required = blocks.slice(1).flatMap((block, index) => {
      const comment = (blocks[index] ?? '').split('\n\n').at(-1) ?? '';
      const name = block.split('=')[0] ?? '';
      return /^# (.*\. )?Required\.|\bRequired\.$/m.test(comment) ? [name] : [];
    });
    let message = '';
    try {
      loadConfig({ NODE_ENV: 'production' });
    } catch (error) {
      message = (error as Error).message;
    }
    const refused = [...message.matchAll(/([A-Z_0-9]+) is required/g)].map(
      (match) => match[1] ?? '',
    );
    expect(required.sort()).toEqual(refused.sort());
  });
});

describe('README', () => {
  test('its two commands are the ones that automation runs and that exist', () => {
    const [demo, tests] = codeBlocks(readme, 'sh');
    expect(demo).toBe('npm ci && npm run demo');
    expect(tests).toBe('npm ci && npm test');
    const lines = readRepositoryFile('.ci/run').trim().split('\n');
    expect(lines.at(-1)).toBe(tests);
    expect(statSync(join(ROOT, '.ci/run')).mode & 0o111).not.toBe(0);
  });

  test('every npm script that a document names is there, and the other way round', () => {
    const documents = repositoryFiles('{*.md,docs/**/*.md}').map(readRepositoryFile).join('\n');
    const named = [...documents.matchAll(/npm (?:run (?:-s )?)?([a-z]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => documents.includes(`npm run ${name}`) || /^(start|test)$/.test(name));
    expect([...new Set(named)].sort()).toEqual(Object.keys(manifest.scripts).sort());
  });

  test('the folders of its map are there', () => {
    const map = codeBlocks(readme, '').find((block) => block.startsWith('src/')) ?? '';
    const folders = [...map.matchAll(/(?:^|\s{2,})([a-z-]+)\//gm)].map((match) => match[1] ?? '');
    expect(folders.length).toBeGreaterThan(10);
    const missing = folders.filter((name) => !inRepository(name) && !inRepository(`src/${name}`));
    expect(missing).toEqual([]);
  });
});

describe('documents', () => {
  const documents = repositoryFiles('{*.md,docs/**/*.md}');

  test.each(documents)('every link of %s within the repository leads somewhere', (document) => {
    const targets = [...readRepositoryFile(document).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] ?? '')
      .filter((target) => !/^[a-z]+:/.test(target));
    const dead = targets.filter(
      (target) => !inRepository(posix.join(posix.dirname(document), target)),
    );
    expect(dead).toEqual([]);
  });

  test.each(documents)('every file that %s names in code is there', (document) => {
    const named = [
      ...readRepositoryFile(document).matchAll(/`((?:[a-z-]+\/)+[a-z-]+\.(?:m?ts))`/g),
    ];
    const missing = named.map((match) => match[1] ?? '').filter((path) => !inRepository(path));
    expect(missing).toEqual([]);
  });

  test('decision records are numbered without gaps', () => {
    const numbers = repositoryFiles('docs/adr/*.md').map((path) => Number(path.slice(9, 13)));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeGreaterThan(0);
  });

  test('the architecture has a row for every layer that the import rules know', () => {
    const architecture = readRepositoryFile('docs/architecture.md');
    const folders = Object.keys(LAYERS).filter((layer) => layer.split('/').length < 3);
    expect(folders.filter((layer) => !architecture.includes(`\`${layer}\``))).toEqual([]);
  });
});

describe('packages', () => {
  type Locked = { integrity?: string; resolved?: string; link?: boolean };
  const lock = JSON.parse(readRepositoryFile('package-lock.json')) as {
    packages: Record<string, Locked>;
  };

  test('the lock file holds a checksum for every package, and no address', () => {
    const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
    expect(packages.length).toBeGreaterThan(100);
    for (const [path, locked] of packages) {
      expect(locked.resolved, path).toBeUndefined();
      expect(locked.integrity, path).toMatch(/^sha512-/);
    }
  });

  test('every version is exact', () => {
    const { dependencies, optionalDependencies, devDependencies } = manifest;
    const versions = { ...dependencies, ...optionalDependencies, ...devDependencies };
    for (const [name, version] of Object.entries(versions)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  test('every script checks the Node it runs on first, then becomes its program', () => {
    for (const [name, script] of Object.entries(manifest.scripts)) {
      expect(script, name).toMatch(/^node scripts\/require-node\.mjs && exec /);
    }
  });
});
