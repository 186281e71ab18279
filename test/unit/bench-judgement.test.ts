/** What the load benchmark makes of runs: gaps, pairs, and whether a soak holds. */
import { describe, expect, test } from 'vitest';
import { ratioLines, runPairs } from '../../bench/calls/pairs.ts';
import { rowOf, type Row } from '../../bench/calls/row.ts';
import type { LevelRun } from '../../bench/calls/level.ts';
import { growthOf, judgeSoak, type SoakFigures } from '../../bench/calls/soak-verdict.ts';

const GOOD = { stealShare: 0, helperLagP99Ms: 1, sendLatenessP99Ms: 1, spoiledBy: [] };

describe('gaps in what a caller hears', () => {
  const run = (underrunMs: readonly number[]): LevelRun => ({
    calls: 10,
    seconds: 30,
    quietSeconds: 30,
    countedSeconds: 30,
    joined: {
      plain: [],
      eagerMs: Array<number>(200).fill(2),
      bargeInMs: [],
      bargeInsMissed: 0,
      bargeInsLeaky: 0,
      draftWasteShare: 0,
      unanswered: 0,
      unjudged: 0,
    },
    live: 10,
    lost: [],
    greetingMs: [],
    underrunMs,
    underruns: underrunMs.length,
    forwardLatenessMs: Array<number>(3_750).fill(3),
    sendLatenessMs: [],
    loopLagMs: [],
    spans: undefined,
    cpuMs: 1,
    gcMs: 1,
    loopDelayP99Ms: 1,
    idleRssKb: 0,
    rssKb: 0,
    stealShare: 0,
    startMs: 700,
  });

  test('are not lost among the many messages that were in time', () => {
    expect(rowOf(run([]), GOOD).latenessMs).toMatchObject({ n: 3_750, p99: 3, max: 3 });
    // Three answers of two hundred.
    expect(rowOf(run([60, 80, 100]), GOOD).latenessMs).toMatchObject({ p50: 3, p99: 60, max: 100 });
    expect(rowOf(run([60, 80]), GOOD).latenessMs).toMatchObject({ p99: 3, max: 80 });
  });
});

describe('pairs', () => {
  const row = (cpuMsPerCallSecond: number, spoiledBy: readonly string[] = []): Row =>
    ({ cpuMsPerCallSecond, quality: { ...GOOD, spoiledBy } }) as unknown as Row;

  test('take turns in going first, and are not made of a failed run', async () => {
    const order: string[] = [];
    const here = async (): Promise<Row | undefined> => {
      order.push('here');
      return order.length > 4 ? undefined : row(2);
    };
    const there = async (): Promise<Row | undefined> => {
      order.push('there');
      return row(4);
    };
    const { pairs, ratios } = await runPairs(3, here, there);
    expect(order.slice(0, 6)).toEqual(['here', 'there', 'there', 'here', 'here', 'there']);
    expect(order).toHaveLength(12);
    expect(pairs).toEqual([
      [row(2), row(4)],
      [row(2), row(4)],
    ]);
    expect(ratios[0]?.ratio).toBe(0.5);
  });
  test('that all failed are an error', async () => {
    const none = async (): Promise<Row | undefined> => undefined;
    await expect(runPairs(2, none, none)).rejects.toThrow('no pair was measured');
  });

  test('with a spoiled run in them are measured again, and kept apart', async () => {
    let round = 0;
    const here = async (): Promise<Row> => row((round += 1), round === 1 ? ['steal'] : []);
    const there = async (): Promise<Row> => row(2);
    const found = await runPairs(2, here, there);
    expect(found.pairs).toEqual([[row(2), row(2)], [row(3), row(2)]]); // prettier-ignore
    expect(found.spoiled).toEqual([[row(1, ['steal']), row(2)]]);
    expect(found.ratios[0]).toMatchObject({ ratio: 1, range: [1, 1.5] });
    expect(ratioLines(found, 'a', 'b')).toMatch(
      /× 1 \(1 to 1\.5\)\n[^]*2 good pairs, 1 spoiled\n$/,
    );
  });

  test('that are all spoiled are shown as that, after as many again', async () => {
    let runs = 0;
    const noisy = async (): Promise<Row> => {
      runs += 1;
      return row(2, ['steal']);
    };
    const found = await runPairs(2, noisy, noisy);
    expect(runs).toBe(8);
    expect(found.pairs).toEqual([]);
    expect(found.ratios[0]?.ratio).toBe(1);
    expect(ratioLines(found, 'a', 'b')).toContain('spoiled pairs only, 4 spoiled');
  });
});

describe('a soak', () => {
  const figures: SoakFigures = {
    heapGrowth: { kbPerMinute: 20, errorKbPerMinute: 30 },
    descriptors: { idle: 30, most: 350, after: 37 },
    callsLost: 0,
    turns: 11_000,
    stealShare: 0.004,
    helperLagP99Ms: 1.5,
  };
  const minute = 60_000;

  test('grows by the slope of what is left after each wave, with its error', () => {
    const waves = [100, 160, 220, 280].map((heapKb, n) => ({ atMs: n * minute, heapKb }));
    expect(growthOf(waves)).toEqual({ kbPerMinute: 60, errorKbPerMinute: 0 });
    const noisy = [100, 140, 100, 140].map((heapKb, n) => ({ atMs: n * minute, heapKb }));
    expect(growthOf(noisy)).toEqual({ kbPerMinute: 8, errorKbPerMinute: 11.31 });
    expect(growthOf([{ atMs: 1, heapKb: 4 }])).toEqual({
      kbPerMinute: 0,
      errorKbPerMinute: 0,
    });
    expect(growthOf([])).toEqual({ kbPerMinute: 0, errorKbPerMinute: 0 });
  });

  test('holds where nothing grows that is more than noise, and all comes back', () => {
    expect(judgeSoak(figures)).toEqual({ holds: true, because: [], spoiledBy: [] });
    const noise = { kbPerMinute: 200, errorKbPerMinute: 100 };
    expect(judgeSoak({ ...figures, heapGrowth: noise }).holds).toBe(true);
  });

  test.each([
    [
      { heapGrowth: { kbPerMinute: 200, errorKbPerMinute: 40 } },
      'the heap grows by 200 KB a minute',
    ],
    [{ descriptors: { idle: 30, most: 350, after: 90 } }, '60 more sockets and files than before'],
    [{ callsLost: 1 }, '1 calls lost'],
    [{ turns: 0 }, 'nobody was answered'],
  ])('does not hold with %o', (change, why) => {
    expect(judgeSoak({ ...figures, ...change })).toMatchObject({ holds: false, because: [why] });
  });

  test('says what the machine did to it', () => {
    const { spoiledBy } = judgeSoak({ ...figures, stealShare: 0.2, helperLagP99Ms: 9 });
    expect(spoiledBy).toEqual(['20.0 % steal', 'helpers late by 9.0 ms']);
  });
});
