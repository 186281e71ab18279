/** What the load benchmark makes of what its processes saw. */
import { describe, expect, test } from 'vitest';
import { ratiosOf } from '../../bench/calls/against.ts';
import { chooseCores } from '../../bench/calls/cores.ts';
import { failureOf, judge } from '../../bench/calls/gate.ts';
import { joinTurns } from '../../bench/calls/join.ts';
import type { CallerTurn, HeardTurn } from '../../bench/calls/messages.ts';
import { readOptions } from '../../bench/calls/options.ts';
import { lastToken, replyTo, tokenOf, turnKind } from '../../bench/calls/plan.ts';
import { QuietTime } from '../../bench/calls/quiet.ts';
import { levelSecondsOf } from '../../bench/calls/climb.ts';
import type { Row } from '../../bench/calls/row.ts';
import { figuresOf } from '../../bench/calls/server-figures.ts';
import { spreadOf } from '../../bench/calls/stats.ts';

const caller: CallerTurn = {
  token: 'c7t3',
  call: 7,
  turn: 3,
  kind: 'plain',
  lastSpeechAtMs: 10_000,
  firstMediaAtMs: 10_571,
  clearAtMs: undefined,
  mediaAfterClear: 0,
};
const heard: HeardTurn = {
  token: 'c7t3',
  endSentAtMs: 10_381,
  endDecidedAtMs: 10_381,
  silenceMs: 333,
  // The group that decided ended 380 ms behind the last word: 47 ms more than the decision needed.
  decidedAfterMs: 380,
  eager: false,
  stopAtMs: undefined,
};
const asked = { token: 'c7t3', requestAtMs: 10_383, firstTokenAtMs: 10_483, tokensSent: 9 };
const spoken = { token: 'c7t3', textAtMs: 10_508, firstAudioAtMs: 10_568 };

describe('a plain turn', () => {
  test('is taken apart without a remainder', () => {
    const { plain } = joinTurns(
      { turns: [caller] },
      { turns: [heard] },
      {
        asked: [asked],
        spoken: [spoken],
      },
    );
    const parts = { groupingMs: 47, aMs: 1, bMs: 2, cMs: 25, dMs: 3, ownWorkMs: 6, addedMs: 78 };
    expect(plain).toEqual([parts]);
    const { groupingMs, cMs, ownWorkMs, addedMs } = parts;
    expect(groupingMs + cMs + ownWorkMs).toBe(addedMs);
  });

  test('is judged by the request that was heard, not by a draft before it', () => {
    const draft = { ...asked, requestAtMs: 10_200, firstTokenAtMs: 10_300, tokensSent: 3 };
    const joined = joinTurns(
      { turns: [caller] },
      { turns: [heard] },
      {
        asked: [draft, asked],
        spoken: [{ ...spoken, textAtMs: 10_320, firstAudioAtMs: 10_380 }, spoken],
      },
    );
    expect(joined.plain[0]?.bMs).toBe(2);
    expect(joined.plain[0]?.cMs).toBe(25);
    expect(joined.draftWasteShare).toBe(0.25);
  });

  test.each([
    ['the recogniser', { turns: [] }, { asked: [asked], spoken: [spoken] }],
    ['the model', { turns: [heard] }, { asked: [], spoken: [spoken] }],
    ['the voice', { turns: [heard] }, { asked: [asked], spoken: [] }],
  ])('that %s did not see is counted as unjudged', (_who, ears, vendors) => {
    const joined = joinTurns({ turns: [caller] }, ears, vendors);
    expect(joined.plain).toEqual([]);
    expect(joined.unjudged).toBe(1);
  });

  test('without an answer is counted', () => {
    const turns = [{ ...caller, firstMediaAtMs: undefined }];
    const joined = joinTurns({ turns }, { turns: [heard] }, { asked: [asked], spoken: [] });
    expect(joined).toMatchObject({ unanswered: 1, unjudged: 0, plain: [] });
  });

  test('that came first in its call only warms up', () => {
    const turns = [{ ...caller, turn: 0 }];
    const joined = joinTurns({ turns }, { turns: [heard] }, { asked: [asked], spoken: [spoken] });
    expect(joined.plain).toEqual([]);
  });
});

test('a turn with a draft counts from its end to its first sound', () => {
  const turns = [{ ...caller, kind: 'eager' as const, firstMediaAtMs: 10_385 }];
  const ears = { turns: [{ ...heard, eager: true }] };
  const joined = joinTurns({ turns }, ears, { asked: [], spoken: [] });
  expect(joined.eagerMs).toEqual([4]);
});

test('what fell into a noisy second is counted where it went wrong, and not timed', () => {
  const over = { ...caller, kind: 'barge-early' as const, mediaAfterClear: 1, clearAtMs: 9_000 };
  const ears = { turns: [{ ...heard, stopAtMs: 8_990 }] };
  const vendors = { asked: [asked], spoken: [spoken] };
  const joined = joinTurns({ turns: [caller, over] }, ears, vendors, { covers: () => false });
  expect(joined).toMatchObject({ plain: [], bargeInMs: [], bargeInsLeaky: 1, unjudged: 0 });
});

