/** What keeps calls where others find them, and what watches the others. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CallKeeper } from '../../pipelines/call-keeper.ts';
import { BEAT_EVERY_MS, BEAT_TTL_MS, InstanceWatch } from '../../pipelines/instance-watch.ts';
import { openSnapshot } from '../../pipelines/sealed-snapshot.ts';
import { EMPTY_SNAPSHOT } from '../../src/conversation/resume.ts';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import { StoreUnavailable, type SessionStore } from '../../src/store/session-store.ts';
import { breathe, callRecord as record } from '../helpers/call-record.ts';

const sealer = createSealer([new Uint8Array(32).fill(3)]);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a keeper', () => {
  /** A store that answers when told to, or is away. */
  function slowStore() {
    const store = createMemorySessionStore();
    const waiting: (() => void)[] = [];
    const state = { away: false, asked: 0, slow: false };
    const ask = async (): Promise<void> => {
      state.asked += 1;
      if (state.slow) await new Promise<void>((resolve) => waiting.push(resolve));
      if (state.away) throw new StoreUnavailable('test');
    };
    const wrapped: Pick<SessionStore, 'putCall' | 'saveSnapshot'> = {
      putCall: async (...args) => {
        await ask();
        return await store.putCall(...args);
      },
      saveSnapshot: async (...args) => {
        await ask();
        return await store.saveSnapshot(...args);
      },
    };
    return { store, wrapped, state, answer: () => waiting.shift()?.() };
  }

  function keeperOn(store: Pick<SessionStore, 'putCall' | 'saveSnapshot'>) {
    const told: string[] = [];
    const keeper = new CallKeeper({
      store,
      sealer,
      record: record(),
      onOvertaken: () => told.push('overtaken'),
      onSettled: () => told.push('settled'),
    });
    return { keeper, told };
  }

  const savedIn = async (store: SessionStore): Promise<number | undefined> => {
    const sealed = await store.loadSnapshot('CA1');
    return sealed === undefined
      ? undefined
      : openSnapshot(sealer, 'CA1', sealed)?.snapshot.elapsedMs;
  };

  it('writes one thing at a time, and of what comes meanwhile the newest', async () => {
    const { store, wrapped, state, answer } = slowStore();
    const { keeper } = keeperOn(wrapped);
    await breathe();
    state.slow = true;
    const made: number[] = [];
    for (const elapsedMs of [1, 2, 3]) {
      keeper.save(() => {
        made.push(elapsedMs);
        return { ...EMPTY_SNAPSHOT, elapsedMs };
      });
    }
    await breathe();
    expect(state.asked).toBe(2);
    for (const elapsedMs of [4, 5]) keeper.save(() => ({ ...EMPTY_SNAPSHOT, elapsedMs }));
    answer();
    await breathe();
    expect(await savedIn(store)).toBe(3);
    answer();
    await breathe();
    expect(await savedIn(store)).toBe(5);
    expect(made).toEqual([3]);
  });

  it('asks a store that is away now and then, and writes the newest when it is back', async () => {
    const { store, wrapped, state } = slowStore();
    state.away = true;
    const { keeper } = keeperOn(wrapped);
    keeper.save(() => ({ ...EMPTY_SNAPSHOT, elapsedMs: 1 }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(state.asked).toBeLessThan(20);
    state.away = false;
    keeper.save(() => ({ ...EMPTY_SNAPSHOT, elapsedMs: 2 }));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await savedIn(store)).toBe(2);
    expect(await store.getCall('CA1')).toMatchObject({ owner: 'a' });
  });

  it('tells once that it was overtaken, and writes nothing more', async () => {
    const { store, wrapped, state } = slowStore();
    const { keeper, told } = keeperOn(wrapped);
    await breathe();
    await store.nextEpoch('CA1', 1);
    keeper.save(() => EMPTY_SNAPSHOT);
    await breathe();
    expect(told).toEqual(['overtaken', 'settled']);
    const { asked } = state;
    keeper.put();
    keeper.save(() => EMPTY_SNAPSHOT);
    keeper.ended();
    await breathe();
    expect(state.asked).toBe(asked);
  });

  it('says that a call is over, even where the store comes back a little later', async () => {
    const { store, wrapped, state } = slowStore();
    const { keeper, told } = keeperOn(wrapped);
    await breathe();
    state.away = true;
    keeper.ended();
    await vi.advanceTimersByTimeAsync(700);
    state.away = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect((await store.getCall('CA1'))?.phase).toBe('ended');
    expect(told).toEqual(['settled']);
  });

  it('gives up soon on a store that stays away when the call is lost here', async () => {
    const { wrapped, state } = slowStore();
    const { keeper, told } = keeperOn(wrapped);
    await breathe();
    state.away = true;
    keeper.ended('lost');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told).toEqual(['settled']);
    expect(state.asked).toBeLessThan(10);
  });

  it('says for ten minutes that a call is over, and no longer', async () => {
    const { store, wrapped, state } = slowStore();
    const [one, two] = [keeperOn(wrapped), keeperOn(wrapped)];
    await breathe();
    state.away = true;
    one.keeper.ended('over');
    await vi.advanceTimersByTimeAsync(9 * 60_000);
    expect(one.told).toEqual([]);
    state.away = false;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(one.told).toEqual(['settled']);
    expect((await store.getCall('CA1'))?.phase).toBe('ended');
    state.away = true;
    two.keeper.ended('over');
    await vi.advanceTimersByTimeAsync(11 * 60_000);
    expect(two.told).toEqual(['settled']);
    expect(state.asked).toBeLessThan(300);
  });
});

