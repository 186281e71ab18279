/** Redis, PostgreSQL, or both go away for a minute in the midst of calls. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../emulators/clock.ts';
import { settle, takeBaseline } from './baseline.ts';
import { judgeTurns } from './judge.ts';
import { answeredAgain, inWorld, underWay, type Outcome, type RunOptions } from './scenario.ts';
import { traceOf } from './trace.ts';
import { startWorld, type World } from './world.ts';

const PRESENT_MS = 60_000;

type Outage = { begin(world: World): Promise<void>; end(world: World): Promise<void> };

/** Killed, and back with nothing in it. */
const REDIS_KILLED: Outage = {
  begin: async (world) => await world.redis.kill(),
  end: async (world) => await world.redis.start(),
};
/** Connections stand, and nothing is answered. */
const REDIS_FROZEN: Outage = {
  begin: async (world) => {
    world.redis.freeze();
    return await Promise.resolve();
  },
  end: async (world) => {
    world.redis.thaw();
    return await Promise.resolve();
  },
};
const POSTGRES_KILLED: Outage = {
  begin: async (world) => await world.postgres.stopServer('kill'),
  end: async (world) => await world.postgres.startServer(),
};

export async function withoutRedis(options: RunOptions): Promise<Outcome> {
  return await outage(options, [REDIS_KILLED]);
}

export async function withoutPostgres(options: RunOptions): Promise<Outcome> {
  return await outage(options, [POSTGRES_KILLED]);
}

export async function withoutBoth(options: RunOptions): Promise<Outcome> {
  return await outage(options, [REDIS_FROZEN, POSTGRES_KILLED]);
}

async function outage(options: RunOptions, outages: readonly Outage[]): Promise<Outcome> {
  return await inWorld(startWorld(), async (world) => {
    await Promise.all([world.start('one'), world.start('two')]);
    const baseline = await takeBaseline(world, options, 4);
    const calls = await underWay(world, options.short ? 4 : 20);
    const outageMs = options.short ? 8_000 : 60_000;
    const awayAtMs = monotonicMs();
    for (const each of outages) await each.begin(world);
    await sleep(outageMs);
    const saidMeanwhile = calls.reduce((sum, { said }) => sum + said.length, 0);
    for (const each of outages) await each.end(world);
    const findings: string[] = [];
    // Everything said so far, and what is said while it is caught up with.
    const judgedAtOnce = judgeTurns(world, calls, PRESENT_MS);
    for (const each of await answeredAgain(world, calls, options)) {
      const how = each.end === undefined ? 'was not answered again' : `was cut: ${each.end.how}`;
      findings.push(`call ${each.call} ${how}`);
    }
    const { completeAfterMs } = await judgedAtOnce;
    const broke = calls.filter(({ losses }) => losses.some(({ atMs }) => atMs >= awayAtMs));
    const before = calls.filter(({ losses }) => losses.some(({ atMs }) => atMs < awayAtMs));
    for (const each of before) options.say(`call ${each.call} broke before the outage`);
    for (const each of broke) {
      findings.push(`the media stream of call ${each.call} broke`);
      options.say(traceOf(world, each));
    }
    await Promise.all(calls.map(async (each) => await each.leave()));
    const judged = await judgeTurns(world, calls, PRESENT_MS);
    const settled = await settle(world, baseline);
    return {
      figures: {
        calls: calls.length,
        outageMs,
        callsCut: calls.filter(({ end }) => end?.how !== 'caller-hung-up').length,
        turnsSaid: saidMeanwhile,
        turnsCommitted: judged.turnsCommitted,
        completeAfterMs: completeAfterMs ?? -1,
        settledAfterMs: settled.settledAfterMs ?? -1,
        heapGrowthMb: settled.heapGrowthMb,
      },
      findings: [...findings, ...judged.findings, ...settled.findings],
    };
  });
}
