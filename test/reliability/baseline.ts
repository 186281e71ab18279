/** What an instance holds when it has nothing to do, and whether it comes back to that. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../emulators/clock.ts';
import type { Level } from './inspector.ts';
import type { Instance } from './instance.ts';
import { underWay, type RunOptions } from './scenario.ts';
import type { World } from './world.ts';

export type Baseline = ReadonlyMap<string, Level>;

export type Settled = {
  readonly findings: readonly string[];
  /** Until all was as before; undefined: not within the time. */
  readonly settledAfterMs: number | undefined;
  readonly heapGrowthMb: number;
};

/** Pools keep a connection for half a minute; a breaker or a renewal more or less is no leak. */
const MORE = { sockets: 4, timers: 4 } as const;
/** Compiled code, caches of fixed lines, figures: they grow to a size with the first hundred calls. */
const HEAP_GROWTH_MB = 16;
const SETTLE_TIMEOUT_MS = 60_000;
/** How findings begin that are about what is left. */
export const LATE = 'after 60 s: ';
const POLL_MS = 1_000;

/**
 * Plays a few calls, so that what any call loads and keeps is there, and looks then. The short form
 * has no time for that, and says nothing about what is left.
 */
export async function takeBaseline(
  world: World,
  { short }: RunOptions,
  calls = 3,
): Promise<Baseline> {
  if (short) return new Map();
  const warm = await underWay(world, calls);
  await Promise.all(warm.map(async (each) => await each.leave()));
  await sleep(POLL_MS);
  const levels = new Map<string, Level>();
  for (const instance of world.instances.values()) {
    levels.set(instance.name, await instance.level());
  }
  return levels;
}

/** To be called when all callers have left. */
export async function settle(world: World, baseline: Baseline): Promise<Settled> {
  if (baseline.size === 0) return { findings: [], settledAfterMs: undefined, heapGrowthMb: 0 };
  const beganAtMs = monotonicMs();
  let heapGrowthMb = 0;
  for (;;) {
    const findings: string[] = [];
    heapGrowthMb = 0;
    for (const instance of world.instances.values()) {
      // A successor has no baseline of its own: another instance's will do.
      const base = baseline.get(instance.name) ?? [...baseline.values()][0];
      const { found, growthMb } = await compare(instance, base);
      findings.push(...found);
      heapGrowthMb = Math.max(heapGrowthMb, growthMb);
    }
    const backlog = await world.kept.backlog().catch(() => Infinity);
    if (backlog > 0) findings.push(`${backlog} job(s) and webhook(s) are waiting`);
    const tookMs = monotonicMs() - beganAtMs;
    if (findings.length === 0) {
      return { findings, settledAfterMs: Math.round(tookMs), heapGrowthMb };
    }
    if (tookMs > SETTLE_TIMEOUT_MS) {
      const late = findings.map((finding) => `${LATE}${finding}`);
      return { findings: late, settledAfterMs: undefined, heapGrowthMb };
    }
    await sleep(POLL_MS);
  }
}

async function compare(
  instance: Instance,
  base: Level | undefined,
): Promise<{ found: string[]; growthMb: number }> {
  const found: string[] = [];
  const { name } = instance;
  const level = await instance.level().catch(() => undefined);
  if (level === undefined) {
    return instance.isRunning()
      ? { found: [`${name} does not say what it holds`], growthMb: 0 }
      : { found, growthMb: 0 };
  }
  const before = base ?? level;
  for (const kind of ['sockets', 'timers'] as const) {
    const more = level[kind] - before[kind];
    if (more > MORE[kind]) found.push(`${name} holds ${more} ${kind} more than before`);
  }
  const growthMb = Math.round((level.heapMb - before.heapMb) * 10) / 10;
  if (growthMb > HEAP_GROWTH_MB) found.push(`${name}'s heap is larger by ${growthMb} MB`);
  const queues = [
    ['hearthline_active_calls', 'call(s)'],
    ['hearthline_spool_pending', 'record(s) in the spool'],
  ] as const;
  for (const [metric, what] of queues) {
    const count = (await instance.metric(metric).catch(() => undefined)) ?? 0;
    if (count > 0) found.push(`${name} has ${count} ${what}`);
  }
  return { found, growthMb };
}
