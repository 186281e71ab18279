/** Stream tokens against the real session stores, and two instances that share one Redis. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import type { SessionStore } from '../../src/store/session-store.ts';
import { newStreamToken } from '../../src/store/stream-token.ts';
import { startByteProxy } from '../helpers/byte-proxy.ts';
import { eventually } from '../helpers/eventually.ts';
import {
  connectMedia,
  startMediaServer,
  type MediaServer,
  type MediaServerOptions,
} from '../helpers/media-client.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { openRedisStore } from '../helpers/redis-store.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
}, 180_000);
afterAll(async () => {
  await redis?.stop();
});

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function openStore(url = redis.url, commandTimeoutMs?: number): Promise<SessionStore> {
  const store = await openRedisStore({ ...redis, url }, commandTimeoutMs);
  closers.push(() => store.close());
  return store;
}

/** An instance on `store`; `contacts` counts how often a provider would have been contacted. */
async function startInstance(store: SessionStore, options: MediaServerOptions = {}) {
  const media: MediaServer = await startMediaServer({
    consumeToken: (token) => store.consumeToken(token),
    ...options,
  });
  closers.push(() => media.close());
  return media;
}

/** Presents a token; the end of the refused stream, or 'attached'. */
async function present(media: MediaServer, token: string | undefined, callSid?: string) {
  const client = await connectMedia(media.port);
  client.connected();
  client.start(token, callSid === undefined ? {} : { callSid });
  const attached = eventually(() =>
    media.calls.some((call) => call.stream.streamSid === client.streamSid)
      ? ('attached' as const)
      : client.socket.readyState !== client.socket.OPEN && ('refused' as const),
  );
  const outcome = await attached;
  if (outcome === 'attached') {
    client.socket.terminate();
    return outcome;
  }
  return client.closed;
}

const stores: [string, () => Promise<SessionStore>][] = [
  ['memory', async () => createMemorySessionStore()],
  ['redis', () => openStore()],
];

describe.each(stores)('case 57: tokens, with the %s store', (_kind, openStore) => {
  test('case 57: a good token attaches the stream, with the claim it stood for', async () => {
    const store = await openStore();
    const media = await startInstance(store);
    const token = newStreamToken();
    const claim = { callSid: 'CAgood', data: { personId: 'p-7' } };
    await store.issueToken(token, claim, 10_000);
    expect(await present(media, token, 'CAgood')).toBe('attached');
    expect(media.calls[0]?.claim).toEqual(claim);
    expect(media.calls[0]?.start.parameters).toEqual({ person: 'p-1' });
  });

  test('case 57: missing, unknown, expired, reused and foreign tokens → 1008, no call', async () => {
    const store = await openStore();
    const media = await startInstance(store);
    expect(await present(media, undefined)).toEqual({ code: 1008, reason: 'no token' });
    expect(await present(media, '')).toEqual({ code: 1008, reason: 'no token' });

    const refused = { code: 1008, reason: 'token unknown, expired or used' };
    expect(await present(media, newStreamToken(), 'CAx')).toEqual(refused);

    const expired = newStreamToken();
    await store.issueToken(expired, { callSid: 'CAx', data: {} }, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await present(media, expired, 'CAx')).toEqual(refused);
    expect(media.calls).toEqual([]);

    const used = newStreamToken();
    await store.issueToken(used, { callSid: 'CAx', data: {} }, 10_000);
    expect(await present(media, used, 'CAx')).toBe('attached');
    expect(await present(media, used, 'CAx')).toEqual(refused);

    const foreign = newStreamToken();
    await store.issueToken(foreign, { callSid: 'CAmine', data: {} }, 10_000);
    const wrongCall = { code: 1008, reason: 'token of another call' };
    expect(await present(media, foreign, 'CAtheirs')).toEqual(wrongCall);
    // It was shown to somebody it did not belong to, so it is spent.
    expect(await present(media, foreign, 'CAmine')).toEqual(refused);
    expect(media.calls).toHaveLength(1);
    expect(media.socket.counters.streamsRefused).toBe(7);
  });

  test('case 57: at capacity the call’s owner refuses with its own code', async () => {
    const store = await openStore();
    const media = await startInstance(store, {
      attach: () => ({ refuse: 1013, reason: 'at capacity' }),
    });
    const token = newStreamToken();
    await store.issueToken(token, { callSid: 'CAx', data: {} }, 10_000);
    const client = await connectMedia(media.port);
    client.connected();
    client.start(token, { callSid: 'CAx' });
    expect(await client.closed).toEqual({ code: 1013, reason: 'at capacity' });
    expect(media.calls[0]?.told).toEqual([]);
  });

  test('case 57: neither a token nor a parameter shows up in notices', async () => {
    const store = await openStore();
    const media = await startInstance(store);
    const token = newStreamToken();
    await present(media, token, 'CAx');
    expect(media.notices).not.toHaveLength(0);
    expect(JSON.stringify(media.notices)).not.toContain(token);
  });
});

