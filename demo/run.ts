/** One scenario, once: the world, the server, the call, and the evidence that it leaves behind. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildUtterance } from '../emulators/speech/utterance.ts';
import type { CallerLeg, CallRecording } from '../emulators/twilio/types.ts';
import type { Evidence, KeptCall, SpokenLine } from './audit/evidence.ts';
import { playCaller, prepareSteps, type PreparedStep } from './caller.ts';
import { openEventStream, type EventStream } from './event-stream.ts';
import { readKept } from './kept.ts';
import type { HoldUp, MachineWatch } from './machine-watch.ts';
import type { Scenario } from './script.ts';
import { startServer, type ServerProcess } from './server-process.ts';
import { OUR_NUMBER, startWorld, type LiveVendors, type World } from './world.ts';

/** How long the server may take to ring us after it was asked to. */
const RING_TIMEOUT_MS = 15_000;
/** After the call, what may still be on its way: status callbacks, the last events. */
const EVENTS_TIMEOUT_MS = 3_000;

/** Who watches a call while it happens. */
export type Watcher = {
  /** Called once, when the call exists. Returns the function that ends the watching. */
  watch(live: LiveCall): () => void;
};

/** What can be seen of a call while it happens; everything grows. */
export type LiveCall = {
  readonly scenario: Scenario;
  readonly leg: CallerLeg;
  readonly world: World;
  readonly events: EventStream['events'];
  /** Lines as the caller begins them. */
  readonly speaking: readonly {
    readonly startedAtMs: number;
    readonly words: SpokenLine['words'];
  }[];
};

export type RunOptions = {
  readonly scenario: Scenario;
  readonly live: LiveVendors;
  readonly logFile: string;
  readonly watcher: Watcher | undefined;
  /** Aborting hangs up and ends everything in order. */
  readonly signal: AbortSignal;
  /** Watches the machine while the call lasts. */
  readonly machine: MachineWatch;
};

export type Run = {
  readonly scenario: Scenario;
  readonly evidence: Evidence;
  readonly recording: CallRecording;
  readonly startedAt: Date;
};

/** Rejects when the call cannot take place at all; what goes wrong in it is in the evidence. */
export async function runScenario(options: RunOptions): Promise<Run> {
  const { scenario } = options;
  const steps = await prepareSteps(scenario);
  const world = await startWorld(scenario, options.live);
  const dataDir = await mkdtemp(join(tmpdir(), 'hearthline-demo-'));
  let server: ServerProcess | undefined;
  let stream: EventStream | undefined;
  try {
    server = await startServer({
      environment: world.environment,
      dataDir,
      logFile: options.logFile,
    });
    world.twilio.setNumber({
      phoneNumber: OUR_NUMBER,
      voiceUrl: `${server.url}/voice/answer`,
      statusCallbackUrl: `${server.url}/voice/status`,
    });
    stream = await openEventStream(server.url);
    await untilWarm(world);
    options.signal.throwIfAborted();
    const startedAt = new Date();
    options.machine.start();
    const call = await conduct(options, world, server, stream, steps);
    options.machine.stop();
    await stream.close();
    const serverExitCode = await server.stop();
    const { holdUps } = options.machine;
    const kept = await readKept(dataDir, call.leg.callSid);
    const evidence = gather({ scenario, world, call, stream, serverExitCode, kept, holdUps });
    return { scenario, evidence, recording: call.leg.recording(), startedAt };
  } finally {
    options.machine.stop();
    await server?.stop();
    await stream?.close();
    await world.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}

type Conducted = {
  readonly leg: CallerLeg;
  readonly lines: readonly SpokenLine[];
  readonly trouble: string | undefined;
  readonly beepEndedAtMs: number | undefined;
  readonly end: Evidence['end'];
};

async function conduct(
  options: RunOptions,
  world: World,
  server: ServerProcess,
  stream: EventStream,
  steps: readonly PreparedStep[],
): Promise<Conducted> {
  const { scenario, watcher, signal } = options;
  const leg = await connect(scenario, world, server);
  const speaking: LiveCall['speaking'][number][] = [];
  const stopWatching = watcher?.watch({ scenario, leg, world, events: stream.events, speaking });
  const onAbort = (): void => void leg.hangUp();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  // The deadline hangs up; everything that waits for the call ends with it.
  const deadline = setTimeout(onAbort, scenario.timeoutMs);
  try {
    const beepEndedAtMs = await pickUp(scenario, leg);
    const part = await playCaller(leg, steps, (utterance, startedAtMs) => {
      speaking.push({ startedAtMs, words: utterance.words });
    });
    const end = await leg.ended({ timeoutMs: scenario.timeoutMs + 5_000 });
    await untilEventsEnd(stream, leg.callSid);
    return { leg, ...part, beepEndedAtMs, end };
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', onAbort);
    stopWatching?.();
  }
}

/** Puts the call through: dials in, or has the server dial out and waits for the ringing. */
async function connect(
  scenario: Scenario,
  world: World,
  server: ServerProcess,
): Promise<CallerLeg> {
  const { phone, name, language } = scenario.person;
  if (scenario.direction === 'inbound') {
    return await world.twilio.placeCall({ from: phone, to: OUR_NUMBER });
  }
  const { promise: ringing, resolve } = Promise.withResolvers<CallerLeg>();
  // The handler decides nothing: `pickUp` does, when the ringing has been seen.
  const takeBack = world.twilio.onOutboundCall((leg) => resolve(leg));
  const timeout = AbortSignal.timeout(RING_TIMEOUT_MS);
  const unanswered = new Promise<never>((_resolve, reject) => {
    timeout.addEventListener('abort', () => reject(new Error('the server did not ring')));
  });
  try {
    const response = await fetch(`${server.url}/dev/call`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ to: phone, personName: name, language }),
      signal: timeout,
    });
    const body = await response.text();
    if (response.status !== 202) throw new Error(`/dev/call answered ${response.status}: ${body}`);
    return await Promise.race([ringing, unanswered]);
  } finally {
    unanswered.catch(() => undefined);
    takeBack();
  }
}

