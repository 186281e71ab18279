import { randomBytes } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DirectoryHeld } from '../../src/store/directory-lock.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import { SetAside } from '../../src/store/set-aside.ts';
import { openSpool } from '../../src/store/spool.ts';
import { SpoolSealed, type SpoolOptions } from '../../src/store/spool-types.ts';
import { uuidv7 } from '../../src/store/uuid.ts';

const key = randomBytes(32);
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hearthline-spool-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const open = (options: Partial<SpoolOptions> = {}) =>
  openSpool({ dir, sealer: createSealer([key]), ...options });

const segments = async () =>
  (await readdir(dir)).filter((name) => name.endsWith('.journal')).sort();

/** The one segment's path. */
async function journal(): Promise<string> {
  const [only, ...others] = await segments();
  expect(others).toEqual([]);
  return join(dir, only!);
}

async function textsOf(spool: Awaited<ReturnType<typeof open>>): Promise<string[]> {
  return (await spool.next(100_000)).map((entry) => entry.text);
}

describe('the spool', () => {
  test('gives back what it was given, in order, also to the next process', async () => {
    const spool = await open();
    const texts = Array.from({ length: 200 }, (_each, n) => `entry ${n} – ünï\n"'`);
    const results = await Promise.all(texts.map((text) => spool.append(text)));
    expect(results.map((result) => (result.kind === 'kept' ? result.seq : 0))).toEqual(
      texts.map((_text, n) => n + 1),
    );
    expect(await textsOf(spool)).toEqual(texts);
    expect((await spool.next(3)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    await spool.close();
    const again = await open();
    expect(again.figures()).toMatchObject({ pending: 200, corrupt: 0 });
    expect(await textsOf(again)).toEqual(texts);
    expect(again.spoolId).toBe(spool.spoolId);
    await again.close();
  });

  test('holds no word in the clear', async () => {
    const spool = await open();
    await spool.append('my daughter Ingrid took the money');
    const written = await readFile(await journal(), 'latin1');
    expect(written).not.toMatch(/Ingrid|daughter/);
    expect(Buffer.from(written.split(' ')[1] ?? '', 'base64').toString()).not.toMatch(/Ingrid/);
    await spool.close();
  });

  test('forgets what is done, frees the disk, and never uses a number twice', async () => {
    const spool = await open({ segmentBytes: 500 });
    for (let n = 1; n <= 30; n += 1) await spool.append(`entry ${n}`);
    expect((await segments()).length).toBeGreaterThan(3);
    await spool.done(12);
    expect((await spool.next(1))[0]).toMatchObject({ seq: 13, text: 'entry 13' });
    expect(spool.figures().pending).toBe(18);
    await spool.done(30);
    expect(await spool.next(10)).toEqual([]);
    expect(spool.figures()).toMatchObject({ pending: 0, bytes: 0 });
    expect((await segments()).length).toBe(1);
    await spool.close();
    const again = await open();
    expect(await again.append('next')).toEqual({ kind: 'kept', seq: 31 });
    await again.close();
  });

  test('a last line torn at any byte is as if it had never been written', async () => {
    const spool = await open();
    await spool.append('first');
    const path = await journal();
    const whole = (await readFile(path)).length;
    await spool.append('second');
    const bytes = await readFile(path);
    await spool.close();
    for (let at = whole; at < bytes.length; at += 1) {
      await writeFile(path, bytes.subarray(0, at));
      const again = await open();
      expect(await textsOf(again)).toEqual(['first']);
      expect(await again.append('third')).toEqual({ kind: 'kept', seq: 2 });
      expect(await textsOf(again)).toEqual(['first', 'third']);
      await again.close();
    }
  });

  test('zeros behind the last line, as a loss of power leaves them, are cut off', async () => {
    const spool = await open();
    await spool.append('first');
    await spool.close();
    await appendFile(await journal(), Buffer.alloc(4_096));
    const again = await open();
    await again.append('second');
    expect(await textsOf(again)).toEqual(['first', 'second']);
    expect(again.figures().corrupt).toBe(0);
    await again.close();
  });

  test('a line that the disk has changed is counted, and those around it come', async () => {
    const spool = await open();
    for (const text of ['one', 'two', 'three']) await spool.append(text);
    const path = await journal();
    await spool.close();
    const bytes = await readFile(path);
    const second = bytes.indexOf('\n') + 10;
    bytes[second] = (bytes[second] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const again = await open();
    expect(again.figures().corrupt).toBe(1);
    expect(await textsOf(again)).toEqual(['one', 'three']);
    await again.done(3);
    expect(again.figures().pending).toBe(0);
    await again.close();
  });

  test('where entries wait whose key is not here it does not open, and they come when it is', async () => {
    const [older, newer] = [randomBytes(32), randomBytes(32)];
    const spool = await open({ sealer: createSealer([older]) });
    await spool.append('old');
    await spool.close();
    for (let n = 0; n < 2; n += 1) {
      await expect(open({ sealer: createSealer([newer]) })).rejects.toThrow(SpoolSealed);
    }
    const again = await open({ sealer: createSealer([newer, older]) });
    await again.append('new');
    expect(await textsOf(again)).toEqual(['old', 'new']);
    await again.done(2);
    await again.close();
    // All of it is done: the older key is not needed any more.
    await (await open({ sealer: createSealer([newer]) })).close();
  });

  test('an entry from another spool comes as unreadable, and stops nothing behind it', async () => {
    const spool = await open();
    await spool.append('from elsewhere');
    await spool.close();
    await writeFile(join(dir, 'id'), `${uuidv7()}\n`);
    const again = await open();
    await again.append('new');
    expect((await again.next(9)).map(({ readable }) => readable)).toEqual([false, true]);
    await again.close();
  });

  test('full is refused, at once and without throwing, and room made is used again', async () => {
    const spool = await open({ maxBytes: 1_000 });
    const results = await Promise.all(
      Array.from({ length: 40 }, (_each, n) => spool.append(`entry ${n}`)),
    );
    const kept = results.filter((result) => result.kind === 'kept').length;
    expect(kept).toBeGreaterThan(3);
    expect(results.slice(kept)).toEqual(
      results.slice(kept).map(() => ({ kind: 'refused', reason: 'full' })),
    );
    expect(spool.figures().bytes).toBeLessThanOrEqual(1_000);
    await spool.done(kept);
    expect(await spool.append('again')).toEqual({ kind: 'kept', seq: kept + 1 });
    await spool.close();
    expect(await spool.append('late')).toEqual({ kind: 'refused', reason: 'closed' });
  });

  test('a second process is refused, and says which file to look at', async () => {
    const spool = await open();
    await expect(open()).rejects.toThrow(DirectoryHeld);
    await expect(open()).rejects.toThrow(`process ${process.pid}`);
    await spool.close();
    await (await open()).close();
  });

  test('what can never be applied is kept aside, sealed', async () => {
    const spool = await open();
    expect(await spool.setAside('{"words":"hello"}', '23503')).toBe('kept');
    const aside = await readFile(join(dir, 'set-aside'), 'utf8');
    expect(aside).toMatch(/^[0-9a-f-]{36} 23503 \S+\n$/);
    expect(aside).not.toContain('hello');
    expect(spool.figures().setAside).toBe(1);
    await spool.close();
  });

  test('what was set aside becomes entries again, but for what cannot be read', async () => {
    const spool = await open();
    await spool.setAside('{"n":1}', '23503');
    await spool.setAside('{"n":2}', 'defect');
    await appendFile(join(dir, 'set-aside'), 'torn off');
    expect(await spool.replayAside()).toEqual({ replayed: 2, left: 1 });
    expect((await spool.next(10)).map(({ text }) => text)).toEqual(['{"n":1}', '{"n":2}']);
    expect(await readFile(join(dir, 'set-aside'), 'utf8')).toBe('torn off\n');
    expect(await spool.replayAside()).toEqual({ replayed: 0, left: 1 });
    await spool.close();
  });

  test('many that were set aside come back in their order, a hundred to one fsync', async () => {
    const aside = new SetAside({ dir, sealer: createSealer([key]), maxBytes: 1_000_000 });
    const texts = Array.from({ length: 250 }, (_, n) => `{"n":${n}}`);
    await Promise.all(texts.map(async (text) => aside.keep(text, '23503')));
    const given: string[] = [];
    let waiting = 0;
    let most = 0;
    const result = await aside.replay(async (text) => {
      given.push(text);
      waiting += 1;
      most = Math.max(most, waiting);
      await new Promise(setImmediate);
      waiting -= 1;
      return text !== '{"n":120}';
    });
    expect(result).toEqual({ replayed: 249, left: 1 });
    expect(given).toEqual(texts);
    expect(most).toBe(100);
  });

  test('what is set aside has a limit, and stays where the spool is full', async () => {
    const spool = await open({ maxBytes: 0, maxAsideBytes: 250 });
    const results: string[] = [];
    for (let n = 0; n < 4; n += 1) results.push(await spool.setAside(`{"n":${n}}`, '23503'));
    expect(results).toEqual(['kept', 'kept', 'full', 'full']);
    expect(spool.figures().setAside).toBe(2);
    expect(await spool.replayAside()).toEqual({ replayed: 0, left: 2 });
    await spool.close();
    const again = await open({ maxAsideBytes: 250 });
    expect(await again.replayAside()).toEqual({ replayed: 2, left: 0 });
    expect(await again.setAside('{"n":4}', '23503')).toBe('kept');
    await again.close();
  });

  test('a folder that vanishes under it refuses and does not throw', async () => {
    const spool = await open({ segmentBytes: 1 });
    await spool.append('one');
    await rm(dir, { recursive: true });
    expect(await spool.append('two')).toEqual({ kind: 'refused', reason: 'disk' });
    await spool.close();
  });

  test('a journal that was lost, or a new id, makes no number count twice or entry unreadable', async () => {
    const spool = await open();
    await spool.append('one');
    await spool.close();
    await rm(await journal());
    const again = await open();
    expect(again.spoolId).not.toBe(spool.spoolId);
    expect(again.lastSeqAtOpen).toBe(0);
    await again.append('two');
    const before = again.spoolId;
    expect(await again.renew()).toBe(true);
    expect(again.spoolId).not.toBe(before);
    await again.append('three');
    await again.close();
    const last = await open();
    expect(last).toMatchObject({ spoolId: again.spoolId, lastSeqAtOpen: 2 });
    expect((await last.next(9)).map(({ readable }) => readable)).toEqual([true, true]);
    expect(await textsOf(last)).toEqual(['two', 'three']);
    await last.close();
  });

  test('an empty segment left over from a crash between two steps does no harm', async () => {
    const spool = await open();
    for (const text of ['one', 'two']) await spool.append(text);
    const path = await journal();
    await spool.close();
    await writeFile(join(dir, '000000000000003.journal'), '');
    const again = await open();
    expect(await again.append('three')).toEqual({ kind: 'kept', seq: 3 });
    expect(await textsOf(again)).toEqual(['one', 'two', 'three']);
    await again.close();
    await truncate(path, 0);
    const emptied = await open();
    expect(await textsOf(emptied)).toEqual(['three']);
    await emptied.close();
  });
});
