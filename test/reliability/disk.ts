/** The disk is full while PostgreSQL is away: what cannot be kept is refused, loudly, and calls go on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { settle, takeBaseline } from './baseline.ts';
import { judgeTurns } from './judge.ts';
import {
  answeredAgain,
  inWorld,
  underWay,
  waitUntil,
  type Outcome,
  type RunOptions,
} from './scenario.ts';
import { startWorld } from './world.ts';

const ERROR_LEVEL = 50;
const REFUSED = 'hearthline_durable_writes_total';
const NOTICE_MS = 15_000;

export async function diskFull(options: RunOptions): Promise<Outcome> {
  return await inWorld(startWorld(), async (world) => {
    const findings: string[] = [];
    const one = await world.start('one');
    const baseline = await takeBaseline(world, options);
    const calls = await underWay(world, options.short ? 2 : 6);
    const errorsBefore = one.logged(ERROR_LEVEL).length;
    await world.postgres.stopServer('kill');
    // The kernel refuses this process any byte in a file, as a full disk would.
    await one.limitFiles(0);
    const refusals = async (): Promise<number> =>
      (await one.metric(REFUSED, /refused/).catch(() => 0)) ?? 0;
    const noticed = await waitUntil(async () => (await refusals()) > 0, NOTICE_MS, 200);
    await sleep(options.short ? 4_000 : 20_000);
    const refused = await refusals();
    const errors = one.logged(ERROR_LEVEL).slice(errorsBefore);
    if (noticed === undefined) findings.push('nothing was refused');
    if (errors.length === 0) findings.push('nothing was said of it in the log');
    await one.limitFiles(undefined);
    await world.postgres.startServer();
    for (const each of await answeredAgain(world, calls, options)) {
      const how = each.end === undefined ? 'was not answered again' : `was cut: ${each.end.how}`;
      findings.push(`call ${each.call} ${how}`);
    }
    const said = calls.map((each) => each.said.length);
    await answeredAgain(world, calls, options);
    await Promise.all(calls.map(async (each) => await each.leave()));
    const judged = await judgeTurns(world, calls, 10_000);
    // Refused is lost, and said so; what came before and after is not.
    const lost = judged.findings.filter((finding) => finding.endsWith('is lost'));
    const others = judged.findings.filter((finding) => !finding.endsWith('is lost'));
    if (lost.length > refused) findings.push(`${lost.length} lost, and ${refused} refused`);
    const after = calls.flatMap((each, index) => each.said.slice(said[index]));
    const rows = await Promise.all(
      calls.map(async (each) => await world.kept.turnsOf(each.callSid)),
    );
    const texts = rows.flat().map(({ heard }) => heard);
    const kept = after.filter(({ token }) => texts.some((text) => text.includes(token)));
    if (kept.length === 0) findings.push('nothing that was said afterwards is in the database');
    const settled = await settle(world, baseline);
    return {
      figures: {
        calls: calls.length,
        callsCut: calls.filter(({ end }) => end?.how !== 'caller-hung-up').length,
        refused,
        noticedAfterMs: Math.round(noticed ?? -1),
        errorsLogged: errors.length,
        settledAfterMs: settled.settledAfterMs ?? -1,
      },
      findings: [...findings, ...others, ...settled.findings],
    };
  });
}