/** Answers, as a person or as a machine; for a machine, returns when its beep was over. */
async function pickUp(scenario: Scenario, leg: CallerLeg): Promise<number | undefined> {
  if (scenario.direction === 'inbound') return undefined;
  if (scenario.answers.who === 'person') {
    await leg.answer({ afterMs: RING_MS });
    return undefined;
  }
  const greeting = await buildUtterance(scenario.answers.greeting, scenario.voice);
  await leg.answeringMachine({ afterMs: RING_MS, greeting });
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Long enough for the server to get ready while it rings, as in life. */
const RING_MS = 1_500;

/**
 * A server that has been up for a while has its fixed lines at hand; this one has just begun to make
 * them. Waits, within bounds, until the voice has had nothing to do for a moment.
 */
async function untilWarm(world: World): Promise<void> {
  const { voice } = world;
  if (!voice) return;
  const startedAtMs = performance.now();
  let seen = -1;
  let quietSinceMs = startedAtMs;
  while (performance.now() - startedAtMs < WARM_TIMEOUT_MS) {
    const { length } = voice.log.entries;
    if (length !== seen) quietSinceMs = performance.now();
    seen = length;
    if (performance.now() - quietSinceMs >= WARM_QUIET_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const WARM_TIMEOUT_MS = 20_000;
const WARM_QUIET_MS = 500;

async function untilEventsEnd(stream: EventStream, callSid: string): Promise<void> {
  const deadline = performance.now() + EVENTS_TIMEOUT_MS;
  const over = (): boolean =>
    stream.events.some((event) => event.callSid === callSid && event.what === 'call-ended');
  while (!over() && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function gather(found: {
  scenario: Scenario;
  world: World;
  call: Conducted;
  stream: EventStream;
  serverExitCode: number | undefined;
  kept: KeptCall;
  holdUps: readonly HoldUp[];
}): Evidence {
  const { scenario, world, call, stream, serverExitCode } = found;
  const { leg } = call;
  const { playout } = leg;
  return {
    callSid: leg.callSid,
    answeredAtMs: leg.answeredAtMs ?? 0,
    lines: call.lines,
    beepEndedAtMs: call.beepEndedAtMs,
    twilio: world.twilio.log.entries.filter(
      (entry) => !('callSid' in entry) || entry.callSid === leg.callSid,
    ),
    vendors: {
      stt: world.stt?.log.entries,
      model: world.model?.log.entries,
      voice: world.voice?.log.entries,
    },
    sttDelayMs: world.stt?.script.delayMs.EndOfTurn ?? 0,
    heard: playout.heardWords(),
    clears: playout.clears(),
    silences: playout.silences(20),
    underruns: playout.underruns().length,
    end: call.end,
    events: stream.events.filter((event) => event.callSid === leg.callSid),
    serverExitCode,
    kept: found.kept,
    expect: scenario.expect,
    holdUps: found.holdUps,
    callerTrouble: call.trouble,
  };
}