test('case 57: an owner that throws while attaching costs that stream only', async () => {
  const store = createMemorySessionStore();
  const media = await startInstance(store, {
    attach: () => {
      throw new Error('defect');
    },
  });
  const token = newStreamToken();
  await store.issueToken(token, { callSid: 'CAx', data: {} }, 10_000);
  const client = await connectMedia(media.port);
  client.connected();
  client.start(token, { callSid: 'CAx' });
  expect((await client.closed).code).toBe(1011);
});

test('case 57: with Redis hanging or gone a stream is turned away with 1013 within the second', async () => {
  const proxy = await startByteProxy(redis.url);
  closers.push(() => proxy.close());
  const store = await openStore(proxy.path, 100);
  const media = await startInstance(store);
  for (const mode of ['hang', 'refuse'] as const) {
    proxy.set(mode);
    const beganMs = performance.now();
    const end = await present(media, newStreamToken(), 'CAx');
    expect(end).toEqual({ code: 1013, reason: 'token store unavailable' });
    expect(performance.now() - beganMs).toBeLessThan(1_000);
  }
  expect(media.calls).toEqual([]);
});

test('case 58: the same token on two instances at once → one wins, 200 times', async () => {
  const rounds = 200;
  const storeA = await openStore();
  const storeB = await openStore();
  const a = await startInstance(storeA);
  const b = await startInstance(storeB);
  const wins = { a: 0, b: 0 };
  for (let round = 0; round < rounds; round += 1) {
    const callSid = `CA${round}x`;
    const token = newStreamToken();
    await storeA.issueToken(token, { callSid, data: {} }, 10_000);
    const [toA, toB] = await Promise.all([connectMedia(a.port), connectMedia(b.port)]);
    // Alternating who speaks first within the same tick; the race itself is Redis's to settle.
    const order = round % 2 === 0 ? [toA, toB] : [toB, toA];
    for (const client of order) client.connected();
    for (const client of order) client.start(token, { callSid });
    const winsOf = (media: MediaServer) =>
      media.calls.filter((call) => call.start.callSid === callSid).length;
    const loser = await Promise.race([
      toA.closed.then((end) => ({ end, name: 'a' as const })),
      toB.closed.then((end) => ({ end, name: 'b' as const })),
    ]);
    expect(loser.end).toEqual({ code: 1008, reason: 'token unknown, expired or used' });
    await eventually(() => winsOf(a) + winsOf(b) === 1);
    expect(winsOf(loser.name === 'a' ? a : b)).toBe(0);
    wins[loser.name === 'a' ? 'b' : 'a'] += 1;
    for (const client of order) client.socket.terminate();
  }
  expect(wins.a + wins.b).toBe(rounds);
  expect(a.calls.length + b.calls.length).toBe(rounds);
  // Both instances really took part in the race.
  expect(Math.min(wins.a, wins.b)).toBeGreaterThan(0);
}, 60_000);
