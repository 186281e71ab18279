import { describe, expect, it } from 'vitest';
import { fewRandomBytes } from '../../src/store/random-bytes.ts';

describe('a few random bytes', () => {
  it('are never the same ones twice, over many fillings of the pool', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 5_000; i += 1) {
      seen.add(fewRandomBytes(12).toString('hex'));
      seen.add(fewRandomBytes(16).toString('hex'));
    }
    expect(seen.size).toBe(10_000);
  });

  it('belong to who asked: what comes later does not change them', () => {
    const mine = fewRandomBytes(12);
    const before = mine.toString('hex');
    for (let i = 0; i < 2_000; i += 1) fewRandomBytes(16).fill(0);
    expect(mine.toString('hex')).toBe(before);
  });

  it('spread over all values', () => {
    const ones = Array.from({ length: 4_000 }, () => fewRandomBytes(16))
      .flatMap((bytes) => [...bytes])
      .reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    const share = ones / (4_000 * 16 * 8);
    // Fourteen standard deviations.
    expect(Math.abs(share - 0.5)).toBeLessThan(0.01);
  });

  it('are few: what the pool cannot hold is refused, and leaves it as it was', () => {
    expect(fewRandomBytes(4_096)).toHaveLength(4_096);
    for (const count of [4_097, 0, -12, 1.5, Number.NaN]) {
      expect(() => fewRandomBytes(count)).toThrow(RangeError);
    }
    expect(fewRandomBytes(12)).not.toEqual(Buffer.alloc(12));
  });
});
