/** What only the session store on Redis does: what it keeps there, and what happens when it fails. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRedisSessionStore } from '../../src/store/redis-session-store.ts';
import { StoreUnavailable } from '../../src/store/session-store.ts';
import { newStreamToken } from '../../src/store/stream-token.ts';
import { startByteProxy } from '../helpers/byte-proxy.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { openRedisStore, until } from '../helpers/redis-store.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
}, 180_000);
afterAll(async () => {
  await redis?.stop();
});

describe('the session store on a Redis that misbehaves', () => {
  const closers: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close();
  });

  async function openThroughProxy() {
    const proxy = await startByteProxy(redis.url);
    closers.push(() => proxy.close());
    const store = await openRedisStore({ ...redis, url: proxy.path }, 100);
    closers.push(() => store.close());
    return { proxy, store };
  }

  test('only the hash of a token is in Redis', async () => {
    const store = await openRedisStore(redis);
    closers.push(() => store.close());
    const { Redis } = await import('ioredis');
    const raw = new Redis(redis.url);
    closers.push(async () => raw.disconnect());
    const token = newStreamToken();
    await store.issueToken(token, { callSid: 'CA1', data: {} }, 10_000);
    const keys = await raw.keys(`${redis.keyPrefix}*`);
    expect(keys.some((key) => /token:[0-9a-f]{64}$/.test(key))).toBe(true);
    expect(keys.join(' ')).not.toContain(token);
    await store.consumeToken(token);
  });

  test('what another version left behind reads as nothing', async () => {
    const store = await openRedisStore(redis);
    closers.push(() => store.close());
    const { Redis } = await import('ioredis');
    const raw = new Redis(redis.url, { keyPrefix: redis.keyPrefix });
    closers.push(async () => raw.disconnect());
    for (const text of ['', 'nonsense', '[]', '{"callSid":1}', 'null']) {
      await raw.set('call:{CAold}', text);
      expect(await store.getCall('CAold')).toBeUndefined();
    }
  });

  test('notices come again after the connection was cut', async () => {
    const { proxy, store } = await openThroughProxy();
    const teller = await openRedisStore(redis);
    closers.push(() => teller.close());
    let heard = 0;
    store.watch(() => (heard += 1));
    const tellUntilHeard = async (): Promise<void> => {
      const before = heard;
      await until(async () => {
        await teller.tell({ kind: 'over', callSid: 'CA1', from: 'b' });
        return heard > before;
      });
    };
    await tellUntilHeard();
    proxy.cut();
    const beforeCut = heard;
    await tellUntilHeard();
    expect(heard).toBeGreaterThan(beforeCut);
  });

  test('a connection that went deaf is given up for a new one, that of the notices too', async () => {
    const proxy = await startByteProxy(redis.url);
    closers.push(() => proxy.close());
    const { keyPrefix } = redis;
    const store = createRedisSessionStore({ url: proxy.path, keyPrefix, deafAfterMs: 300 });
    const teller = await openRedisStore(redis);
    closers.push(
      () => store.close(),
      () => teller.close(),
    );
    let heard = 0;
    store.watch(() => (heard += 1));
    const isWell = async (): Promise<boolean> => {
      const before = heard;
      await teller.tell({ kind: 'over', callSid: 'CA1', from: 'b' });
      return (await store.health()).ok && heard > before;
    };
    await until(isWell);
    proxy.deafen();
    expect((await store.health()).ok).toBe(false);
    await until(isWell);
  });

  test('a hanging Redis costs a tenth of a second, then fails', async () => {
    const { proxy, store } = await openThroughProxy();
    proxy.set('hang');
    const beganMs = performance.now();
    await expect(store.consumeToken('t')).rejects.toBeInstanceOf(StoreUnavailable);
    expect(performance.now() - beganMs).toBeLessThan(1_000);
    expect(await store.health()).toEqual({ ok: false, detail: 'no answer in time' });
  });

  test('Redis is not blamed for a pause of our own', async () => {
    const store = await openRedisStore(redis, 50);
    closers.push(() => store.close());
    const asked = store.nextEpoch('CApause');
    // The answer comes while this thread stands still, and waits behind the timer.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    expect(await asked).toBe(1);
  });

  test('a cut connection fails what was asked, at once, and heals by itself', async () => {
    const { proxy, store } = await openThroughProxy();
    proxy.set('hang');
    const asked = store.seenOnce('once', 10_000);
    proxy.set('refuse');
    await expect(asked).rejects.toBeInstanceOf(StoreUnavailable);
    const beganMs = performance.now();
    await expect(store.nextEpoch('CA1')).rejects.toBeInstanceOf(StoreUnavailable);
    expect(performance.now() - beganMs).toBeLessThan(1_000);
    expect((await store.health()).ok).toBe(false);
    proxy.set('pass');
    expect(await store.untilReady(5_000)).toBe(true);
    expect(await store.nextEpoch('CA2')).toBe(1);
  });

  test('a Redis that is not there at start is reported once and waited for with a limit', async () => {
    const states: string[] = [];
    const store = createRedisSessionStore({
      url: '/nonexistent/redis.sock',
      onConnection: (state) => states.push(state),
    });
    closers.push(() => store.close());
    expect(await store.untilReady(300)).toBe(false);
    await expect(store.getCall('CA1')).rejects.toBeInstanceOf(StoreUnavailable);
    expect(states).toEqual(['down']);
  });
});
