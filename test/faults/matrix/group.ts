/** One group of cells: a vendor and a fault on one server, and a call for each moment, all at once. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchSynthesis } from '../../../emulators/speech/synth.ts';
import type { CallerLeg } from '../../../emulators/twilio/types.ts';
import { auditCall, USUAL_TERMS } from './auditor.ts';
import { Caller } from './caller.ts';
import { cellName, emulatorFault, type Cell } from './cells.ts';
import { evidenceOf, improvised, streamsOf, strikeEvidenceOf } from './gather.ts';
import { auditStreams, resumedMs } from './media.ts';
import { Meeting, NOBODY, type Member } from './meeting.ts';
import { personOf, vocabularyFor } from './phrases.ts';
import { auditPlacement, placeCall } from './placement.ts';
import { met, momentFindings, type Met } from './struck.ts';
import { termsOf } from './terms.ts';
import { leftTrace, traceOf } from './trace.ts';
import { OUR_NUMBER, startWorld, type Ground, type World } from './world.ts';

export type CellResult = Cell & {
  /** Broken promises; none: the cell held. */
  readonly what: readonly string[];
  /** Whether this call met the fault itself; undefined where the cell could not be run. */
  readonly met?: Met;
  /** The fault did not come at the cell's moment: what else was seen says nothing. */
  readonly missed?: boolean;
  /** What was heard and what the server told, for whoever looks into a failure. */
  readonly trace?: string;
  /**
   * The longest time in which the cell's process stood still while it was played, or in which it made
   * a sound that no run before had made: the carrier, the vendors and the caller in it did nothing
   * then, and were judged as though they had.
   */
  readonly lagMs?: number;
};

/** The caller has spoken for this long when the fault comes. */
const INTO_THE_TURN_MS = 400;
const LEFTOVER_WAIT_MS = 6_000;
const CLOSE_WAIT_MS = 10_000;

/** Runs the cells of one vendor and fault. Rejects only when the world cannot be started. */
export async function runGroup(cells: readonly Cell[], ground: Ground): Promise<CellResult[]> {
  const loop = monitorEventLoopDelay({ resolution: 10 });
  loop.enable();
  // What the server loads at its start holds up nobody's call.
  const synthesis = watchSynthesis();
  const results = await playGroup(cells, ground, () => loop.reset());
  synthesis.end();
  loop.disable();
  const lagMs = Math.round(Math.max(loop.max / 1e6, synthesis.slowestMs));
  return results.map((result) => ({ ...result, lagMs }));
}

/** What the calls of a group have in common. */
type Play = {
  readonly world: World;
  /** Monotonic; resolves when the fault is in force. */
  readonly struck: Promise<number>;
  readonly calls: number;
};

