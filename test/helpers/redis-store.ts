/** Session stores on the Redis of a test. */
import { expect } from 'vitest';
import { createRedisSessionStore } from '../../src/store/redis-session-store.ts';
import type { TestRedis } from './redis-server.ts';

/** `commandTimeoutMs`: generous, so that a busy machine fails no test of what the answers are. */
export async function openRedisStore(
  { url, keyPrefix }: Pick<TestRedis, 'url' | 'keyPrefix'>,
  commandTimeoutMs = 5_000,
) {
  const store = createRedisSessionStore({ url, keyPrefix, commandTimeoutMs });
  expect(await store.untilReady(5_000)).toBe(true);
  return store;
}

/** Waits by asking, with a limit; TTLs are the store's own clock, which no test can turn. */
export async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 3_000;
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error('did not come true in 3 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
