import { describe, expect, test } from 'vitest';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import { hashToken, newStreamToken } from '../../src/store/stream-token.ts';

describe('the in-process session store', () => {
  test('things end at their time, not before and not after', async () => {
    let nowMs = 0;
    const store = createMemorySessionStore({ now: () => nowMs });
    await store.issueToken('t', { callSid: 'CA1', data: {} }, 1_000);
    await store.issueToken('u', { callSid: 'CA1', data: {} }, 1_000);
    expect(await store.seenOnce('k', 1_000)).toBe(true);
    nowMs = 999;
    expect(await store.consumeToken('t')).toBeDefined();
    expect(await store.seenOnce('k', 1_000)).toBe(false);
    nowMs = 1_000;
    expect(await store.consumeToken('u')).toBeUndefined();
    expect(await store.seenOnce('k', 1_000)).toBe(true);
  });

  test('an epoch outlives its call’s record by a day', async () => {
    let nowMs = 0;
    const store = createMemorySessionStore({ now: () => nowMs });
    expect(await store.nextEpoch('CA1')).toBe(1);
    nowMs = 86_399_999;
    expect(await store.currentEpoch('CA1')).toBe(1);
    nowMs = 86_400_000;
    expect(await store.currentEpoch('CA1')).toBe(0);
  });

  test('never holds more than it may: the oldest goes', async () => {
    const store = createMemorySessionStore({ maxEntries: 100 });
    for (let n = 0; n < 5_000; n += 1) expect(await store.seenOnce(`k${n}`, 60_000)).toBe(true);
    expect(await store.seenOnce('k4999', 60_000)).toBe(false);
    expect(await store.seenOnce('k4950', 60_000)).toBe(false);
    expect(await store.seenOnce('k0', 60_000)).toBe(true);
  });

  test('what a caller does to its object afterwards changes nothing', async () => {
    const store = createMemorySessionStore();
    const data: Record<string, string> = { a: '1' };
    await store.issueToken('t', { callSid: 'CA1', data }, 1_000);
    data['a'] = '2';
    expect(await store.consumeToken('t')).toEqual({ callSid: 'CA1', data: { a: '1' } });
  });
});

test('a token is 256 random bits, safe in XML and in URLs', () => {
  const tokens = new Set(Array.from({ length: 1_000 }, () => newStreamToken()));
  expect(tokens.size).toBe(1_000);
  for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(hashToken('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
