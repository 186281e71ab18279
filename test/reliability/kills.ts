/** `kill -9` of an instance in the midst of its calls, at random moments, with a second one alive. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../emulators/clock.ts';
import { seeded } from '../helpers/seeded.ts';
import { settle, takeBaseline } from './baseline.ts';
import type { Conversation } from './conversation.ts';
import { judgeTurns } from './judge.ts';
import {
  answeredAgain,
  inWorld,
  percentile,
  underWay,
  waitUntil,
  type Outcome,
  type RunOptions,
} from './scenario.ts';
import { traceOf } from './trace.ts';
import { startWorld, type World } from './world.ts';

/** From the kill to a sound from the other instance. */
const HEARD_AGAIN_MS = 5_000;
/** Where the carrier says nothing, the instance's silence must be noticed first. */
const HEARD_AGAIN_SILENT_MS = 10_000;
const PRESENT_MS = 60_000;
/** Between two kills: long enough for any moment of a turn to be met. */
const WAIT_MS = { least: 1_500, most: 7_000 } as const;
/** A dead process's sockets are closed by then. */
const STRUCK_MS = 1_000;
/** A process that has just started is still loading. */
const WARM_MS = 2_500;
/** An instance gives a call up after five losses; callers leave before. */
const MOST_LOSSES = 4;

type Tally = {
  killed: number;
  readonly heardAgainMs: number[];
  readonly findings: string[];
  readonly phases: Map<string, number>;
};

export async function killsInMidTurn(options: RunOptions): Promise<Outcome> {
  const lanes = options.short ? 1 : 2;
  const each = Math.ceil(options.kills / lanes);
  const outcomes = await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => await killLane(options, each, lane)),
  );
  const tallies = outcomes.map(({ tally }) => tally);
  const all = tallies.flatMap(({ heardAgainMs }) => heardAgainMs);
  const phases = new Map<string, number>();
  for (const tally of tallies) {
    for (const [phase, count] of tally.phases) phases.set(phase, (phases.get(phase) ?? 0) + count);
  }
  const sum = (pick: (outcome: (typeof outcomes)[number]) => number): number =>
    outcomes.reduce((total, outcome) => total + pick(outcome), 0);
  const killed = sum(({ tally }) => tally.killed);
  return {
    figures: {
      seed: options.seed,
      kills: each * lanes,
      callsKilled: killed,
      callsLost: killed - all.length,
      heardAgainP50Ms: percentile(all, 0.5),
      heardAgainP95Ms: percentile(all, 0.95),
      heardAgainMaxMs: percentile(all, 1),
      turnsCommitted: sum(({ judged }) => judged.turnsCommitted),
      turnsInTheWindow: sum(({ judged }) => judged.turnsInTheWindow),
      answersSaidAgain: sum(({ judged }) => judged.answersSaidAgain),
      moments: [...phases].map(([phase, count]) => `${phase} ${count}`).join(', '),
      settledAfterMs: Math.max(...outcomes.map(({ settled }) => settled.settledAfterMs ?? -1)),
      heapGrowthMb: Math.max(...outcomes.map(({ settled }) => settled.heapGrowthMb)),
    },
    findings: [
      ...(killed === 0 ? ['no call was live at any kill'] : []),
      ...outcomes.flatMap(({ tally, judged, settled }) => [
        ...tally.findings,
        ...judged.findings,
        ...settled.findings,
      ]),
    ],
  };
}

