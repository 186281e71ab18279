import { describe, expect, test } from 'vitest';
import { within } from '../../src/patience.ts';

describe('waiting with a limit', () => {
  test('gives what came in time, and its failure', async () => {
    expect(await within(1_000, Promise.resolve('here'))).toBe('here');
    await expect(within(1_000, Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  test('ends with the time, and whoever fails later is heard by nobody', async () => {
    const { promise, reject } = Promise.withResolvers<string>();
    expect(await within(1, promise)).toBeUndefined();
    reject(new Error('late'));
    await new Promise((resolve) => setImmediate(resolve));
  });
});
