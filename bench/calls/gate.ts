/** Whether a run says something about the server, or about the machine it ran on. */
import { turnsOf } from './join.ts';
import type { LevelRun } from './level.ts';
import { spreadOf } from './stats.ts';

/** So much of the time that was asked for has to have been quiet. */
const LEAST_QUIET_SHARE = 0.5;
/** How late the helpers' own event loops may be at the 99th percentile; busier ones may be later. */
const MAX_LAG_MS = { few: 2, many: 5 } as const;
const MANY_CALLS = 200;
/** How late the callers' frames may leave at the 99th percentile; Node's timers are good to 1 ms. */
const MAX_SEND_LATENESS_MS = { few: 3, many: 6 } as const;

/** With fewer of its calls than this a level is another level. */
const LEAST_LIVE_SHARE = 0.9;
/** So many lost calls are quoted. */
const MAX_REASONS = 3;

export type Quality = {
  readonly stealShare: number;
  readonly helperLagP99Ms: number;
  readonly sendLatenessP99Ms: number;
  /** What spoiled the run; empty for a good one. */
  readonly spoiledBy: readonly string[];
};

/**
 * Why a run says nothing at all, of whatever machine; undefined for one that does. The server may
 * have refused its calls, or lost them: what is left then is cheap and prompt.
 */
export function failureOf(
  run: Pick<LevelRun, 'calls' | 'joined' | 'live' | 'lost'>,
): string | undefined {
  const { calls, joined, live, lost } = run;
  const turns = turnsOf(joined);
  if (turns > 0 && live >= calls * LEAST_LIVE_SHARE) return undefined;
  const why = lost.length === 0 ? '' : `; ${lost.slice(0, MAX_REASONS).join('; ')}`;
  return `${turns} turns were measured, ${live} of ${calls} calls were up at the end${why}`;
}

/** `wantedSeconds`: of quiet. */
export function judge(
  run: Pick<
    LevelRun,
    'calls' | 'quietSeconds' | 'countedSeconds' | 'stealShare' | 'loopLagMs' | 'sendLatenessMs'
  >,
  wantedSeconds: number,
): Quality {
  const size = run.calls >= MANY_CALLS ? 'many' : 'few';
  const { quietSeconds, countedSeconds, stealShare } = run;
  const helperLagP99Ms = Math.max(...run.loopLagMs.map((lag) => spreadOf(lag)?.p99 ?? 0));
  const sendLatenessP99Ms = spreadOf(run.sendLatenessMs)?.p99 ?? 0;
  const spoiledBy: string[] = [];
  if (quietSeconds < wantedSeconds * LEAST_QUIET_SHARE) {
    const all = countedSeconds > quietSeconds ? ', so that all count' : '';
    spoiledBy.push(`${Math.round(quietSeconds)} s of quiet${all}`);
  }
  if (helperLagP99Ms > MAX_LAG_MS[size]) {
    spoiledBy.push(`helpers late by ${helperLagP99Ms.toFixed(1)} ms`);
  }
  if (sendLatenessP99Ms > MAX_SEND_LATENESS_MS[size]) {
    spoiledBy.push(`callers late by ${sendLatenessP99Ms.toFixed(1)} ms`);
  }
  return { stealShare, helperLagP99Ms, sendLatenessP99Ms, spoiledBy };
}