async function killLane(options: RunOptions, kills: number, lane: number) {
  const random = seeded(options.seed + lane);
  return await inWorld(startWorld(), async (world) => {
    await Promise.all([world.start('one'), world.start('two')]);
    const baseline = await takeBaseline(world, options);
    const tally: Tally = { killed: 0, heardAgainMs: [], findings: [], phases: new Map() };
    let holder = 'one';
    world.balancer.prefer(holder);
    let calls = await underWay(world, options.short ? 3 : 4);
    for (let kill = 0; kill < kills; kill += 1) {
      await sleep(WAIT_MS.least + random() * (WAIT_MS.most - WAIT_MS.least));
      const survivor = holder === 'one' ? 'two' : 'one';
      await killOnce(world, holder, calls, tally, HEARD_AGAIN_MS, options);
      options.say(
        `kill ${kill + 1}/${kills}${lane === 0 ? '' : ` (lane ${lane + 1})`}: ` +
          `${tally.heardAgainMs.length} of ${tally.killed} heard again` +
          [...new Set(tally.findings)].map((finding) => `; ${finding}`).join(''),
      );
      await world.start(holder);
      holder = survivor;
      world.balancer.prefer(holder);
      const warm = sleep(WARM_MS);
      calls = await renew(world, calls, tally, options);
      await warm;
    }
    for (const behind of await answeredAgain(
      world,
      calls.filter((each) => each.isOn),
      options,
    )) {
      tally.findings.push(`call ${behind.call} was not answered again after its last kill`);
    }
    await Promise.all(world.conversations.map(async (each) => await each.leave()));
    const judged = await judgeTurns(world, world.conversations, PRESENT_MS);
    const settled = await settle(world, baseline);
    return { tally, judged, settled };
  });
}

/** Kills the instance that has the calls; notes when each of them hears a sound again. */
async function killOnce(
  world: World,
  victim: string,
  calls: readonly Conversation[],
  tally: Tally,
  limitMs: number,
  options: RunOptions,
): Promise<void> {
  const instance = world.instances.get(victim);
  if (instance === undefined) throw new Error(`${victim} is not running`);
  const killedAtMs = monotonicMs();
  instance.signal('SIGKILL');
  const live = await struckBy(killedAtMs, calls);
  for (const each of live) {
    const phase = each.phaseAt(killedAtMs);
    tally.phases.set(phase, (tally.phases.get(phase) ?? 0) + 1);
  }
  tally.killed += live.length;
  const heardAgain = (each: Conversation): number | undefined => {
    const back = each.losses.at(-1);
    if (back === undefined || back.atMs < killedAtMs || back.backAtMs === undefined) return;
    return each.soundAfter(back.backAtMs);
  };
  await waitUntil(
    () => live.every((each) => heardAgain(each) !== undefined || !each.isOn),
    limitMs + 3_000,
  );
  for (const each of live) {
    const atMs = heardAgain(each);
    if (atMs === undefined) {
      const how = each.end === undefined ? 'heard nothing' : `ended: ${each.end.how}`;
      tally.findings.push(`call ${each.call} was lost by a kill (${how})`);
      options.say(traceOf(world, each));
      continue;
    }
    const tookMs = atMs - killedAtMs;
    tally.heardAgainMs.push(tookMs);
    if (tookMs > limitMs) {
      tally.findings.push(`call ${each.call} was heard again only after ${Math.round(tookMs)} ms`);
      options.say(traceOf(world, each));
    }
  }
  const strays = world.balancer.routed.filter(
    ({ kind, atMs, backend }) => kind === 'stream' && atMs > killedAtMs && backend === victim,
  );
  if (strays.length > 0) tally.findings.push(`${strays.length} stream(s) went to the dead`);
}

/** The calls that lost their stream: those of the instance that was killed. */
async function struckBy(
  killedAtMs: number,
  calls: readonly Conversation[],
): Promise<Conversation[]> {
  const isStruck = ({ losses }: Conversation): boolean => (losses.at(-1)?.atMs ?? 0) >= killedAtMs;
  await waitUntil(() => calls.every(isStruck), STRUCK_MS);
  return calls.filter(isStruck);
}

/** Callers who have been through enough leave once they were answered; others take their place. */
async function renew(
  world: World,
  calls: readonly Conversation[],
  tally: Tally,
  options: RunOptions,
): Promise<Conversation[]> {
  const stay = calls.filter((each) => each.isOn && each.losses.length < MOST_LOSSES);
  const leave = calls.filter((each) => each.isOn && !stay.includes(each));
  const [behind, fresh] = await Promise.all([
    answeredAgain(world, leave, options),
    underWay(world, calls.length - stay.length),
  ]);
  for (const each of behind) {
    tally.findings.push(`call ${each.call} was not answered again after its last kill`);
  }
  await Promise.all(leave.map(async (each) => await each.leave()));
  return [...stay, ...fresh];
}

