import { describe, expect, it } from 'vitest';
import { EMPTY_SNAPSHOT, type CallSnapshot } from '../../src/conversation/resume.ts';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import type { TurnRecord } from '../../src/store/sql/conversation-types.ts';
import { recall, withTurns } from '../../pipelines/recall.ts';
import { openSnapshot, sealSnapshot } from '../../pipelines/sealed-snapshot.ts';

const sealer = createSealer([new Uint8Array(32).fill(7)]);
const isFiller = (text: string): boolean => text === 'Let me think.';

function caller(number: number, heard: string, change: Partial<TurnRecord> = {}): TurnRecord {
  return {
    speaker: 'caller',
    turnKey: `t${number}`,
    revision: 0,
    kind: 'turn',
    answers: undefined,
    heard,
    spoken: undefined,
    interrupted: false,
    happenedAtMs: number,
    timings: {},
    ...change,
  };
}

function companion(number: number, heard: string): TurnRecord {
  return { ...caller(number, heard), speaker: 'companion', turnKey: `u-${number}` };
}

const TURNS = [
  companion(1, 'How are you?'),
  caller(1, 'I am well'),
  companion(2, 'Let me think.'),
  companion(3, 'Good. Did you sleep?'),
  caller(2, 'mm-hm', { kind: 'backchannel' }),
  caller(3, 'like a log'),
];

describe('what is known of a call that another process had', () => {
  it('from its turns alone: what the model was shown, without fillers and nods', () => {
    const made = withTurns({ snapshot: EMPTY_SNAPSHOT, savedAtMs: 0 }, TURNS, isFiller);
    expect(made.history.map((entry) => ('text' in entry ? entry.text : ''))).toEqual([
      'How are you?',
      'I am well',
      'Good. Did you sleep?',
      'like a log',
    ]);
    expect(made).toMatchObject({ nextTurn: 4, nextUtterance: 4, lastTurn: { turnId: 't3' } });
  });

  it('from a snapshot that came too late: the turns behind it are added, once', () => {
    const whole = withTurns({ snapshot: EMPTY_SNAPSHOT, savedAtMs: 0 }, TURNS, isFiller);
    const early = withTurns(
      { snapshot: EMPTY_SNAPSHOT, savedAtMs: 0 },
      TURNS.slice(0, 3),
      isFiller,
    );
    expect(withTurns({ snapshot: early, savedAtMs: 0 }, TURNS, isFiller)).toEqual(whole);
    expect(withTurns({ snapshot: whole, savedAtMs: 0 }, TURNS, isFiller)).toEqual(whole);
  });

  it('a newer revision of the last turn replaces it, and words that were open are no longer', () => {
    const openTurn = { turnId: 't3', revision: 1, text: 'like a log really', drafts: 1 };
    const before = withTurns({ snapshot: EMPTY_SNAPSHOT, savedAtMs: 0 }, TURNS, isFiller);
    const snapshot: CallSnapshot = { ...before, openTurn };
    const revised = caller(3, 'like a log really', { revision: 1 });
    const made = withTurns({ snapshot, savedAtMs: 0 }, [...TURNS, revised], isFiller);
    expect(made.history.at(-1)).toMatchObject({ turnId: 't3', text: 'like a log really' });
    expect(made.history).toHaveLength(4);
    expect(made.openTurn).toBeUndefined();
  });

  it('a snapshot opens for its own call only, and another version’s is nothing', () => {
    const sealed = sealSnapshot(sealer, 'CA1', EMPTY_SNAPSHOT, 5);
    expect(openSnapshot(sealer, 'CA1', sealed)).toMatchObject({ savedAtMs: 5 });
    expect(openSnapshot(sealer, 'CA2', sealed)).toBeUndefined();
    expect(openSnapshot(sealer, 'CA1', 'nonsense')).toBeUndefined();
    const other = sealer.seal(
      { table: 'call_sessions', row: 'CA1', column: 'snapshot' },
      '{"version":2,"savedAtMs":1,"snapshot":{}}',
    );
    expect(openSnapshot(sealer, 'CA1', other.toString('base64'))).toBeUndefined();
  });

  it('the time between the processes counts', async () => {
    const store = createMemorySessionStore();
    const snapshot = { ...EMPTY_SNAPSHOT, elapsedMs: 60_000 };
    await store.saveSnapshot('CA1', 1, sealSnapshot(sealer, 'CA1', snapshot, 1_000), 60_000);
    const options = { store, sealer, storedCall: undefined, now: () => 4_000 };
    const known = await recall('CA1', options, isFiller);
    expect(known.snapshot.elapsedMs).toBe(63_000);
    expect(known.isKnown).toBe(true);
  });

  it('a store and a database that are away cost half a second and are nothing', async () => {
    const store = createMemorySessionStore();
    await store.close();
    const storedCall = (): Promise<undefined> => new Promise(() => undefined);
    const beganAt = performance.now();
    const known = await recall('CA1', { store, sealer, storedCall, now: Date.now }, isFiller);
    expect(performance.now() - beganAt).toBeLessThan(1_000);
    expect(known).toMatchObject({ isKnown: false, isOver: false, snapshot: EMPTY_SNAPSHOT });
  });
});
