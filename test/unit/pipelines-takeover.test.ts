/** What a process makes of a call that another had, by what the stores can tell. */
import { describe, expect, it } from 'vitest';
import type { TakenOver } from '../../pipelines/calls-types.ts';
import type { StoredCall } from '../../pipelines/recall.ts';
import { Takeover, type TakeoverOptions, type TakeoverRequest } from '../../pipelines/takeover.ts';
import { stranger } from '../../src/companion/person.ts';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import type { CallRecord } from '../../src/store/session-store.ts';
import type { TurnRecord } from '../../src/store/sql/conversation-types.ts';

const REQUEST: TakeoverRequest = {
  callSid: 'CA1',
  direction: 'inbound',
  person: stranger('+15555550142'),
  isSure: true,
  why: 'stream',
  inProgress: true,
  above: 1,
};

const RECORD: CallRecord = {
  callSid: 'CA1',
  direction: 'inbound',
  phase: 'live',
  epoch: 1,
  owner: 'a',
  resumeCount: 0,
  startedAtMs: 0,
};

const TURN: TurnRecord = {
  speaker: 'caller',
  turnKey: 't1',
  revision: 0,
  kind: 'turn',
  answers: undefined,
  heard: 'My roses are out.',
  spoken: undefined,
  interrupted: false,
  happenedAtMs: 1,
  timings: {},
};

function stored(change: Partial<StoredCall> = {}): StoredCall {
  const facts = { seniorId: undefined, direction: 'inbound', startedAtMs: 0 } as const;
  return { ...facts, isOver: false, resumeCount: 0, turns: [], ...change };
}

const away = () => {
  const store = createMemorySessionStore();
  void store.close();
  return store;
};

function takeoverOn(change: Partial<TakeoverOptions> = {}) {
  const begun: TakenOver[] = [];
  let end: 'ended' | 'broken' | 'moved' | undefined;
  const takeover = new Takeover({
    store: createMemorySessionStore(),
    sealer: undefined,
    storedCall: undefined,
    now: () => Date.UTC(2026, 10, 22),
    calls: {
      get: () => undefined,
      endOf: () => end,
      resume: (taken) => {
        begun.push(taken);
        // Nobody asks it anything here.
        return { identity: taken } as never;
      },
      giveUpElsewhere: () => undefined,
    },
    ...change,
  });
  return { takeover, begun, over: () => (end = 'ended') };
}

describe('a stream that comes here while no session store tells', () => {
  it.each([
    ['is the call’s first where nothing was said yet', async () => stored(), true],
    ['is the call’s first where nobody knows anything', undefined, true],
    ['goes on where something was said', async () => stored({ turns: [TURN] }), false],
    ['goes on where the call was resumed before', async () => stored({ resumeCount: 1 }), false],
  ])('%s', async (_, storedCall, isFirst) => {
    const { takeover, begun } = takeoverOn({ store: away(), storedCall });
    expect((await takeover.take(REQUEST)).kind).toBe('taken');
    expect(begun.map(({ resumed }) => resumed === undefined)).toEqual([isFirst]);
  });
});

describe('while both stores are away', () => {
  it('two that take a call one after the other give its turns numbers of their own', async () => {
    const floors: number[] = [];
    for (const second of [0, 1]) {
      const now = () => Date.UTC(2026, 10, 22, 0, 0, second);
      const { takeover, begun } = takeoverOn({ store: away(), now });
      await takeover.take({ ...REQUEST, why: 'resume' });
      floors.push(begun[0]!.resumed!.snapshot.nextTurn);
    }
    expect(floors[1]! - floors[0]!).toBeGreaterThanOrEqual(1_000);
    expect(floors.every(Number.isSafeInteger)).toBe(true);
  });

  it('an epoch is above what is known of, whatever the clock says', async () => {
    const { takeover, begun } = takeoverOn({ store: away(), now: () => 0 });
    await takeover.take({ ...REQUEST, above: 7 });
    expect(begun[0]!.epoch).toBeGreaterThan(7);
  });
});

describe('a call that the carrier says is over while it is being taken', () => {
  it.each(['getCall', 'nextEpoch'] as const)('during %s, is not begun again', async (slow) => {
    const memory = createMemorySessionStore();
    await memory.putCall(RECORD, 60_000);
    const gate = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const wait = async (): Promise<void> => {
      reached.resolve();
      await gate.promise;
    };
    const store: TakeoverOptions['store'] = {
      ...memory,
      getCall: async (callSid) => {
        if (slow === 'getCall') await wait();
        return await memory.getCall(callSid);
      },
      nextEpoch: async (callSid, above) => {
        if (slow === 'nextEpoch') await wait();
        return await memory.nextEpoch(callSid, above);
      },
    };
    const { takeover, begun, over } = takeoverOn({ store });
    const taking = takeover.take({ ...REQUEST, why: 'resume' });
    await reached.promise;
    over();
    gate.resolve();
    expect(await taking).toEqual({ kind: 'over' });
    expect(begun).toEqual([]);
  });
});

describe('how much may be said to whoever is on the line', () => {
  const margaret = { ...stranger('+15555550142'), personId: 'p1', name: 'Margaret' };

  async function nameAfter(isPlain: boolean | undefined, isSure: boolean): Promise<string> {
    const store = createMemorySessionStore();
    if (isPlain !== undefined) await store.putCall({ ...RECORD, isPlain }, 60_000);
    const { takeover, begun } = takeoverOn({ store });
    await takeover.take({ ...REQUEST, person: margaret, isSure, why: 'resume' });
    return begun.map(({ person }) => person.name).join();
  }

  it.each([
    [
      'what was so when the call began, although the carrier is silent now',
      false,
      false,
      'Margaret',
    ],
    ['no more than then, although the carrier says nothing against them', true, true, ''],
    ['nothing where nobody knows', undefined, false, ''],
    ['what the carrier vouches for where nothing was kept', undefined, true, 'Margaret'],
  ])('%s', async (_, isPlain, isSure, name) => {
    expect(await nameAfter(isPlain, isSure)).toBe(name);
  });
});