describe('quiet time', () => {
  const second = (fromMs: number, stealShare: number) => {
    return { fromMs, toMs: fromMs + 1_000, stealShare, cpuMs: fromMs / 100 };
  };
  // The fourth second is noisy, and the fifth deals with what it held up.
  const quiet = new QuietTime(
    [0, 0.02, 0, 0.03, 0, 0].map((stolen, i) => second(i * 1_000, stolen)),
  );

  test('is the seconds without a burst in them or just before', () => {
    expect(quiet.covers(100, 2_900)).toBe(true);
    expect(quiet.covers(5_000, 6_000)).toBe(true);
    expect(quiet.covers(2_900, 3_100)).toBe(false);
    expect(quiet.covers(4_500, 4_600)).toBe(false);
    expect(quiet.covers(2_000, 5_500)).toBe(false);
    expect(quiet.covers(5_900, 6_100)).toBe(false);
    expect(quiet.sum()).toEqual({ seconds: 4, cpuMs: 0 + 10 + 20 + 50 });
  });
  test('has an end, and a burst before its beginning still counts', () => {
    const seconds = [0, 0.5, 0, 0, 0].map((stolen, i) => second(i * 1_000, stolen));
    expect(new QuietTime(seconds, 2_000, 4_500).sum()).toEqual({ seconds: 1, cpuMs: 30 });
  });
  test('is all of the time where every burst is put up with', () => {
    const seconds = [0.5, 1, 0].map((stolen, i) => second(i * 1_000, stolen));
    expect(new QuietTime(seconds, 0, 3_000, 1).sum()).toMatchObject({ seconds: 3 });
  });
  test('picks single measurements by their moments', () => {
    expect(quiet.of({ atMs: [10, 3_500, 4_200, 5_500], ms: [1, 2, 3, 4] })).toEqual([1, 4]);
  });
});

describe('a turn over the reply', () => {
  const over = { ...caller, kind: 'barge-late' as const, clearAtMs: 9_204 };
  const ears = { turns: [{ ...heard, stopAtMs: 9_200 }] };
  const vendors = { asked: [asked], spoken: [spoken] };

  test('counts from the words that stop to the clear', () => {
    const joined = joinTurns({ turns: [over] }, ears, vendors);
    expect(joined).toMatchObject({ bargeInMs: [4], bargeInsMissed: 0, bargeInsLeaky: 0 });
    expect(joined.plain).toHaveLength(1);
  });

  test('without a clear was missed', () => {
    const joined = joinTurns({ turns: [{ ...over, clearAtMs: undefined }] }, ears, vendors);
    expect(joined).toMatchObject({ bargeInMs: [], bargeInsMissed: 1 });
  });

  test('with sound after the clear leaked', () => {
    const joined = joinTurns({ turns: [{ ...over, mediaAfterClear: 1 }] }, ears, vendors);
    expect(joined.bargeInsLeaky).toBe(1);
  });
});

describe('the plan', () => {
  test('names every turn, and finds the name again in what is said and answered', () => {
    const token = tokenOf(300, 12);
    expect(Buffer.byteLength(`${token}.`)).toBeLessThanOrEqual(9);
    expect(lastToken(`Wait, c300t11. And then ${token}.`)).toEqual({ token, call: 300, turn: 12 });
    for (let turn = 0; turn < 8; turn += 1) {
      const named = { token: tokenOf(1, turn), call: 1, turn };
      expect(lastToken(replyTo(named))).toEqual(named);
    }
    expect(lastToken('Nothing of that kind, c7 or t3.')).toBeUndefined();
  });

  test('speaks over every fifth reply, half of them late, and never over the greeting', () => {
    const kinds = Array.from({ length: 10 }, (_, turn) => turnKind(4, turn + 1));
    expect(kinds.filter((kind) => kind === 'barge-early')).toHaveLength(1);
    expect(kinds.filter((kind) => kind === 'barge-late')).toHaveLength(1);
    for (let call = 0; call < 20; call += 1) expect(turnKind(call, 0)).toBe('plain');
  });
});

describe('figures', () => {
  test('are nearest ranks', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(spreadOf(values)).toEqual({ n: 100, p50: 50, p95: 95, p99: 99, max: 100 });
    expect(spreadOf([])).toBeUndefined();
  });

  test('of two commits are compared round by round', () => {
    const row = (cpuMsPerCallSecond: number): Row => ({ cpuMsPerCallSecond }) as Row;
    const ratios = ratiosOf([
      [row(1), row(2)],
      [row(3), row(3)],
      [row(8), row(10)],
    ]);
    const cpu = {
      measure: 'CPU ms per call-second',
      here: 3,
      there: 3,
      ratio: 0.8,
      range: [0.5, 1],
    };
    expect(ratios).toEqual([cpu]);
  });
});

