import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Import, importsOf, readImports } from '../helpers/imports.ts';
import { brokenRules, folderCycles, LAYERS } from '../helpers/import-rules.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'import-rules');
const tree = readImports(ROOT, Object.keys(LAYERS));

describe('the tree', () => {
  test('every folder imports only what the table in docs/architecture.md allows', () => {
    expect(tree.files.length).toBeGreaterThan(20);
    expect(brokenRules(tree.imports)).toEqual([]);
  });

  test('no two folders need each other', () => {
    expect(folderCycles(tree.imports)).toEqual([]);
  });

  test('every import of ours names a file that is there', () => {
    expect(tree.imports.filter((each) => each.target === 'missing')).toEqual([]);
  });

  test('no file is far above 300 lines', () => {
    const sizes = tree.files
      .map((file) => ({ file, lines: readFileSync(join(ROOT, file), 'utf8').split('\n').length }))
      .filter(({ lines }) => lines > 301)
      .sort((a, b) => b.lines - a.lines);
    for (const { file, lines } of sizes) console.warn(`${file} has ${lines - 1} lines`);
    expect(sizes.filter(({ lines }) => lines > 400)).toEqual([]);
  });
});

describe('the check itself', () => {
  const fixture = readImports(FIXTURE, Object.keys(LAYERS));

  test('finds every violation planted in the fixture, and nothing else', () => {
    const found = brokenRules(fixture.imports).map((rule) => rule.split(': ')[0] ?? '');
    expect(found.sort()).toEqual([
      'adapters/stt/vendor.ts → adapters/tts/vendor.ts',
      'adapters/stt/vendor.ts → src/store/rows.ts',
      'emulators/server.ts → src/errors.ts',
      'pipelines/call.ts → adapters/stt/vendor.ts',
      'pipelines/call.ts → express',
      'routes/voice.ts → adapters/stt/port.ts',
      'src/companion/prompt.ts → node:fs',
      'src/conversation/core.ts → node:timers',
      'src/conversation/core.ts → src/log.ts',
      'src/store/rows.ts → pipelines/call.ts',
      'websocket/socket.ts → src/conversation/core.ts',
    ]);
  });

  test('finds the planted cycle of folders', () => {
    expect(folderCycles(fixture.imports)).toEqual(['adapters → src/store → pipelines → adapters']);
  });

  test('sees every way of importing, and no way of writing about it', () => {
    const source = [
      `import type { A } from './a.ts';`,
      `import b, { type C } from "./b.ts";`,
      `export * from './c.ts';`,
      `export type { D } from './d.ts';`,
      `const e = await import('./e.ts');`,
      `type F = import('./f.ts').F;`,
      `import './g.ts';`,
      `const worker = new Worker(new URL('./h.ts', import.meta.url));`,
      `// import './not.ts'`,
      `const text = "import './nor.ts'";`,
      `const computed = await import(name);`,
    ].join('\n');
    const found: Import['specifier'][] = importsOf('x.ts', source).map((each) => each.specifier);
    expect(found.sort()).toEqual([
      './a.ts',
      './b.ts',
      './c.ts',
      './d.ts',
      './e.ts',
      './f.ts',
      './g.ts',
      './h.ts',
      '<computed>',
    ]);
  });
});
