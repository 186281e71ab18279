import { describe, expect, it } from 'vitest';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import type { SessionStore } from '../../src/store/session-store.ts';
import { createStreamTokens } from '../../src/store/stream-tokens.ts';

const sealer = createSealer([new Uint8Array(32).fill(3)]);

describe('stream tokens while the session store is away', () => {
  const claim = { callSid: 'CA1', data: { personId: 'p', epoch: '1' } };
  const away = (): SessionStore => {
    const store = createMemorySessionStore();
    void store.close();
    return store;
  };

  it('are good once, on any instance with the key, and fit the carrier’s limit', async () => {
    const [one, two] = [away(), away()].map((store) => createStreamTokens({ store, sealer }));
    const token = await one!.issue(claim);
    expect(`token${token}`.length).toBeLessThan(500);
    expect(await two!.consume(token)).toEqual(claim);
    expect(await two!.consume(token)).toBeUndefined();
  });

  it('are good once for all where the store is back', async () => {
    const store = createMemorySessionStore();
    const token = await createStreamTokens({ store: away(), sealer }).issue(claim);
    const [one, two] = [1, 2].map(() => createStreamTokens({ store, sealer }));
    expect(await one!.consume(token)).toEqual(claim);
    expect(await two!.consume(token)).toBeUndefined();
  });

  it('expire, and cannot be made by others', async () => {
    let now = 1_000_000;
    const tokens = createStreamTokens({ store: away(), sealer, now: () => now });
    const token = await tokens.issue(claim);
    now += 61_000;
    expect(await tokens.consume(token)).toBeUndefined();
    const other = createSealer([new Uint8Array(32).fill(4)]);
    const forged = await createStreamTokens({ store: away(), sealer: other }).issue(claim);
    expect(await tokens.consume(forged)).toBeUndefined();
    for (const junk of ['s.', 's.AAAA', 'l.x', 'l.']) {
      expect(await tokens.consume(junk)).toBeUndefined();
    }
  });

  it('without a key are good on the instance that gave them out', async () => {
    const tokens = createStreamTokens({ store: away(), sealer: undefined });
    const token = await tokens.issue(claim);
    expect(await tokens.consume(token)).toEqual(claim);
    expect(await tokens.consume(token)).toBeUndefined();
  });
});