describe('a run is spoiled', () => {
  const good = {
    calls: 100,
    quietSeconds: 30,
    countedSeconds: 30,
    stealShare: 0.05,
    sendLatenessMs: [0.5, 1],
    loopLagMs: [[1], [1], []],
  };
  test('not while it had its quiet seconds', () => expect(judge(good, 30).spoiledBy).toEqual([]));
  test('by a hypervisor that left too few of them', () => {
    const few = { ...good, quietSeconds: 14, countedSeconds: 14 };
    expect(judge(few, 30).spoiledBy).toEqual(['14 s of quiet']);
    const noise = { ...few, quietSeconds: 2, countedSeconds: 90 };
    expect(judge(noise, 30).spoiledBy).toEqual(['2 s of quiet, so that all count']);
  });
  test('by helpers that cannot keep up themselves', () => {
    const late = { ...good, loopLagMs: [[1], [3], [1]] };
    expect(judge(late, 30).spoiledBy).toEqual(['helpers late by 3.0 ms']);
    expect(judge({ ...late, calls: 300 }, 30).spoiledBy).toEqual([]);
  });
  test('by callers who speak late', () => {
    const late = { ...good, sendLatenessMs: [9] };
    expect(judge(late, 30).spoiledBy).toEqual(['callers late by 9.0 ms']);
  });
});

describe('a run has failed', () => {
  const joined = joinTurns(
    { turns: [caller] },
    { turns: [heard] },
    { asked: [asked], spoken: [spoken] },
  );
  const nothing = joinTurns({ turns: [] }, { turns: [] }, { asked: [], spoken: [] });
  const lost = ['call 3: cut off in turn 1', 'call 4: lost', 'call 5: lost', 'call 6: lost'];

  test('not with its calls up and turns measured', () => {
    const up = { live: 99, lost: ['call 3: lost'] };
    expect(failureOf({ calls: 100, joined, ...up })).toBeUndefined();
  });
  test('without a turn that was measured, however cheap and prompt it was', () => {
    const run = { calls: 200, joined: nothing, live: 200, lost: [] };
    expect(failureOf(run)).toBe('0 turns were measured, 200 of 200 calls were up at the end');
  });
  test('where its calls were refused or lost, and it says how', () => {
    const failure = failureOf({ calls: 200, joined, live: 20, lost });
    expect(failure).toContain(
      '20 of 200 calls were up at the end; call 3: cut off in turn 1; call 4',
    );
    expect(failure).not.toContain('call 6');
  });
});

test('garbage collection, the event loop and the heap are read off the server’s own page', () => {
  const page = [
    '# TYPE nodejs_eventloop_lag_p99_seconds gauge',
    'nodejs_eventloop_lag_p99_seconds 0.0125',
    'nodejs_heap_size_used_bytes 2097152',
    'nodejs_external_memory_bytes 1048576',
    'nodejs_gc_duration_seconds_sum{kind="minor"} 0.25',
    'nodejs_gc_duration_seconds_sum{kind="major"} 0.5',
    'nodejs_gc_duration_seconds_count{kind="major"} 3',
  ].join('\n');
  expect(figuresOf(page)).toEqual({
    gcMs: 750,
    fullCollections: 3,
    loopDelayP99Ms: 2.5,
    heapKb: 3_072,
  });
  expect(() => figuresOf('')).toThrow('says nothing');
});

test('the levels up to the goal fit into the time that the climb has', () => {
  const { seconds, minutes } = readOptions([]);
  const needed = [1, 10, 50, 100, 200, 300].map((calls) => levelSecondsOf(calls, seconds));
  expect(needed.reduce((sum, one) => sum + one, 0)).toBeLessThan(minutes * 60 - 60);
});

describe('the server has a core of its own', () => {
  test.each([1, 2, 3, 4, 16])('where there are %i', (count) => {
    const { server, callers, ears, vendors } = chooseCores(count);
    const others = [callers, ears, vendors];
    expect(Math.max(server, ...others)).toBeLessThan(count);
    expect(others.includes(server)).toBe(count === 1);
  });
});

describe('the command line', () => {
  test('has defaults', () => {
    expect(readOptions([])).toMatchObject({ calls: undefined, seconds: 30, json: false });
  });
  test('takes levels in any order', () => {
    const options = readOptions(['--calls', '100,1,10', '--seconds', '8', '--json']);
    expect(options).toMatchObject({ calls: [1, 10, 100], seconds: 8, json: true });
  });
  test('takes settings of the server', () => {
    const { settings } = readOptions(['--setting', 'A_B=1=2', '--setting', 'C=']);
    expect(settings).toEqual({ A_B: '1=2', C: '' });
  });
  test.each([
    ['--calls', '0'],
    ['--seconds', 'x'],
    ['--soak', '1.5'],
    ['--nonsense'],
    ['--setting', 'X'],
  ])('refuses %s %s', (...args) =>
    expect(() => readOptions(args.filter((arg) => arg !== undefined))).toThrow(),
  );
});
