/** Calls that come and go for minutes: what grows, and what is left when all have gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cores } from './cores.ts';
import type { BenchDatabase } from './database.ts';
import { startBenchWorld } from './level.ts';
import { openDescriptors, processUse } from './procfs.ts';
import { watchSeconds } from './quiet.ts';
import { readServerFigures } from './server-figures.ts';
import type { Server } from './server.ts';
import {
  growthOf,
  judgeSoak,
  type SoakFigures,
  type Verdict,
  type WaveHeap,
} from './soak-verdict.ts';
import { hundredth, spreadOf } from './stats.ts';

const SAMPLE_MS = 2_000;
/** Each wave of callers stays this long. */
const WAVE_MS = 45_000;
const GONE_TIMEOUT_MS = 60_000;
/** After the last call: timers, closing handshakes, a collection or two. */
const AFTER_MS = 15_000;
/** When a wave has gone: what is written down after a call. */
const SETTLE_MS = 5_000;
const LOOK_MS = 200;
const MAX_LOOKS = 50;
/** The first part fills caches and heaps to their working size. */
const WARM_SHARE = 0.3;

/** Memory in megabytes. */
type Course = { readonly idle: number; readonly most: number; readonly after: number };

export type Soak = SoakFigures & {
  readonly calls: number;
  readonly seconds: number;
  readonly waves: number;
  /** In use in the heap; `most` with its garbage, the others without. */
  readonly heapMb: Course;
  readonly rssMb: Course;
  readonly verdict: Verdict;
};

/** The heap in use when the garbage is gone. @throws Error where the server does not collect it. */
async function collectedHeapKb({ url, pid }: Server): Promise<number> {
  const { fullCollections } = await readServerFigures(url);
  process.kill(pid, 'SIGUSR2');
  for (let looks = 0; looks < MAX_LOOKS; looks += 1) {
    await sleep(LOOK_MS);
    const figures = await readServerFigures(url);
    if (figures.fullCollections >= fullCollections + 2) return figures.heapKb;
  }
  throw new Error('the server did not collect its garbage');
}

type Sample = { readonly heapKb: number; readonly rssKb: number; readonly fds: number };

async function sampleOf({ url, pid }: Server): Promise<Sample> {
  const { heapKb } = await readServerFigures(url);
  return { heapKb, rssKb: processUse(pid).rssKb, fds: openDescriptors(pid) };
}

export async function runSoak(options: {
  readonly calls: number;
  readonly seconds: number;
  readonly cores: Cores;
  readonly database: BenchDatabase;
  readonly settings?: Readonly<Record<string, string>>;
  readonly onProgress: (line: string) => void;
}): Promise<Soak> {
  const { calls, seconds, cores, database, settings = {}, onProgress } = options;
  const world = await startBenchWorld({
    cores,
    database,
    settings,
    profile: false,
    collects: true,
  });
  const { callers, ears, vendors, server } = world;
  const watch = watchSeconds(cores, server.pid);
  try {
    const heapIdleKb = await collectedHeapKb(server);
    const idle = { ...(await sampleOf(server)), heapKb: heapIdleKb };
    const samples: Sample[] = [];
    const heaps: WaveHeap[] = [];
    const lags: number[][] = [];
    const beganAt = performance.now();
    const elapsed = (): number => performance.now() - beganAt;
    let turns = 0;
    let callsLost = 0;
    while (elapsed() < seconds * 1_000) {
      for (const helper of [callers, ears, vendors]) helper.order({ order: 'begin' });
      callers.order({ order: 'call', calls, answerUrl: `${server.url}/voice/answer` });
      const ramped = callers.until('ramped', GONE_TIMEOUT_MS);
      const endAtMs = Math.min(seconds * 1_000, elapsed() + WAVE_MS);
      do {
        await sleep(Math.min(SAMPLE_MS, Math.max(1, endAtMs - elapsed())));
        samples.push(await sampleOf(server));
      } while (elapsed() < endAtMs);
      await ramped;
      const reports = await Promise.all([
        callers.report('callers'),
        ears.report('ears'),
        vendors.report('vendors'),
      ]);
      lags.push(...reports.map(({ loopLag }) => [...loopLag.ms]));
      turns += reports[0].turns.length;
      callsLost += reports[0].lost.length;
      callers.order({ order: 'hang-up' });
      await callers.until('gone', GONE_TIMEOUT_MS);
      await sleep(SETTLE_MS);
      heaps.push({ atMs: elapsed(), heapKb: await collectedHeapKb(server) });
      onProgress(`${Math.round(elapsed() / 1_000)} s, wave ${heaps.length}, ${turns} turns`);
    }
    await sleep(AFTER_MS);
    const heapAfterKb = await collectedHeapKb(server);
    const after = { ...(await sampleOf(server)), heapKb: heapAfterKb };
    const course = (of: (sample: Sample) => number): Course => ({
      idle: of(idle),
      most: Math.max(...samples.map(of)),
      after: of(after),
    });
    const seen = watch.seconds();
    const figures: SoakFigures = {
      heapGrowth: growthOf(heaps.filter(({ atMs }) => atMs >= seconds * 1_000 * WARM_SHARE)),
      descriptors: course(({ fds }) => fds),
      turns,
      callsLost,
      stealShare: hundredth(
        seen.reduce((sum, second) => sum + second.stealShare, 0) / Math.max(1, seen.length),
      ),
      helperLagP99Ms: Math.max(...lags.map((lag) => spreadOf(lag)?.p99 ?? 0)),
    };
    return {
      calls,
      seconds: Math.round(elapsed() / 1_000),
      waves: heaps.length,
      ...figures,
      heapMb: course(({ heapKb }) => Math.round(heapKb / 1_024)),
      rssMb: course(({ rssKb }) => Math.round(rssKb / 1_024)),
      verdict: judgeSoak(figures),
    };
  } finally {
    watch.stop();
    await world.close();
  }
}