async function playGroup(
  cells: readonly Cell[],
  ground: Ground,
  onStarted: () => void,
): Promise<CellResult[]> {
  const first = cells[0];
  if (!first) return [];
  const { vendor, fault } = first;
  const id = `${vendor}-${fault}-${Math.random().toString(36).slice(2, 8)}`;
  const world = await startWorld({ vendor, fault, id }, ground);
  onStarted();
  const meeting = new Meeting(cells.filter(({ moment }) => moment !== 'before').length);
  const struck = (async () => {
    await meeting.complete();
    if (cells.some(({ moment }) => moment !== 'before')) await sleep(INTO_THE_TURN_MS);
    const atMs = monotonicMs();
    await world.strike();
    return atMs;
  })();
  const play = { world, struck, calls: cells.length };
  const bystander = vendor === 'twilio-media' ? harmOf(play) : [];
  const results = await Promise.all(
    cells.map(async (cell) =>
      cell.moment === 'before'
        ? await runBefore(cell, play)
        : await runCell(cell, play, meeting.member()),
    ),
  );
  const harm = await bystander;
  const leaks = [...harm, ...(await leaksOf(world)), ...(await closeFindings(world))];
  if (leaks.length === 0) return results;
  const trace = leftTrace(world);
  return results.map((result) => ({
    ...result,
    what: [...result.what, ...leaks],
    trace: `${result.trace ?? cellName(result)}\n${trace}`,
  }));
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function runBefore(cell: Cell, play: Play): Promise<CellResult> {
  await play.struck;
  if (cell.vendor !== 'twilio-rest') return await runCell(cell, play, NOBODY);
  const beganAtMs = monotonicMs();
  const { evidence, legs } = await placeCall(play.world);
  const placing = auditPlacement(cell.fault, evidence);
  const calls = await Promise.all(
    legs.map(async (leg) => await playCall(cell, play, NOBODY, { leg, beganAtMs })),
  );
  const here =
    calls.length > 0
      ? calls
      : [await judgeMet(cell, play, { callSid: undefined, beganAtMs, endedAtMs: monotonicMs() })];
  return { ...cell, ...here[0], what: [...placing, ...here.flatMap(({ what }) => what)] };
}

async function runCell(cell: Cell, play: Play, member: Member): Promise<CellResult> {
  const beganAtMs = monotonicMs();
  const { phone } = personOf(cell.moment);
  const leg = await play.world.emulators.twilio.placeCall({ from: phone, to: OUR_NUMBER });
  const { vendor, fault, moment } = cell;
  const bent = emulatorFault(vendor, fault);
  if (vendor === 'twilio-media' && moment === 'before' && bent) leg.network.disturb(bent);
  return await playCall(cell, play, member, { leg, beganAtMs });
}

async function playCall(
  cell: Cell,
  play: Play,
  member: Member,
  { leg, beganAtMs }: { leg: CallerLeg; beganAtMs: number },
): Promise<CellResult> {
  const { world } = play;
  const { moment, vendor, fault } = cell;
  const person = personOf(moment);
  const vocabulary = vocabularyFor(person, new Date());
  const endsWith = vendor === 'twilio-rest' ? 'goodbye' : 'hang-up';
  const part = await new Caller(leg, vocabulary).play(moment, endsWith, member);
  await leg.ended({ timeoutMs: 30_000 }).catch(() => undefined);
  const times = { struckAtMs: await play.struck, arrivedAtMs: member.arrivedAtMs() };
  const evidence = evidenceOf(leg, part, moment, times, world.emulators);
  const all = [...vocabulary, ...improvised(world.emulators, person.name)];
  const streams = streamsOf(leg, evidence, world.emulators);
  const missed = momentFindings(moment, evidence, all);
  const life = { callSid: leg.callSid, beganAtMs, endedAtMs: monotonicMs() };
  const strike = await judgeMet(cell, play, life);
  const what = [
    ...missed,
    ...strike.what,
    ...(vendor === 'twilio-media' ? auditStreams(fault, streams) : []),
    ...auditCall(evidence, all, termsOf(cell, resumedMs(fault, streams))),
  ];
  return {
    ...cell,
    ...strike,
    what,
    ...(missed.length > 0 ? { missed: true } : {}),
    ...(what.length > 0 ? { trace: traceOf(cell, leg, world) } : {}),
  };
}

/** Whether the call that lived in this time met the fault. */
async function judgeMet(
  cell: Cell,
  { world, struck, calls: callsOfServer }: Play,
  life: { callSid: string | undefined; beganAtMs: number; endedAtMs: number },
): Promise<Pick<CellResult, 'what' | 'met' | 'missed'>> {
  const struckAtMs = await struck;
  const call = { ...life, struckAtMs, callsOfServer };
  const how = met(cell, strikeEvidenceOf(cell, world, call));
  return typeof how === 'string' ? { what: [], met: how } : { what: [how.finding], missed: true };
}

/** A call of the same server that no fault strikes: it is as if there were none. */
async function harmOf({ world, struck }: Play): Promise<string[]> {
  const person = personOf('bystander');
  const vocabulary = vocabularyFor(person, new Date());
  const leg = await world.emulators.twilio.placeCall({ from: person.phone, to: OUR_NUMBER });
  const part = await new Caller(leg, vocabulary).play('barge-in', 'hang-up', NOBODY);
  await leg.ended({ timeoutMs: 30_000 }).catch(() => undefined);
  const times = { struckAtMs: await struck, arrivedAtMs: undefined };
  const evidence = evidenceOf(leg, part, 'bystander', times, world.emulators);
  const findings = auditCall(evidence, vocabulary, { ...USUAL_TERMS, mayNotice: false });
  if (evidence.endMs <= evidence.faultMs) findings.push('it was over before the fault');
  return findings.map((finding) => `a call beside these: ${finding}`);
}

async function leaksOf(world: World): Promise<string[]> {
  const deadline = performance.now() + LEFTOVER_WAIT_MS;
  for (;;) {
    const found = world.leftovers();
    if (world.app.calls.active > 0) found.push(`${world.app.calls.active} call(s)`);
    if (found.length === 0 || performance.now() > deadline) {
      return found.map((each) => `left behind: ${each}`);
    }
    await sleep(100);
  }
}

/** The server lets go of every connection, and in time. */
async function closeFindings(world: World): Promise<string[]> {
  const patience = new AbortController();
  const late = sleep(CLOSE_WAIT_MS, 'late' as const, { signal: patience.signal });
  late.catch(() => undefined);
  const outcome = await Promise.race([world.close(), late]);
  patience.abort();
  return outcome === 'late' ? ['the server did not close in time'] : outcome;
}
