/**
 * Which level is measured next: up first, so that there is a figure for each, then what was spoiled
 * again.
 */
import { runSecondsOf } from './level.ts';
import type { Row } from './row.ts';

/** Beyond it a level has failed. */
export const MAX_LATENESS_P99_MS = 20;
/** A level whose runs were all spoiled or failed is measured again so often. */
const REPEATS = 2;
/** Up to this one a level's time is kept for it, whatever those below would like to have. */
const GOAL_CALLS = 300;
/** Where the machine is not quiet, a level is measured so many times as long at most. */
export const MOST_TIMES = 3;
/** Few calls need more time for enough turns: one takes about seven seconds. */
const LONGER = [
  { below: 10, factor: 3 },
  { below: 50, factor: 2 },
] as const;

/** What came of one run: its figures, or why there are none. */
export type Run = { readonly row: Row } | { readonly failure: string };

export type Level = {
  readonly calls: number;
  /** The good run, or the best of the spoiled ones; undefined when every run failed. */
  readonly row: Row | undefined;
  readonly discarded: readonly Row[];
  /** Why runs measured nothing. */
  readonly failures: readonly string[];
};

export type ClimbPlan = {
  /** Ascending. */
  readonly levels: readonly number[];
  /** Measured time at most levels, quiet seconds. */
  readonly seconds: number;
  /** Ends at the first level that does not hold; else all are measured. */
  readonly untilTooMuch: boolean;
  readonly repeats: boolean;
};

/** Measured time at a level, seconds. */
export function measuredSecondsOf(calls: number, seconds: number): number {
  return seconds * (LONGER.find(({ below }) => calls < below)?.factor ?? 1);
}

/** How long a level takes in all without repeats, seconds. */
export function levelSecondsOf(calls: number, seconds: number): number {
  return runSecondsOf(calls, measuredSecondsOf(calls, seconds));
}

const spoiledBy = (row: Row): number => row.quality.spoiledBy.length;
const latenessOf = (row: Row): number => row.latenessMs?.p99 ?? Infinity;

export function isInTime(row: Row): boolean {
  return latenessOf(row) <= MAX_LATENESS_P99_MS;
}

/** What is kept of a level's runs. */
export function levelOf(calls: number, runs: readonly Run[]): Level {
  const rows = runs.flatMap((run) => ('row' in run ? [run.row] : []));
  const failures = runs.flatMap((run) => ('failure' in run ? [run.failure] : []));
  const row = rows.toSorted((a, b) => latenessOf(a) - latenessOf(b))[0];
  const good = rows.find((each) => spoiledBy(each) === 0);
  const kept = good ?? row;
  return { calls, row: kept, discarded: rows.filter((each) => each !== kept), failures };
}

/** A climb, step by step. */
export class Climb {
  readonly #plan: ClimbPlan;
  readonly #runs = new Map<number, Run[]>();

  constructor(plan: ClimbPlan) {
    this.#plan = plan;
  }

  /** Undefined when there is nothing more to measure, or no time for it. */
  next(leftSeconds: number): number | undefined {
    const fits = (calls: number): boolean => this.#needs(calls) <= leftSeconds;
    const up = this.#up();
    if (up !== undefined && fits(up)) return up;
    return this.#again().find(fits);
  }

  /** What a run may take longer where the machine is not quiet: its share of what others leave. */
  extraSeconds(calls: number, leftSeconds: number): number {
    const { levels, seconds } = this.#plan;
    const isLater = (level: number): boolean => level <= GOAL_CALLS && !this.#runs.has(level);
    const waiting = this.#runs.has(calls) ? this.#again() : levels.filter(isLater);
    const others = waiting.filter((level) => level !== calls);
    const needed = others.reduce((sum, level) => sum + this.#needs(level), this.#needs(calls));
    const spare = Math.max(0, leftSeconds - needed) / (others.length + 1);
    return Math.min(measuredSecondsOf(calls, seconds) * (MOST_TIMES - 1), Math.floor(spare));
  }

  add(calls: number, run: Run): void {
    this.#runs.set(calls, [...(this.#runs.get(calls) ?? []), run]);
  }

  levels(): Level[] {
    return [...this.#runs].map(([calls, runs]) => levelOf(calls, runs));
  }

  /** Levels that it would have gone on to. */
  leftOut(): readonly number[] {
    const up = this.#up();
    return up === undefined ? [] : this.#plan.levels.filter((calls) => calls >= up);
  }

  #needs(calls: number): number {
    return levelSecondsOf(calls, this.#plan.seconds);
  }

  /** The next one above all that were measured. */
  #up(): number | undefined {
    const { levels, untilTooMuch } = this.#plan;
    if (untilTooMuch && this.#isTooMuch()) return undefined;
    return levels.find((calls) => !this.#runs.has(calls));
  }

  /** What the machine spoiled says little of the server: such levels end a climb only in pairs. */
  #isTooMuch(): boolean {
    const [before, last] = [undefined, undefined, ...this.levels()].slice(-2);
    const held = (level: Level | undefined): boolean =>
      level === undefined || (level.row !== undefined && isInTime(level.row));
    const isSure = last?.row !== undefined && spoiledBy(last.row) === 0;
    return !held(last) && (isSure || !held(before));
  }

  #again(): number[] {
    if (!this.#plan.repeats) return [];
    const isGood = (run: Run): boolean => 'row' in run && spoiledBy(run.row) === 0;
    return [...this.#runs]
      .filter(([, runs]) => runs.length <= REPEATS && !runs.some(isGood))
      .toSorted(([a, runs], [b, others]) => runs.length - others.length || a - b)
      .map(([calls]) => calls);
  }
}
