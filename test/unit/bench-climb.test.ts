/** In what order the load benchmark measures its levels, and what it keeps of their runs. */
import { describe, expect, test } from 'vitest';
import {
  Climb,
  levelOf,
  levelSecondsOf,
  type ClimbPlan,
  type Run,
} from '../../bench/calls/climb.ts';
import type { Row } from '../../bench/calls/row.ts';

const AMPLE_SECONDS = 100_000;
const SECONDS = 30;
const FAILURE: Run = { failure: '0 turns were measured' };

/** A run of this lateness, milliseconds. */
const run = (lateMs: number, ...spoiledBy: string[]): Run => {
  const row = { latenessMs: { p99: lateMs }, quality: { spoiledBy } };
  return { row: row as unknown as Row };
};

const plan: ClimbPlan = {
  levels: [1, 10, 50, 100],
  seconds: SECONDS,
  untilTooMuch: true,
  repeats: true,
};

/** Lets a climb go on with these outcomes, in turn; which levels it asked for, and then. */
function climb(
  outcomes: readonly Run[],
  { leftSeconds = AMPLE_SECONDS, ...other }: Partial<ClimbPlan> & { leftSeconds?: number } = {},
) {
  const climbing = new Climb({ ...plan, ...other });
  const asked: number[] = [];
  for (const outcome of outcomes) {
    const calls = climbing.next(leftSeconds);
    if (calls === undefined) break;
    asked.push(calls);
    climbing.add(calls, outcome);
  }
  return { asked, then: climbing.next(leftSeconds), climbing };
}

describe('a climb', () => {
  test('goes up, and ends with the first level that is too late', () => {
    const { asked, then } = climb([run(3), run(4), run(21), run(3)]);
    expect(asked).toEqual([1, 10, 50]);
    expect(then).toBeUndefined();
  });

  test('measures levels that were asked for whatever comes', () => {
    const { asked } = climb([run(30), run(40), run(50), run(60)], { untilTooMuch: false });
    expect(asked).toEqual([1, 10, 50, 100]);
  });

  test('has a figure for each level before it repeats a spoiled one', () => {
    const { asked, then } = climb([run(3, 'noise'), run(4), run(5, 'noise'), run(6), run(3)]);
    expect(asked).toEqual([1, 10, 50, 100, 1]);
    expect(then).toBe(50);
  });

  test('repeats a level twice, and first what was measured least', () => {
    const noise = Array.from({ length: 9 }, () => run(3, 'noise'));
    const { asked, then } = climb(noise, { levels: [1, 10] });
    expect(asked).toEqual([1, 10, 1, 10, 1, 10]);
    expect(then).toBeUndefined();
    expect(climb(noise, { levels: [1, 10], repeats: false }).asked).toEqual([1, 10]);
  });

  test('is not ended by one level that noise made late or that failed, but by two', () => {
    expect(climb([run(3), run(90, 'noise'), run(5)]).then).toBe(100);
    expect(climb([run(3), FAILURE, run(5)]).then).toBe(100);
    expect(climb([run(3), FAILURE, run(90, 'noise')]).then).toBe(10);
  });

  test('goes on upwards where a repeat shows that the level holds', () => {
    const { asked, then } = climb([run(3), FAILURE, run(90, 'noise'), run(4), run(5)]);
    expect(asked).toEqual([1, 10, 50, 10, 100]);
    expect(then).toBe(50);
  });

  test('measures what there is time for, and says what it left out', () => {
    const leftSeconds = levelSecondsOf(100, SECONDS) - 1;
    const { asked, then, climbing } = climb([run(3), run(4), run(5, 'noise')], {
      levels: [50, 60, 70, 100, 200],
      leftSeconds,
    });
    expect(asked).toEqual([50, 60, 70]);
    expect(then).toBe(70);
    expect(climbing.leftOut()).toEqual([100, 200]);
  });

  test('shares the time that is left among the levels that wait', () => {
    const climbing = new Climb(plan);
    const needed = plan.levels.reduce((sum, calls) => sum + levelSecondsOf(calls, SECONDS), 0);
    expect(climbing.extraSeconds(1, needed)).toBe(0);
    expect(climbing.extraSeconds(1, needed + 40)).toBe(10);
    expect(climbing.extraSeconds(1, AMPLE_SECONDS)).toBe(180);
    for (const calls of plan.levels) climbing.add(calls, run(3, 'noise'));
    expect(climbing.extraSeconds(1, needed + 40)).toBe(10);
    expect(climbing.extraSeconds(50, needed - 1)).toBe(0);
  });
});

describe('of a level', () => {
  test('the good run is kept, though a spoiled one was prompter', () => {
    const [spoiled, good] = [run(2, 'noise'), run(3)];
    const { row, discarded } = levelOf(10, [spoiled, FAILURE, good]);
    expect([row]).toEqual(rowsOf(good));
    expect(discarded).toEqual(rowsOf(spoiled));
  });

  test('the promptest of spoiled ones is, and of failed ones none', () => {
    const [first, second] = [run(5, 'noise'), run(4, 'noise')];
    expect([levelOf(10, [first, second]).row]).toEqual(rowsOf(second));
    expect(levelOf(10, [FAILURE])).toMatchObject({
      row: undefined,
      failures: ['0 turns were measured'],
    });
  });
});

function rowsOf(...runs: readonly Run[]): Row[] {
  return runs.flatMap((each) => ('row' in each ? [each.row] : []));
}
