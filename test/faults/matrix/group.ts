/** One group of cells: a vendor and a fault on one server, and a call for each moment, all at once. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { watchSynthesis } from '../../../emulators/speech/synth.ts';
import type { CallerLeg } from '../../../emulators/twilio/types.ts';
import { auditCall } from './auditor.ts';
import { Caller, type Part, type Ready } from './caller.ts';
import { cellName, isStore, PLANS, type Cell, type Moment } from './cells.ts';
import type { CallEvidence, ModelView, Phrase } from './evidence.ts';
import { EXCHANGES, personOf, vocabularyFor } from './phrases.ts';
import { leftTrace, traceOf } from './trace.ts';
import { OUR_NUMBER, startWorld, type Emulators, type Ground, type World } from './world.ts';

export type CellResult = Cell & {
  /** Broken promises; none: the cell held. */
  readonly what: readonly string[];
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
/** A call that does not come to its moment does not hold up the others for longer. */
const MOMENT_WAIT_MS = 25_000;
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
    await meeting.complete(MOMENT_WAIT_MS);
    if (cells.some(({ moment }) => moment !== 'before')) await sleep(INTO_THE_TURN_MS);
    const atMs = Number(process.hrtime.bigint()) / 1e6;
    await world.strike();
    return atMs;
  })();
  const results = await Promise.all(
    cells.map(async (cell) => await runCell(cell, world, meeting, struck)),
  );
  const leaks = [...(await leaksOf(world)), ...(await closeFindings(world))];
  if (leaks.length === 0) return results;
  const trace = leftTrace(world);
  return results.map((result) => ({
    ...result,
    what: [...result.what, ...leaks],
    trace: `${result.trace ?? cellName(result)}\n${trace}`,
  }));
}

/** Where the calls of a group wait for each other. */
class Meeting {
  readonly #expected: number;
  #arrived = 0;
  readonly #all = Promise.withResolvers<void>();

  constructor(expected: number) {
    this.#expected = expected;
    if (expected === 0) this.#all.resolve();
  }

