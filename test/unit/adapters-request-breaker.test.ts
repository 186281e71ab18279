import { afterEach, describe, expect, test } from 'vitest';
import { RequestBreaker } from '../../adapters/request-breaker.ts';
import { VendorError, type VendorFailure } from '../../src/errors.ts';

const breakers: RequestBreaker[] = [];

function breakerWith(options: ConstructorParameters<typeof RequestBreaker>[1] = {}) {
  const breaker = new RequestBreaker('twilio', options);
  breakers.push(breaker);
  return breaker;
}

afterEach(() => {
  for (const breaker of breakers.splice(0)) breaker.shutDown();
});

async function fail(breaker: RequestBreaker, failure: VendorFailure): Promise<unknown> {
  const error = new VendorError('twilio', failure);
  return await breaker.fire(() => Promise.reject(error)).catch((reason: unknown) => reason);
}

describe('the breaker for requests', () => {
  test('one failure is no reason to stop asking; five of five are', async () => {
    const breaker = breakerWith();
    for (let count = 0; count < 4; count += 1) {
      expect(await fail(breaker, 'overloaded')).toMatchObject({ failure: 'overloaded' });
      expect(breaker.status().state).toBe('closed');
    }
    await fail(breaker, 'unreachable');
    expect(breaker.status()).toMatchObject({ state: 'open', reason: 'unreachable', failures: 5 });
    const refused = await fail(breaker, 'overloaded');
    expect(refused).toMatchObject({ failure: 'breaker-open' });
    expect((refused as VendorError).retryAfterMs).toBeGreaterThan(0);
  });

  test('a request that was our mistake says nothing about the vendor', async () => {
    const breaker = breakerWith();
    for (let count = 0; count < 20; count += 1) await fail(breaker, 'bad-request');
    expect(breaker.status()).toMatchObject({ state: 'closed', failures: 0 });
  });

  test('a refused key opens it at once', async () => {
    const breaker = breakerWith();
    await fail(breaker, 'auth');
    expect(breaker.status()).toMatchObject({ state: 'open', reason: 'auth' });
  });

  test('after a while one request may try, and its success closes it', async () => {
    const breaker = breakerWith({ resetTimeoutMs: 20 });
    await fail(breaker, 'auth');
    await expect.poll(() => breaker.status().state, { interval: 5 }).toBe('half-open');
    let finish: (value: string) => void = () => undefined;
    const probe = breaker.fire(async () => new Promise<string>((resolve) => (finish = resolve)));
    expect(await fail(breaker, 'overloaded')).toMatchObject({ failure: 'breaker-open' });
    finish('through');
    expect(await probe).toBe('through');
    expect(breaker.status().state).toBe('closed');
  });

  test('what must go out goes out while it is open, and its own failure is told', async () => {
    const breaker = breakerWith();
    await fail(breaker, 'auth');
    expect(await breaker.fire(() => Promise.resolve(7), { always: true })).toBe(7);
    const error = new VendorError('twilio', 'overloaded');
    await expect(breaker.fire(() => Promise.reject(error), { always: true })).rejects.toBe(error);
  });
});
