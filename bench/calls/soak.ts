/** Calls that come and go for minutes: what grows, and what is left when all have gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cores } from './cores.ts';
import type { BenchDatabase } from './database.ts';
import { startBenchWorld } from './level.ts';
import { openDescriptors, processUse } from './procfs.ts';
import { hundredth } from './stats.ts';

const SAMPLE_MS = 5_000;
/** Each wave of callers stays this long. */
const WAVE_MS = 45_000;
const GONE_TIMEOUT_MS = 60_000;
/** After the last call: timers, closing handshakes, a collection or two. */
const AFTER_MS = 15_000;
/** The first part fills caches and heaps to their working size. */
const WARM_SHARE = 0.3;

export type Soak = {
  readonly calls: number;
  readonly seconds: number;
  readonly waves: number;
  /** Growth of resident memory after the first third, by least squares. */
  readonly rssKbPerMinute: number;
  readonly rssMb: { readonly idle: number; readonly most: number; readonly after: number };
  readonly descriptors: { readonly idle: number; readonly most: number; readonly after: number };
  readonly turns: number;
  readonly callsLost: number;
};

export async function runSoak(options: {
  readonly calls: number;
  readonly seconds: number;
  readonly cores: Cores;
  readonly database: BenchDatabase;
  readonly settings?: Readonly<Record<string, string>>;
  readonly onProgress: (line: string) => void;
}): Promise<Soak> {
  const { calls, seconds, cores, database, settings = {}, onProgress } = options;
  const world = await startBenchWorld({ cores, database, settings, profile: false });
  const { callers, ears, vendors, server } = world;
  try {
    const idle = { rssKb: processUse(server.pid).rssKb, fds: openDescriptors(server.pid) };
    const samples: { atMs: number; rssKb: number; fds: number }[] = [];
    const beganAt = performance.now();
    const elapsed = (): number => performance.now() - beganAt;
    let turns = 0;
    let callsLost = 0;
    let waves = 0;
    while (elapsed() < seconds * 1_000) {
      waves += 1;
      for (const helper of [callers, ears, vendors]) helper.order({ order: 'begin' });
      callers.order({ order: 'call', calls, answerUrl: `${server.url}/voice/answer` });
      const ramped = callers.until('ramped', GONE_TIMEOUT_MS);
      const endAtMs = Math.min(seconds * 1_000, elapsed() + WAVE_MS);
      while (elapsed() < endAtMs) {
        await sleep(Math.min(SAMPLE_MS, Math.max(1, endAtMs - elapsed())));
        const { rssKb } = processUse(server.pid);
        samples.push({ atMs: elapsed(), rssKb, fds: openDescriptors(server.pid) });
      }
      await ramped;
      const report = await callers.report('callers');
      turns += report.turns.length;
      callsLost += report.lost.length;
      callers.order({ order: 'hang-up' });
      await callers.until('gone', GONE_TIMEOUT_MS);
      onProgress(`${Math.round(elapsed() / 1_000)} s, wave ${waves}, ${turns} turns`);
    }
    await sleep(AFTER_MS);
    const after = { rssKb: processUse(server.pid).rssKb, fds: openDescriptors(server.pid) };
    const settled = samples.filter(({ atMs }) => atMs >= seconds * 1_000 * WARM_SHARE);
    const mb = (kb: number): number => Math.round(kb / 1024);
    return {
      calls,
      seconds: Math.round(elapsed() / 1_000),
      waves,
      rssKbPerMinute: hundredth(slope(settled.map(({ atMs, rssKb }) => [atMs, rssKb])) * 60_000),
      rssMb: {
        idle: mb(idle.rssKb),
        most: mb(Math.max(...samples.map(({ rssKb }) => rssKb))),
        after: mb(after.rssKb),
      },
      descriptors: {
        idle: idle.fds,
        most: Math.max(...samples.map(({ fds }) => fds)),
        after: after.fds,
      },
      turns,
      callsLost,
    };
  } finally {
    await world.close();
  }
}

/** Least squares, y per x; 0 for fewer than two points. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  if (points.length < 2) return 0;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  let above = 0;
  let below = 0;
  for (const [x, y] of points) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