  /** To be called by one call as often as it likes: only the first time counts. */
  member(): Ready {
    let counted = false;
    return async () => {
      if (!counted) {
        counted = true;
        this.#arrived += 1;
        if (this.#arrived >= this.#expected) this.#all.resolve();
      }
      await this.complete(MOMENT_WAIT_MS);
    };
  }

  async complete(withinMs: number): Promise<void> {
    const patience = new AbortController();
    await Promise.race([
      this.#all.promise,
      sleep(withinMs, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
  }
}

async function runCell(
  cell: Cell,
  world: World,
  meeting: Meeting,
  struck: Promise<number>,
): Promise<CellResult> {
  const { twilio } = world.emulators;
  const { moment, vendor } = cell;
  const ready: Ready = moment === 'before' ? async () => undefined : meeting.member();
  if (moment === 'before') await struck;
  const person = personOf(moment);
  const vocabulary = vocabularyFor(person, new Date());
  if (vendor === 'twilio-rest' && moment === 'before') return await runPlacement(cell, world);
  const leg = await twilio.placeCall({ from: person.phone, to: OUR_NUMBER });
  const endsWith = vendor === 'twilio-rest' ? 'goodbye' : 'hang-up';
  const part = await new Caller(leg, vocabulary).play(moment, endsWith, ready);
  await leg.ended({ timeoutMs: 30_000 }).catch(() => undefined);
  const evidence = evidenceOf(leg, part, moment, await struck, world.emulators);
  const all = [...vocabulary, ...improvised(world.emulators, person.name)];
  const what = auditCall(evidence, all, !isStore(PLANS[vendor].host));
  return { ...cell, what, ...(what.length > 0 ? { trace: traceOf(cell, leg, world) } : {}) };
}

function evidenceOf(
  leg: CallerLeg,
  part: Part,
  moment: Moment,
  struckAtMs: number,
  emulators: Emulators,
): CallEvidence {
  const answeredAtMs = leg.answeredAtMs ?? struckAtMs;
  const ended = emulators.twilio.log
    .all('call-ended')
    .find((entry) => entry.callSid === leg.callSid);
  return {
    faultMs: struckAtMs - answeredAtMs,
    words: leg.playout.heardWords().map(({ text, lineStartMs, lineEndMs, damaged }) => {
      return { text, startMs: lineStartMs, endMs: lineEndMs, damaged };
    }),
    silences: leg.playout.silences(100).map(({ lineStartMs, lineEndMs }) => {
      return { fromMs: lineStartMs, toMs: lineEndMs };
    }),
    clearsMs: leg.playout.clears().map(({ lineMs }) => lineMs),
    turns: part.said
      .filter(({ exchange }) => exchange !== 'story')
      .map(({ exchange, text, repetition, firstFrameAtMs, lastWordAtMs }) => ({
        text,
        repetition,
        firstFrameMs: firstFrameAtMs - answeredAtMs,
        lastWordMs: lastWordAtMs - answeredAtMs,
        reply: EXCHANGES[exchange].reply,
      })),
    underWay: part.underWay,
    modelViews: modelViewsOf(emulators, personOf(moment).name),
    end: ended?.end.how,
    endMs: (ended?.atMs ?? Infinity) - answeredAtMs,
    trouble: part.trouble,
  };
}

/** Answers to what was heard only in part: they are in no script, and are replies all the same. */
function improvised({ anthropic, gemini }: Emulators, name: string): Phrase[] {
  const own = new Set<string>();
  for (const request of anthropic.log.all('request')) {
    if (request.system.some((block) => block.text?.includes(name))) own.add(request.id);
  }
  for (const request of gemini.log.all('request')) {
    if (request.systemText.includes(name)) own.add(request.id);
  }
  return [...anthropic.log.all('reply'), ...gemini.log.all('reply')]
    .filter(({ id, text }) => own.has(id) && text !== '')
    .map(({ text }) => ({ text, means: 'reply' }));
}

/** The caller's words in every request about a person, to whichever model. */
function modelViewsOf({ anthropic, gemini }: Emulators, name: string): ModelView[] {
  const views: ModelView[] = [];
  for (const request of anthropic.log.all('request')) {
    if (!request.system.some((block) => block.text?.includes(name))) continue;
    const userText = request.messages
      .filter(({ role }) => role === 'user')
      .flatMap(({ content }) => content.map((block) => block.text ?? ''));
    views.push({ atMs: request.atMs, userText: userText.join(' ') });
  }
  for (const request of gemini.log.all('request')) {
    if (!request.systemText.includes(name)) continue;
    const userText = request.contents
      .filter(({ role }) => role === 'user')
      .flatMap(({ parts }) => parts.map((part) => part.text ?? ''));
    views.push({ atMs: request.atMs, userText: userText.join(' ') });
  }
  return views.toSorted((a, b) => a.atMs - b.atMs);
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

/** An outbound call while the carrier's API is broken: a clear end, and no phone that rings twice. */
async function runPlacement(cell: Cell, world: World): Promise<CellResult> {
  const { twilio } = world.emulators;
  const what: string[] = [];
  const person = personOf('before');
  const vocabulary = vocabularyFor(person, new Date());
  const greeted: Promise<void>[] = [];
  const legs: CallerLeg[] = [];
  twilio.onOutboundCall(async (leg) => {
    legs.push(leg);
    await leg.answer({ afterMs: 300 });
    greeted.push(
      leg.waitForWords(/\?/, { timeoutMs: 10_000 }).then(async () => await leg.hangUp()),
    );
  });
  const beganAt = performance.now();
  const placed = await world.app.calls.place(person).then(
    () => 'placed',
    () => 'refused',
  );
  const tookMs = performance.now() - beganAt;
  if (tookMs > 10_500)
    what.push(`placing a call was ${placed} only after ${Math.round(tookMs)} ms`);
  await sleep(1_500);
  for (const outcome of await Promise.allSettled(greeted)) {
    if (outcome.status === 'rejected')
      what.push(`answered, not greeted: ${String(outcome.reason)}`);
  }
  const expected = cell.fault === 'duplicate' ? 2 : 1;
  if (legs.length > expected) what.push(`${legs.length} phones rang`);
  for (const leg of legs) {
    await leg.ended({ timeoutMs: 10_000 }).catch(() => what.push('a call did not end'));
    const heard = leg.playout.heardText();
    if (heard !== '' && !vocabulary.some(({ text }) => text.startsWith(heard.slice(0, 20)))) {
      what.push(`strange words: “${heard.slice(0, 60)}”`);
    }
  }
  return { ...cell, what };
}
