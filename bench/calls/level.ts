/** One level: so many calls at once, measured for so long, with the world that they need. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../emulators/clock.ts';
import { readCpuTimes, stealShare } from '../../scripts/host-share.ts';
import { Helper, ROOT } from './children.ts';
import type { Cores } from './cores.ts';
import type { BenchDatabase } from './database.ts';
import { joinTurns, turnsOf, type Joined } from './join.ts';
import { CALLS_PER_SECOND } from './plan.ts';
import { processUse } from './procfs.ts';
import type { Stamped } from './messages.ts';
import { QuietTime, watchSeconds, type Second } from './quiet.ts';
import { readServerFigures } from './server-figures.ts';
import { startServer, type Server } from './server.ts';

const RAMP_GRACE_MS = 60_000;
const FIRST_CALLS = 4;
const LEAVE_TIMEOUT_MS = 60_000;
/** After the last call is up: what is said once in seconds is compiled only after a while. */
const SETTLE_MS = 10_000;
/** With less of the quiet time that was asked for, there are too few turns in it to say anything. */
const LEAST_QUIET_SHARE = 0.2;
/** The server's fixed lines are made in this time, which no caller waits for. */
const WARM_UP_MS = 2_500;

export type LevelOptions = {
  readonly calls: number;
  /** Quiet ones, measured after ramp and warm-up. */
  readonly seconds: number;
  /** Where the machine is not quiet, it is measured longer by so many at most. */
  readonly extraSeconds: number;
  readonly cores: Cores;
  readonly database: BenchDatabase;
  readonly profile: boolean;
  readonly root?: string | undefined;
  /** The server sends its spans to a receiver, which shares a core with the recogniser. */
  readonly tracing?: boolean;
  /** What the server's environment has besides. */
  readonly settings?: Readonly<Record<string, string>>;
};

/** What a run measured, and how quiet the machine was. */
export type LevelRun = {
  readonly calls: number;
  /** Measured in all, and those of them that were quiet. */
  readonly seconds: number;
  readonly quietSeconds: number;
  /** Times and CPU are of these: the quiet ones or, where they were too few to say anything, all. */
  readonly countedSeconds: number;
  readonly joined: Joined;
  readonly live: number;
  readonly lost: readonly string[];
  readonly greetingMs: readonly number[];
  readonly underrunMs: readonly number[];
  /** At all times. */
  readonly underruns: number;
  readonly forwardLatenessMs: readonly number[];
  readonly sendLatenessMs: readonly number[];
  /** Of the helpers' event loops, each. */
  readonly loopLagMs: readonly (readonly number[])[];
  /** Spans that arrived at the receiver; undefined where there was none. */
  readonly spans: number | undefined;
  /** Of the seconds that count. */
  readonly cpuMs: number;
  /** Of the server, on the thread of the calls. */
  readonly gcMs: number;
  readonly loopDelayP99Ms: number;
  readonly idleRssKb: number;
  readonly rssKb: number;
  /** Of the server's core, all the time. */
  readonly stealShare: number;
  readonly startMs: number;
};

export type World = {
  readonly callers: Helper;
  readonly ears: Helper;
  readonly vendors: Helper;
  readonly collector: Helper | undefined;
  readonly server: Server;
  close(): Promise<void>;
};

/** Starts the emulators, then the server, and waits until its fixed lines are made. */
export async function startBenchWorld(
  options: Pick<
    LevelOptions,
    'cores' | 'database' | 'profile' | 'root' | 'tracing' | 'settings'
  > & {
    readonly collects?: boolean;
  },
): Promise<World> {
  const { cores, database, profile, root, tracing = false, settings = {}, collects } = options;
  const folder = join(ROOT, 'out', 'bench', String(process.pid));
  const callers = new Helper(cores.callers, 'callers.ts');
  const ears = new Helper(cores.ears, 'ears.ts');
  const vendors = new Helper(cores.vendors, 'vendors.ts');
  const collector = tracing ? new Helper(cores.ears, 'collector.ts') : undefined;
  const helpers = [callers, ears, vendors, ...(collector ? [collector] : [])];
  try {
    const environments = await Promise.all([
      database.environment(),
      ...helpers.map((helper) => helper.ready()),
    ]);
    const environment: Record<string, string> = Object.assign({}, ...environments, settings);
    const server = await startServer({
      core: cores.server,
      environment,
      folder,
      root,
      profile,
      ...(collects === undefined ? {} : { collects }),
    });
    await sleep(WARM_UP_MS);
    vendors.order({ order: 'at-script-speed' });
    return {
      callers,
      ears,
      vendors,
      collector,
      server,
      close: async () => {
        try {
          await server.stop();
        } finally {
          await Promise.all(helpers.map((helper) => helper.stop()));
          if (!profile) rmSync(folder, { recursive: true, force: true });
        }
      },
    };
  } catch (error) {
    await Promise.all(helpers.map((helper) => helper.stop()));
    throw error;
  }
}

