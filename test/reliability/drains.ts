/** SIGTERM in the midst of many calls, with another instance to go to and without. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../emulators/clock.ts';
import { seeded } from '../helpers/seeded.ts';
import { settle, takeBaseline } from './baseline.ts';
import type { Conversation } from './conversation.ts';
import type { Instance } from './instance.ts';
import { judgeTurns } from './judge.ts';
import {
  answeredAgain,
  inWorld,
  percentile,
  underWay,
  type Outcome,
  type RunOptions,
} from './scenario.ts';
import { startWorld, type World } from './world.ts';

const DRAIN_MS = 25_000;
const GAP_P95_MS = 2_500;
const PRESENT_MS = 60_000;
const GOODBYE = /I have to stop here.*Goodbye/i;

const callCount = ({ short }: RunOptions): number => (short ? 5 : 20);

/** Sends SIGTERM; resolves when the process is gone, with what that was like. */
async function terminate(instance: Instance, findings: string[]): Promise<number> {
  const beganAtMs = monotonicMs();
  instance.signal('SIGTERM');
  const limit = sleep(DRAIN_MS + 10_000, undefined, { ref: false });
  const exit = await Promise.race([instance.exited, limit]);
  if (exit === undefined) {
    findings.push('it did not end');
    return -1;
  }
  const tookMs = Math.round(exit.atMs - beganAtMs);
  if (exit.code !== 0) findings.push(`it ended with ${exit.code ?? 'a signal'}`);
  if (tookMs > DRAIN_MS) findings.push(`it ended only after ${tookMs} ms`);
  return tookMs;
}

/** Calls of which neither memories nor a job that will make them are in the database. */
async function withoutMemories(world: World, calls: readonly Conversation[]): Promise<number> {
  const safe = await Promise.all(
    calls.map(async ({ callSid }) => {
      const { kept } = world;
      const jobs = [
        ...(await kept.jobsOf(callSid, 'memories')),
        ...(await kept.jobsOf(callSid, 'after-call')),
      ];
      return jobs.length > 0 || (await kept.memoriesOf(callSid)) > 0;
    }),
  );
  return safe.filter((isSafe) => !isSafe).length;
}

export async function drainWithAnother(options: RunOptions): Promise<Outcome> {
  return await inWorld(startWorld({ drainTimeoutMs: DRAIN_MS }), async (world) => {
    const findings: string[] = [];
    const [one] = await Promise.all([world.start('one'), world.start('two')]);
    const baseline = await takeBaseline(world, options);
    world.balancer.prefer('one');
    const calls = await underWay(world, callCount(options));
    await sleep(seeded(options.seed)() * 4_000);
    const termAtMs = monotonicMs();
    const endedAfterMs = await terminate(one, findings);
    // Right now, before the other instance has had time to do what is due.
    const forgotten = await withoutMemories(world, calls);
    if (forgotten > 0) findings.push(`${forgotten} call(s) without memories or a job for them`);
    const behind = await answeredAgain(world, calls, options);
    for (const each of behind) {
      const how = each.end === undefined ? 'not answered again' : `cut: ${each.end.how}`;
      findings.push(`call ${each.call} ${how}`);
    }
    const gapsMs = calls.flatMap((each) => {
      const moved = each.losses.find(({ atMs }) => atMs >= termAtMs);
      if (moved?.backAtMs === undefined) {
        findings.push(`call ${each.call} was not moved`);
        return [];
      }
      return [(each.soundAfter(moved.backAtMs) ?? Infinity) - moved.atMs];
    });
    const gapP95Ms = percentile(gapsMs, 0.95);
    if (gapP95Ms > GAP_P95_MS) findings.push(`the gap's p95 was ${gapP95Ms} ms`);
    const cut = calls.filter((each) => !each.isOn).length;
    await Promise.all(calls.map(async (each) => await each.leave()));
    const judged = await judgeTurns(world, calls, PRESENT_MS);
    const settled = await settle(world, baseline);
    return {
      figures: {
        calls: calls.length,
        callsCut: cut,
        moved: gapsMs.length,
        gapP50Ms: percentile(gapsMs, 0.5),
        gapP95Ms,
        endedAfterMs,
        withoutMemories: forgotten,
        turnsCommitted: judged.turnsCommitted,
        settledAfterMs: settled.settledAfterMs ?? -1,
        heapGrowthMb: settled.heapGrowthMb,
      },
      findings: [...findings, ...judged.findings, ...settled.findings],
    };
  });
}

export async function drainAlone(options: RunOptions): Promise<Outcome> {
  return await inWorld(startWorld({ drainTimeoutMs: DRAIN_MS }), async (world) => {
    const findings: string[] = [];
    const one = await world.start('one');
    const calls = await underWay(world, callCount(options));
    await sleep(seeded(options.seed)() * 4_000);
    const endedAfterMs = await terminate(one, findings);
    const forgotten = await withoutMemories(world, calls);
    if (forgotten > 0) findings.push(`${forgotten} call(s) without memories or a job for them`);
    let goodbyes = 0;
    for (const each of calls) {
      if (GOODBYE.test(each.leg.playout.heardText())) goodbyes += 1;
      else findings.push(`call ${each.call} heard no goodbye`);
      if (each.end?.how !== 'server-completed' && each.end?.how !== 'hangup-verb') {
        findings.push(`call ${each.call} ended as ${each.end?.how ?? 'nothing'}`);
      }
    }
    const judged = await judgeTurns(world, calls, PRESENT_MS);
    // The answer to what was being said when the goodbye came is not owed any more.
    const owed = judged.findings.filter((finding) => !finding.includes('never answered'));
    return {
      figures: {
        calls: calls.length,
        goodbyes,
        endedAfterMs,
        withoutMemories: forgotten,
        turnsCommitted: judged.turnsCommitted,
      },
      findings: [...findings, ...owed],
    };
  });
}
