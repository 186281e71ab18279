import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import {
  StoreUnavailable,
  type CallNotice,
  type CallRecord,
  type SessionStore,
} from '../../src/store/session-store.ts';
import { newStreamToken } from '../../src/store/stream-token.ts';
import { openRedisStore, until } from '../helpers/redis-store.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
}, 180_000);
afterAll(async () => {
  await redis?.stop();
});

let unique = 0;
const newCallSid = () => `CA${Date.now()}x${(unique += 1)}`;

function recordOf(callSid: string, change: Partial<CallRecord> = {}): CallRecord {
  return {
    callSid,
    direction: 'inbound',
    phase: 'ringing',
    epoch: 1,
    owner: 'instance-a',
    resumeCount: 0,
    startedAtMs: 1_700_000_000_000,
    ...change,
  };
}

const implementations: [string, () => Promise<SessionStore>][] = [
  ['memory', async () => createMemorySessionStore()],
  ['redis', () => openRedisStore(redis)],
];

describe.each(implementations)('session store contract: %s', (kind, open) => {
  let store: SessionStore;
  beforeAll(async () => {
    store = await open();
  });
  afterAll(() => store?.close());

  test('says which it is and that it is well', async () => {
    expect(store.kind).toBe(kind);
    expect(await store.health()).toEqual({ ok: true });
  });

  test('a token gives its claim once', async () => {
    const claim = { callSid: newCallSid(), data: { personId: 'p-1', direction: 'inbound' } };
    const token = newStreamToken();
    await store.issueToken(token, claim, 10_000);
    expect(await store.consumeToken(token)).toEqual(claim);
    expect(await store.consumeToken(token)).toBeUndefined();
  });

  test('a token nobody issued gives nothing, whatever it looks like', async () => {
    for (const token of ['', 'x', '*', '{}', '\0', '\r\nFLUSHALL\r\n', 'é'.repeat(5_000)]) {
      expect(await store.consumeToken(token)).toBeUndefined();
    }
  });

  test('an expired token gives nothing', async () => {
    const token = newStreamToken();
    await store.issueToken(token, { callSid: newCallSid(), data: {} }, 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await store.consumeToken(token)).toBeUndefined();
  });

  test('of fifty askers for one token exactly one gets the claim', async () => {
    const token = newStreamToken();
    const claim = { callSid: newCallSid(), data: {} };
    await store.issueToken(token, claim, 10_000);
    const answers = await Promise.all(Array.from({ length: 50 }, () => store.consumeToken(token)));
    expect(answers.filter((answer) => answer !== undefined)).toEqual([claim]);
  });

  test('a call comes back as it was put, and goes when deleted', async () => {
    const callSid = newCallSid();
    expect(await store.getCall(callSid)).toBeUndefined();
    const full = recordOf(callSid, { streamSid: 'MZ1', personId: 'p-1', traceId: 't', epoch: 2 });
    expect(await store.putCall(full, 10_000)).toBe(true);
    expect(await store.getCall(callSid)).toEqual(full);
    const bare = recordOf(callSid, { epoch: 3, phase: 'ended' });
    expect(await store.putCall(bare, 10_000)).toBe(true);
    expect(await store.getCall(callSid)).toEqual(bare);
    await store.deleteCall(callSid);
    expect(await store.getCall(callSid)).toBeUndefined();
    expect(await store.currentEpoch(callSid)).toBe(0);
  });

  test('a call is forgotten after its time, and its epoch is not', async () => {
    const callSid = newCallSid();
    const epoch = await store.nextEpoch(callSid);
    await store.putCall(recordOf(callSid, { epoch }), 30);
    await until(async () => (await store.getCall(callSid)) === undefined);
    expect(await store.nextEpoch(callSid)).toBe(epoch + 1);
  });

  test('an owner that was overtaken cannot write', async () => {
    const callSid = newCallSid();
    const mine = await store.nextEpoch(callSid);
    expect(await store.putCall(recordOf(callSid, { epoch: mine }), 10_000)).toBe(true);
    const theirs = await store.nextEpoch(callSid);
    const late = recordOf(callSid, { epoch: mine, phase: 'ended' });
    expect(await store.putCall(late, 10_000)).toBe(false);
    expect((await store.getCall(callSid))?.phase).toBe('ringing');
    const next = recordOf(callSid, { epoch: theirs, owner: 'instance-b' });
    expect(await store.putCall(next, 10_000)).toBe(true);
    expect((await store.getCall(callSid))?.owner).toBe('instance-b');
  });

  test('epochs go up by one, each to one asker, and calls do not share them', async () => {
    const callSid = newCallSid();
    expect(await store.currentEpoch(callSid)).toBe(0);
    const epochs = await Promise.all(Array.from({ length: 40 }, () => store.nextEpoch(callSid)));
    expect(epochs.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(await store.currentEpoch(callSid)).toBe(40);
    expect(await store.nextEpoch(newCallSid())).toBe(1);
  });

  test('a key is seen once until its time is over', async () => {
    const key = `status:${newCallSid()}:2`;
    const answers = await Promise.all(Array.from({ length: 20 }, () => store.seenOnce(key, 40)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await store.seenOnce(`${key}0`, 10_000)).toBe(true);
    await until(() => store.seenOnce(key, 10_000));
    expect(await store.seenOnce(key, 10_000)).toBe(false);
  });

  test('times that are not whole milliseconds above zero still expire', async () => {
    const token = newStreamToken();
    await store.issueToken(token, { callSid: newCallSid(), data: {} }, 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await store.consumeToken(token)).toBeUndefined();
    expect(await store.seenOnce(newCallSid(), 12.5)).toBe(true);
  });

  test('an epoch is above what its asker knows of, although the store forgot', async () => {
    const callSid = newCallSid();
    expect(await store.nextEpoch(callSid, 1)).toBe(2);
    expect(await store.nextEpoch(callSid, 1)).toBe(3);
    expect(await store.nextEpoch(callSid, 7)).toBe(8);
    expect(await store.currentEpoch(callSid)).toBe(8);
  });

  test('a snapshot comes back as it was saved, the newest one, and goes with its call', async () => {
    const callSid = newCallSid();
    expect(await store.loadSnapshot(callSid)).toBeUndefined();
    expect(await store.saveSnapshot(callSid, 1, 'sealed-1', 10_000)).toBe(true);
    expect(await store.saveSnapshot(callSid, 1, 'sealed-2', 10_000)).toBe(true);
    expect(await store.loadSnapshot(callSid)).toBe('sealed-2');
    await store.deleteCall(callSid);
    expect(await store.loadSnapshot(callSid)).toBeUndefined();
  });

  test('an owner that was overtaken saves no snapshot', async () => {
    const callSid = newCallSid();
    await store.putCall(recordOf(callSid, { epoch: 1 }), 10_000);
    expect(await store.saveSnapshot(callSid, 1, 'mine', 10_000)).toBe(true);
    const theirs = await store.nextEpoch(callSid, 1);
    expect(await store.saveSnapshot(callSid, 1, 'late', 10_000)).toBe(false);
    expect(await store.loadSnapshot(callSid)).toBe('mine');
    expect(await store.saveSnapshot(callSid, theirs, 'theirs', 10_000)).toBe(true);
    expect(await store.loadSnapshot(callSid)).toBe('theirs');
  });

  test('a snapshot is a sign of life: the record lives as long, and both end', async () => {
    const callSid = newCallSid();
    await store.putCall(recordOf(callSid), 60);
    await store.saveSnapshot(callSid, 1, 'sealed', 400);
    await new Promise((resolve) => setTimeout(resolve, 120));
    expect(await store.getCall(callSid)).toBeDefined();
    await until(async () => (await store.loadSnapshot(callSid)) === undefined);
    await until(async () => (await store.getCall(callSid)) === undefined);
  });

  test('an instance is alive until its beat is over, and known for longer', async () => {
    const [a, b] = [`a-${newCallSid()}`, `b-${newCallSid()}`];
    const seen = async (instance: string) =>
      (await store.instances()).find((each) => each.instance === instance);
    expect(await seen(a)).toBeUndefined();
    await store.beat(a, true, 10_000);
    await store.beat(b, true, 40);
    expect(await seen(a)).toEqual({ instance: a, alive: true, accepting: true });
    await store.beat(a, false, 10_000);
    expect(await seen(a)).toEqual({ instance: a, alive: true, accepting: false });
    await until(async () => (await seen(b))?.alive === false);
    expect(await seen(b)).toEqual({ instance: b, alive: false, accepting: false });
    await store.forgetInstance(b);
    expect(await seen(b)).toBeUndefined();
  });

  test('under one epoch a call has one owner: who came first, or has more than a ringing phone', async () => {
    const callSid = newCallSid();
    const [a, b] = [`a-${callSid}`, `b-${callSid}`];
    const put = async (change: Partial<CallRecord>): Promise<boolean> =>
      await store.putCall(recordOf(callSid, change), 10_000);
    expect(await put({ owner: a })).toBe(true);
    expect(await put({ owner: b })).toBe(false);
    expect(await put({ owner: b, phase: 'live' })).toBe(true);
    for (const phase of ['ringing', 'live', 'ended'] as const) {
      expect(await put({ owner: a, phase })).toBe(false);
    }
    expect(await store.getCall(callSid)).toMatchObject({ owner: b, phase: 'live' });
    expect(await store.nextEpoch(callSid)).toBe(2);
    expect(await put({ owner: b, phase: 'live' })).toBe(false);
    expect(await put({ owner: a, phase: 'lost', epoch: 2 })).toBe(true);
    expect(await store.callsOf(b)).toEqual([]);
  });

  test('a call is its owner’s until another has it or it ends', async () => {
    const [a, b] = [`a-${newCallSid()}`, `b-${newCallSid()}`];
    const [one, two] = [newCallSid(), newCallSid()];
    await store.putCall(recordOf(one, { owner: a }), 10_000);
    await store.putCall(recordOf(two, { owner: a }), 10_000);
    expect((await store.callsOf(a)).toSorted()).toEqual([one, two].toSorted());
    await store.putCall(recordOf(one, { owner: b, epoch: 2 }), 10_000);
    expect(await store.callsOf(a)).toEqual([two]);
    expect(await store.callsOf(b)).toEqual([one]);
    await store.saveSnapshot(two, 1, 'sealed', 10_000);
    await store.putCall(recordOf(two, { owner: a, phase: 'ended' }), 10_000);
    expect(await store.callsOf(a)).toEqual([]);
    expect(await store.loadSnapshot(two)).toBeUndefined();
    await store.deleteCall(one);
    expect(await store.callsOf(b)).toEqual([]);
  });

  test('a notice reaches every watcher until it stops watching', async () => {
    const callSid = newCallSid();
    const heard: [string, CallNotice][] = [];
    const about = (name: string) => (notice: CallNotice) => {
      const about = notice.kind === 'withdrawn' ? notice.personId : notice.callSid;
      if (about === callSid) heard.push([name, notice]);
    };
    const stop = store.watch(about('first'));
    store.watch(about('second'));
    const over = { kind: 'over', callSid, from: 'a' } as const;
    // A subscription takes a moment to stand; what is told before it is lost.
    await until(async () => {
      await store.tell(over);
      return heard.some(([name]) => name === 'first') && heard.some(([name]) => name === 'second');
    });
    expect(heard[0]![1]).toEqual(over);
    stop();
    heard.length = 0;
    const taken = { kind: 'taken', callSid, epoch: 3, from: 'b' } as const;
    const who = { kind: 'answered-by', callSid, who: 'machine', from: 'b' } as const;
    const withdrawn = { kind: 'withdrawn', personId: callSid, from: 'b' } as const;
    await store.tell(taken);
    await store.tell(who);
    await store.tell(withdrawn);
    await until(async () => heard.some(([, notice]) => notice.kind === 'withdrawn'));
    const fresh = heard.filter(([, notice]) => notice.kind !== 'over');
    expect(fresh).toEqual([
      ['second', taken],
      ['second', who],
      ['second', withdrawn],
    ]);
  });

  test('after close every question fails as unavailable, and closing again is harmless', async () => {
    const own = await open();
    await own.close();
    await own.close();
    await expect(own.consumeToken('t')).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(own.nextEpoch('CA1')).rejects.toBeInstanceOf(StoreUnavailable);
    expect((await own.health()).ok).toBe(false);
  });
});