/** How long a run takes in all, roughly: start, first calls, ramp and its first turns, the end. */
export function runSecondsOf(calls: number, seconds: number): number {
  const aroundSeconds = 28;
  return aroundSeconds + calls / CALLS_PER_SECOND + SETTLE_MS / 1_000 + seconds;
}

export async function runLevel(options: LevelOptions): Promise<LevelRun> {
  const { calls, seconds, extraSeconds, cores } = options;
  const world = await startBenchWorld(options);
  const { callers, ears, vendors, collector, server } = world;
  let watch: ReturnType<typeof watchSeconds> | undefined;
  try {
    const seen = (watch = watchSeconds(cores, server.pid));
    const idleRssKb = processUse(server.pid).rssKb;
    const answerUrl = `${server.url}/voice/answer`;
    // The first calls have every wording of the greeting made, which later ones find in the cache.
    callers.order({ order: 'call', calls: FIRST_CALLS, answerUrl });
    await callers.until('ramped', RAMP_GRACE_MS);
    callers.order({ order: 'hang-up' });
    await callers.until('gone', LEAVE_TIMEOUT_MS);
    callers.order({ order: 'call', calls, answerUrl });
    await callers.until('ramped', (calls / CALLS_PER_SECOND) * 1_000 + RAMP_GRACE_MS);
    await sleep(SETTLE_MS);
    for (const helper of [callers, ears, vendors, collector]) helper?.order({ order: 'begin' });
    const figuresBefore = await readServerFigures(server.url);
    const ticks = readCpuTimes(cores.server);
    const beganAtMs = monotonicMs();
    const elapsed = (): number => (monotonicMs() - beganAtMs) / 1_000;
    const quietSeconds = (): number => new QuietTime(seen.seconds(), beganAtMs).sum().seconds;
    // A second is known when it is over; the first began before.
    while (quietSeconds() < seconds - 1 && elapsed() < seconds + extraSeconds) await sleep(500);
    const endedAtMs = monotonicMs();
    const measuredSeconds = elapsed();
    const rssKb = processUse(server.pid).rssKb;
    const stolen = stealShare(ticks, readCpuTimes(cores.server)) ?? 0;
    const figures = await readServerFigures(server.url);
    const [ofCallers, ofEars, ofVendors] = await Promise.all([
      callers.report('callers'),
      ears.report('ears'),
      vendors.report('vendors'),
    ]);
    const spans = (await collector?.report('collector'))?.spans;
    callers.order({ order: 'hang-up' });
    await callers.until('gone', LEAVE_TIMEOUT_MS);
    const join = (time: QuietTime): Joined => joinTurns(ofCallers, ofEars, ofVendors, time);
    const quiet = new QuietTime(seen.seconds(), beganAtMs, endedAtMs);
    const { seconds: quietly } = quiet.sum();
    const says = quietly >= seconds * LEAST_QUIET_SHARE && turnsOf(join(quiet)) > 0;
    const counted = says ? quiet : new QuietTime(seen.seconds(), beganAtMs, endedAtMs, 1);
    const { seconds: countedSeconds, cpuMs } = counted.sum();
    return {
      calls,
      seconds: measuredSeconds,
      quietSeconds: quietly,
      countedSeconds,
      joined: join(counted),
      live: ofCallers.live,
      lost: ofCallers.lost,
      greetingMs: quietOrAll(ofCallers.greetings, seen.seconds()),
      underrunMs: counted.of(ofCallers.underruns),
      underruns: ofCallers.underruns.ms.length,
      forwardLatenessMs: counted.of(ofEars.forwardLateness),
      sendLatenessMs: counted.of(ofCallers.sendLateness),
      loopLagMs: [ofCallers, ofEars, ofVendors].map(({ loopLag }) => counted.of(loopLag)),
      spans,
      cpuMs,
      gcMs: figures.gcMs - figuresBefore.gcMs,
      loopDelayP99Ms: figures.loopDelayP99Ms,
      idleRssKb,
      rssKb,
      stealShare: stolen,
      startMs: server.startMs,
    };
  } finally {
    watch?.stop();
    await world.close();
  }
}

/** Greetings are of the time before the measured one, which may have been quiet or not. */
function quietOrAll(greetings: Stamped, seconds: readonly Second[]): readonly number[] {
  const quiet = new QuietTime(seconds).of(greetings);
  return quiet.length > 0 ? quiet : greetings.ms;
}
