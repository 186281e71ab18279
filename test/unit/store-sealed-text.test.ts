import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, chmod, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readOrCreateKeyFile } from '../../src/store/key-file.ts';
import { createSealer, SEAL_OVERHEAD_BYTES, SealBroken } from '../../src/store/sealed-text.ts';
import { isUuid, uuidv7 } from '../../src/store/uuid.ts';

const place = { table: 'turns', row: 'r1', column: 'heard_sealed' };

describe('sealed text', () => {
  const sealer = createSealer([randomBytes(32)]);

  test('any text comes back, and never twice as the same bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const [first, second] = [sealer.seal(place, text), sealer.seal(place, text)];
        expect(first.length).toBe(Buffer.byteLength(text) + SEAL_OVERHEAD_BYTES);
        expect(first.equals(second)).toBe(false);
        expect(sealer.open(place, first)).toBe(Buffer.from(text, 'utf8').toString('utf8'));
      }),
      { numRuns: 80 },
    );
  });

  test('in another row, column or table it does not open', () => {
    const sealed = sealer.seal(place, 'I fell in the bathroom');
    for (const change of [{ row: 'r2' }, { column: 'spoken_sealed' }, { table: 'memories' }]) {
      expect(() => sealer.open({ ...place, ...change }, sealed)).toThrow(SealBroken);
    }
  });

  test('no two places read alike, whatever stands in their names', () => {
    const sealed = sealer.seal({ table: 'a', row: 'b1:c', column: 'd' }, 'x');
    expect(() => sealer.open({ table: 'a', row: 'b', column: 'c1:d' }, sealed)).toThrow(SealBroken);
    expect(() => sealer.open({ table: 'a1:b', row: '1:c', column: 'd' }, sealed)).toThrow(
      SealBroken,
    );
  });

  test('with any one bit turned, and cut at any length, it does not open', () => {
    const sealed = sealer.seal(place, 'my chest feels heavy');
    for (let at = 0; at < sealed.length; at += 1) {
      const turned = Buffer.from(sealed);
      turned[at] = (turned[at] ?? 0) ^ (1 << (at % 8));
      expect(() => sealer.open(place, turned)).toThrow(SealBroken);
      expect(() => sealer.open(place, sealed.subarray(0, at))).toThrow(SealBroken);
    }
  });

  test('what an older key sealed opens while that key is in the ring, which seals with the first', () => {
    const [older, newer] = [randomBytes(32), randomBytes(32)];
    const old = createSealer([older]).seal(place, 'Erna');
    const ring = createSealer([newer, older]);
    expect(ring.open(place, old)).toBe('Erna');
    expect(createSealer([newer]).open(place, ring.seal(place, 'Erna'))).toBe('Erna');
    const broken = () => createSealer([newer]).open(place, old);
    expect(broken).toThrow('unknown-key');
  });

  test('a number is found by its fingerprint under every key, and purposes are kept apart', () => {
    const [older, newer] = [randomBytes(32), randomBytes(32)];
    const stored = createSealer([older]).fingerprint('phone', '+4930123456');
    const ring = createSealer([newer, older]);
    expect(ring.fingerprints('phone', '+4930123456').some((each) => each.equals(stored))).toBe(
      true,
    );
    expect(ring.fingerprints('email', '+4930123456').some((each) => each.equals(stored))).toBe(
      false,
    );
    expect(ring.fingerprint('phone', '+4930123457')).not.toEqual(
      ring.fingerprint('phone', '+4930123456'),
    );
  });

  test('errors say nothing of what was sealed', () => {
    const sealed = sealer.seal(place, 'secret words');
    try {
      sealer.open({ ...place, row: 'other' }, sealed);
      expect.unreachable();
    } catch (error) {
      expect(String(error)).toBe('SealBroken: sealed value does not open: not-authentic');
    }
  });

  test('keys of another length, none, or too many are refused', () => {
    for (const keys of [[], [randomBytes(16)], Array.from({ length: 9 }, () => randomBytes(32))]) {
      expect(() => createSealer(keys)).toThrow(/key/);
    }
  });
});

describe('the key file', () => {
  test('is made once, for the owner only, and is the same for two who start together', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'hearthline-key-'));
    try {
      const home = join(dir, 'data');
      const made = await Promise.all([1, 2, 3].map(() => readOrCreateKeyFile(home)));
      expect(new Set(made.map(({ key }) => Buffer.from(key).toString('hex'))).size).toBe(1);
      expect(made.filter(({ created }) => created).length).toBe(1);
      const path = join(home, 'encryption.key');
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect((await readFile(path, 'utf8')).trim()).toHaveLength(64);
      await chmod(path, 0o644);
      expect((await readOrCreateKeyFile(home)).created).toBe(false);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      await writeFile(path, 'not a key');
      await expect(readOrCreateKeyFile(home)).rejects.toThrow('does not hold a key');
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});

describe('UUIDv7', () => {
  test('grows strictly, also within a millisecond and when the clock steps back', () => {
    const ids = [];
    const start = Date.now() + 10;
    for (let n = 0; n < 20_000; n += 1) ids.push(uuidv7(start + (n % 7) - 3));
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every(isUuid)).toBe(true);
    expect(ids.every((id) => id[14] === '7' && '89ab'.includes(id[19] ?? ''))).toBe(true);
  });
});