describe('an instance that watches the others', () => {
  function watchOn(store: SessionStore, instance: string, accepting = true) {
    const orphans: string[] = [];
    const watch = new InstanceWatch({
      store,
      instance,
      isAccepting: () => accepting,
      onOrphan: (callSid) => orphans.push(callSid),
      now: () => performance.now(),
    });
    return { watch, orphans };
  }
  const clocked = (): SessionStore => createMemorySessionStore({ now: () => performance.now() });

  it('knows who is alive, who takes calls, and who leaves', async () => {
    const store = clocked();
    const [a, b] = [watchOn(store, 'a'), watchOn(store, 'b', false)];
    a.watch.start();
    b.watch.start();
    await vi.advanceTimersByTimeAsync(BEAT_EVERY_MS * 2);
    expect(a.watch.isAlive('b')).toBe(true);
    expect(a.watch.hasOtherAccepting).toBe(false);
    expect(b.watch.hasOtherAccepting).toBe(true);
    await a.watch.close();
    await vi.advanceTimersByTimeAsync(BEAT_EVERY_MS * 2);
    expect(b.watch.isAlive('a')).toBe(false);
    expect(b.watch.hasOtherAccepting).toBe(false);
    await b.watch.close();
  });

  it('finds the calls of one that fell silent within three seconds', async () => {
    const store = clocked();
    const a = watchOn(store, 'a');
    a.watch.start();
    await store.putCall(record({ owner: 'dead' }), 60_000);
    await store.beat('dead', true, BEAT_TTL_MS);
    await vi.advanceTimersByTimeAsync(BEAT_EVERY_MS);
    expect(a.orphans).toEqual([]);
    await vi.advanceTimersByTimeAsync(3_000 - BEAT_EVERY_MS);
    expect(new Set(a.orphans)).toEqual(new Set(['CA1']));
    await store.putCall(record({ owner: 'a', epoch: 2 }), 60_000);
    a.orphans.length = 0;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(a.orphans).toEqual([]);
    expect((await store.instances()).map(({ instance }) => instance)).toEqual(['a']);
    await a.watch.close();
  });

  it('takes nobody for dead because the store was away', async () => {
    const store = clocked();
    let isAway = false;
    const flaky: SessionStore = {
      ...store,
      beat: async (...args) => {
        if (isAway) throw new StoreUnavailable('beat');
        await store.beat(...args);
      },
    };
    const a = watchOn(flaky, 'a');
    const b = watchOn(store, 'b');
    a.watch.start();
    await store.putCall(record({ owner: 'b' }), 3_600_000);
    await store.beat('b', true, BEAT_TTL_MS);
    await vi.advanceTimersByTimeAsync(1_000);
    isAway = true;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(a.watch.isAlive('b')).toBeUndefined();
    isAway = false;
    // The other one comes back two seconds later.
    await vi.advanceTimersByTimeAsync(2_000);
    b.watch.start();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(a.orphans).toEqual([]);
    expect(a.watch.isAlive('b')).toBe(true);
    await a.watch.close();
    await b.watch.close();
  });
});
