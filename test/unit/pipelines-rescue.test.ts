/** What looks after the calls of the dead. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Rescue, type RescueOptions } from '../../pipelines/rescue.ts';
import { VendorError } from '../../src/errors.ts';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import { StoreUnavailable, type SessionStore } from '../../src/store/session-store.ts';
import { breathe, callRecord as record } from '../helpers/call-record.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a call whose process died', () => {
  function rescueOn(store: SessionStore, change: Partial<RescueOptions> = {}) {
    const done: string[] = [];
    const ends: { endedAtMs: number; reason: string; holder: string | undefined }[] = [];
    const rescue = new Rescue({
      store,
      storedCall: undefined,
      records: {
        ended: (call, endedAtMs, reason, _count, holder) => {
          ends.push({ endedAtMs, reason, holder });
          done.push(`ended ${call.callSid} ${reason}`);
        },
        callBackDue: (call, end) => {
          expect(ends.at(-1)).toMatchObject(end);
          done.push(`call back ${call.callSid}`);
        },
      },
      telephony: { redirect: async (callSid) => void done.push(`redirect ${callSid}`) },
      instance: 'b',
      resumeUrl: () => 'https://example.test/voice/resume',
      holds: () => false,
      isAlive: (instance) => instance !== 'dead',
      tell: () => undefined,
      ...change,
    });
    return { rescue, done, ends };
  }

  it('is fetched once by whoever comes first, and again a while later', async () => {
    const store = createMemorySessionStore({ now: () => performance.now() });
    await store.putCall(record({ owner: 'dead' }), 600_000);
    const [one, two] = [rescueOn(store), rescueOn(store, { instance: 'c' })];
    for (let n = 0; n < 4; n += 1) {
      one.rescue.lookAfter('CA1');
      two.rescue.lookAfter('CA1');
      await breathe();
    }
    expect([...one.done, ...two.done]).toEqual(['redirect CA1']);
    await vi.advanceTimersByTimeAsync(20_000);
    one.rescue.lookAfter('CA1');
    await breathe();
    expect([...one.done, ...two.done]).toEqual(['redirect CA1', 'redirect CA1']);
  });

  it('is left alone where it came here by itself meanwhile, between two orders as well', async () => {
    const store = createMemorySessionStore();
    await store.putCall(record({ owner: 'dead' }), 600_000);
    const state = { held: false, orders: 0 };
    const slow: SessionStore = {
      ...store,
      seenOnce: async (...args) => {
        state.held = true;
        return await store.seenOnce(...args);
      },
    };
    const holds = (): boolean => state.held;
    const first = rescueOn(slow, { holds });
    first.rescue.lookAfter('CA1');
    await breathe();
    expect(first.done).toEqual([]);

    state.held = false;
    await vi.advanceTimersByTimeAsync(20_000);
    const telephony = {
      redirect: async () => {
        state.orders += 1;
        state.held = true;
        throw new VendorError('twilio', 'unreachable');
      },
    };
    const later = createMemorySessionStore();
    await later.putCall(record({ owner: 'dead' }), 600_000);
    rescueOn(later, { holds, telephony }).rescue.lookAfter('CA1');
    await vi.advanceTimersByTimeAsync(3_000);
    expect(state.orders).toBe(1);
  });

  it('is ended as lost and called back, once, where the carrier does not know it any more', async () => {
    const store = createMemorySessionStore();
    await store.putCall(record({ owner: 'dead' }), 600_000);
    const telephony = {
      redirect: async () => {
        throw new VendorError('twilio', 'gone', { status: 400 });
      },
    };
    const { rescue, done } = rescueOn(store, { telephony });
    rescue.lookAfter('CA1');
    await breathe();
    rescue.lookAfter('CA1');
    await breathe();
    expect(done).toEqual(['ended CA1 stream-lost', 'call back CA1']);
    expect(await store.getCall('CA1')).toMatchObject({ phase: 'ended', owner: 'b', epoch: 2 });
  });

  it('is ended at once where the carrier has said so, and once by several', async () => {
    const store = createMemorySessionStore();
    await store.putCall(record({ owner: 'dead' }), 600_000);
    const [one, two] = [rescueOn(store), rescueOn(store, { instance: 'c' })];
    one.rescue.carrierSaysOver('CA1');
    two.rescue.carrierSaysOver('CA1');
    await breathe();
    expect([...one.done, ...two.done]).toEqual(['ended CA1 stream-lost', 'call back CA1']);
  });

  it('is left alone while its process lives, or nobody knows, or it is over', async () => {
    const store = createMemorySessionStore();
    await store.putCall(record(), 600_000);
    const living = rescueOn(store);
    living.rescue.carrierSaysOver('CA1');
    const unsure = rescueOn(store, { isAlive: () => undefined });
    unsure.rescue.carrierSaysOver('CA1');
    await breathe();
    await store.putCall(record({ owner: 'dead', phase: 'ended' }), 600_000);
    living.rescue.carrierSaysOver('CA1');
    await breathe();
    expect([...living.done, ...unsure.done]).toEqual([]);
  });

  it('that was let go of here, and over before anybody took it, is lost as well', async () => {
    const store = createMemorySessionStore();
    await store.putCall(record({ owner: 'b', phase: 'lost' }), 600_000);
    const held = rescueOn(store, { holds: () => true });
    held.rescue.carrierSaysOver('CA1');
    await breathe();
    expect(held.done).toEqual([]);
    const { rescue, done } = rescueOn(store);
    rescue.carrierSaysOver('CA1');
    await breathe();
    expect(done).toEqual(['ended CA1 stream-lost', 'call back CA1']);
  });

  it('that only the database knows is ended when the carrier says so', async () => {
    const store = createMemorySessionStore();
    const storedCall: RescueOptions['storedCall'] = async () => ({
      isOver: false,
      seniorId: undefined,
      direction: 'inbound',
      startedAtMs: 1,
      resumeCount: 0,
      holder: 'z',
      turns: [],
    });
    const { rescue, done, ends } = rescueOn(store, { storedCall });
    rescue.lookAfter('CA1');
    await breathe();
    expect(done).toEqual([]);
    rescue.carrierSaysOver('CA1');
    await breathe();
    expect(done).toEqual(['ended CA1 stream-lost', 'call back CA1']);
    expect(ends).toMatchObject([{ holder: 'z' }]);
  });

  it('is not ended because the carrier refuses an order', async () => {
    const store = createMemorySessionStore();
    await store.putCall(record({ owner: 'dead' }), 600_000);
    const telephony = {
      redirect: async () => {
        throw new VendorError('twilio', 'bad-request', { status: 400 });
      },
    };
    const { rescue, done } = rescueOn(store, { telephony });
    rescue.lookAfter('CA1');
    await vi.advanceTimersByTimeAsync(3_000);
    expect(done).toEqual([]);
    expect(await store.getCall('CA1')).toMatchObject({ phase: 'live', owner: 'dead' });
  });

  it('is found again soon where the store was away just as it was to be ended', async () => {
    const store = createMemorySessionStore();
    await store.putCall(record({ owner: 'dead' }), 600_000);
    let isAway = true;
    const flaky: SessionStore = {
      ...store,
      nextEpoch: async (...args) => {
        if (isAway) throw new StoreUnavailable('nextEpoch');
        return await store.nextEpoch(...args);
      },
    };
    const { rescue, done, ends } = rescueOn(flaky);
    rescue.carrierSaysOver('CA1');
    await breathe();
    isAway = false;
    await vi.advanceTimersByTimeAsync(11_000);
    rescue.lookAfter('CA1');
    await breathe();
    expect(done).toEqual(['ended CA1 stream-lost', 'call back CA1']);
    expect(ends).toMatchObject([{ holder: 'dead' }]);
  });
});