/** The carrier neither falls through nor hangs up: a survivor must notice and fetch the calls. */
export async function killsWhileSilent(options: RunOptions): Promise<Outcome> {
  return await inWorld(startWorld(), async (world) => {
    world.twilio.script.abruptLoss = { outcome: 'silent', forMs: 40_000 };
    await Promise.all([world.start('one'), world.start('two')]);
    const baseline = await takeBaseline(world, options);
    world.balancer.prefer('one');
    const calls = await underWay(world, options.short ? 2 : 6);
    await sleep(1_000 + seeded(options.seed)() * 4_000);
    const tally: Tally = { killed: 0, heardAgainMs: [], findings: [], phases: new Map() };
    await killOnce(world, 'one', calls, tally, HEARD_AGAIN_SILENT_MS, options);
    for (const behind of await answeredAgain(
      world,
      calls.filter((each) => each.isOn),
      options,
    )) {
      tally.findings.push(`call ${behind.call} was not answered again`);
    }
    // What the dead instance could not write waits on its own disk.
    await world.start('one');
    await Promise.all(calls.map(async (each) => await each.leave()));
    const judged = await judgeTurns(world, calls, PRESENT_MS);
    const settled = await settle(world, baseline);
    return {
      figures: {
        callsKilled: tally.killed,
        callsLost: tally.killed - tally.heardAgainMs.length,
        heardAgainP50Ms: percentile(tally.heardAgainMs, 0.5),
        heardAgainMaxMs: percentile(tally.heardAgainMs, 1),
        turnsCommitted: judged.turnsCommitted,
        answersSaidAgain: judged.answersSaidAgain,
        settledAfterMs: settled.settledAfterMs ?? -1,
      },
      findings: [...tally.findings, ...judged.findings, ...settled.findings],
    };
  });
}

/** The carrier hangs up at once: the call is over, and somebody must ring back. */
export async function killsWithHangUp(options: RunOptions): Promise<Outcome> {
  return await inWorld(startWorld(), async (world) => {
    world.twilio.script.abruptLoss = { outcome: 'hangs-up' };
    await Promise.all([world.start('one'), world.start('two')]);
    world.balancer.prefer('one');
    const all = await underWay(world, options.short ? 2 : 6);
    await sleep(1_000 + seeded(options.seed)() * 4_000);
    const findings: string[] = [];
    const killedAtMs = monotonicMs();
    world.instances.get('one')?.signal('SIGKILL');
    const calls = await struckBy(killedAtMs, all);
    await Promise.all(calls.map(async (each) => await each.finished));
    const isDue = async (each: Conversation): Promise<boolean> =>
      (await world.kept.jobsOf(each.callSid, 'call-back')).length > 0;
    const isOver = async (each: Conversation): Promise<boolean> =>
      (await world.kept.conversationOf(each.callSid))?.state === 'ended';
    const every = async (check: (each: Conversation) => Promise<boolean>): Promise<boolean> =>
      (await Promise.all(calls.map(check))).every(Boolean);
    await waitUntil(async () => (await every(isDue)) && (await every(isOver)), PRESENT_MS, 200);
    const dueAfterMs = monotonicMs() - killedAtMs;
    let jobs = 0;
    for (const each of calls) {
      const due = await world.kept.jobsOf(each.callSid, 'call-back');
      jobs += due.length;
      if (due.length !== 1) findings.push(`call ${each.call}: ${due.length} call-backs`);
      if (!(await isOver(each))) findings.push(`call ${each.call} is not ended in the database`);
    }
    await world.start('one');
    const judged = await judgeTurns(world, calls, PRESENT_MS);
    return {
      figures: {
        callsKilled: calls.length,
        callBacks: jobs,
        dueAfterMs: Math.round(dueAfterMs),
        turnsCommitted: judged.turnsCommitted,
      },
      findings: [...findings, ...judged.findings],
    };
  });
}
