/** All scenarios, by name. */
import { SPOILING_PERCENT, watchHost } from '../../scripts/host-share.ts';
import { LATE } from './baseline.ts';
import { diskFull } from './disk.ts';
import { drainAlone, drainWithAnother } from './drains.ts';
import { killsInMidTurn, killsWhileSilent, killsWithHangUp } from './kills.ts';
import { withoutBoth, withoutPostgres, withoutRedis } from './outages.ts';
import type { Outcome, RunOptions, Scenario } from './scenario.ts';
import { startToReady } from './starts.ts';
import { sameWebhookAtOnce } from './webhooks.ts';

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'start',
    promise:
      'started again, ready within 2 s on the embedded database, 3 s with PostgreSQL (median)',
    run: startToReady,
  },
  {
    name: 'kill',
    promise: 'kill -9 in mid-turn: heard again within 5 s from the other instance, nothing lost',
    run: killsInMidTurn,
  },
  {
    name: 'kill-silent',
    promise: 'kill -9, and the carrier waits in silence: a survivor fetches the calls',
    run: killsWhileSilent,
  },
  {
    name: 'kill-hang-up',
    promise: 'kill -9, and the carrier hangs up: ended, and a call-back is due',
    run: killsWithHangUp,
  },
  {
    name: 'drain',
    promise: 'SIGTERM beside another instance: no call cut, gap p95 within 2.5 s, memories safe',
    run: drainWithAnother,
  },
  {
    name: 'drain-alone',
    promise: 'SIGTERM alone: every caller hears a goodbye, memories safe',
    run: drainAlone,
  },
  {
    name: 'redis-down',
    promise: 'Redis killed for a minute: no call cut, no turn lost or doubled',
    run: withoutRedis,
  },
  {
    name: 'postgres-down',
    promise: 'PostgreSQL killed for a minute: no call cut, all turns there within 60 s after',
    run: withoutPostgres,
  },
  {
    name: 'both-down',
    promise: 'Redis frozen and PostgreSQL killed for a minute: the same',
    run: withoutBoth,
  },
  {
    name: 'disk-full',
    promise: 'the disk full while PostgreSQL is away: refused loudly, calls go on',
    run: diskFull,
  },
  {
    name: 'webhook',
    promise: 'one webhook twenty times at once at two instances: one effect',
    run: sameWebhookAtOnce,
  },
];

const BASELINE = {
  name: 'baseline',
  promise: 'after each of these faults sockets, timers, heap and queues are back within 60 s',
} as const;

export function promiseOf(name: string): string {
  return [...SCENARIOS, BASELINE].find((each) => each.name === name)?.promise ?? name;
}

/** What the others say about what their faults left behind, as a row of its own. */
export function baselineOf(results: readonly Result[]): Result | undefined {
  const looked = results.filter(({ figures }) => Number(figures['settledAfterMs'] ?? -1) >= 0);
  const late = results.flatMap(({ name, findings }) =>
    findings.filter((each) => each.startsWith(LATE)).map((each) => `${name}, ${each}`),
  );
  if (looked.length + late.length === 0) return undefined;
  const most = (figure: string): number =>
    Math.max(0, ...looked.map(({ figures }) => Number(figures[figure] ?? 0)));
  return {
    name: BASELINE.name,
    pass: late.length === 0,
    figures: {
      faults: looked.length,
      settledAfterMs: most('settledAfterMs'),
      heapGrowthMb: most('heapGrowthMb'),
    },
    findings: late,
    seconds: 0,
    replays: 0,
  };
}

export type Result = {
  readonly name: string;
  readonly pass: boolean;
  readonly figures: Outcome['figures'];
  /** Broken promises, in words. */
  readonly findings: readonly string[];
  readonly seconds: number;
  /** How often it was played before, without holding, while the host had the machine. */
  readonly replays: number;
};

/** Far beyond any scenario's own waits; what takes longer has lost its way. */
const SCENARIO_LIMIT_MS = 15 * 60_000;

/** Never rejects: what cannot be played has not held. */
export async function play(scenario: Scenario, options: RunOptions): Promise<Result> {
  const beganAtMs = performance.now();
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(() => limit.reject(new Error('it took too long')), SCENARIO_LIMIT_MS);
  const played = Promise.race([scenario.run(options), limit.promise]);
  const outcome = await played.catch((error: unknown): Outcome => {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { figures: {}, findings: [`could not be played: ${why}`] };
  });
  clearTimeout(timer);
  return {
    name: scenario.name,
    pass: outcome.findings.length === 0,
    ...outcome,
    seconds: Math.round((performance.now() - beganAtMs) / 1_000),
    replays: 0,
  };
}

/** A scenario is played again so often, where the host had the machine while it failed. */
const MAX_REPLAYS = 2;

async function playWell(
  scenario: Scenario,
  options: RunOptions,
  onResult: (result: Result) => void,
): Promise<Result> {
  for (let replays = 0; ; replays += 1) {
    const host = watchHost();
    const beganMs = Date.now();
    const result = { ...(await play(scenario, options)), replays };
    const kept = host.keptBetween(beganMs, Date.now());
    host.stop();
    onResult(result);
    // The short form is a test, and is played again as tests are.
    const isOver = result.pass || options.short || replays === MAX_REPLAYS;
    if (isOver || kept < SPOILING_PERCENT) return result;
    options.say(`${scenario.name}: the host kept up to ${kept} % of this machine; again`);
  }
}

/** Plays lists of scenarios side by side, each list in its order. */
export async function playAll(
  lists: readonly (readonly Scenario[])[],
  options: RunOptions,
  onResult: (result: Result) => void = () => undefined,
): Promise<Result[]> {
  const played = await Promise.all(
    lists.map(async (list) => {
      const results: Result[] = [];
      for (const scenario of list) {
        const result = await playWell(scenario, options, onResult);
        results.push(result);
      }
      return results;
    }),
  );
  const order = SCENARIOS.map(({ name }) => name);
  return played.flat().toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}
