/** The same machine, the same minute, the least work: what every figure can be held against. */
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { readCpuTimes, stealShare } from '../../scripts/host-share.ts';
import { end, Helper, spawnPinned } from './children.ts';
import type { Cores } from './cores.ts';
import { processUse } from './procfs.ts';
import { hundredth, spreadOf, type Spread } from './stats.ts';

export type Calibration = {
  readonly calls: number;
  readonly cpuMsPerCallSecond: number;
  readonly transitMs: Spread | undefined;
  readonly stealShare: number;
};

const CALLS = 100;
const SETTLE_MS = 2_000;
const MEASURE_MS = 6_000;
const READY_TIMEOUT_MS = 10_000;

/** Runs the relay on the server's core for a few seconds. */
export async function calibrate(cores: Cores): Promise<Calibration> {
  const load = new Helper(cores.callers, 'relay-load.ts');
  const environment = await load.ready();
  const relay = spawnPinned(cores.server, ['bench/relay.ts', environment['UPSTREAM'] ?? ''], {
    output: 'pipe',
  });
  try {
    const port = await portOf(relay.child.stdout);
    const answerUrl = `ws://127.0.0.1:${port}`;
    load.order({ order: 'call', calls: CALLS, answerUrl });
    await sleep(SETTLE_MS);
    load.order({ order: 'begin' });
    const pid = relay.child.pid ?? 0;
    const ticks = readCpuTimes(cores.server);
    const before = processUse(pid);
    const beganAt = performance.now();
    await sleep(MEASURE_MS);
    const seconds = (performance.now() - beganAt) / 1_000;
    const after = processUse(pid);
    const report = await load.report('relay');
    return {
      calls: CALLS,
      cpuMsPerCallSecond: hundredth((after.cpuMs - before.cpuMs) / seconds / CALLS),
      transitMs: spreadOf(report.transitMs),
      stealShare: stealShare(ticks, readCpuTimes(cores.server)) ?? 0,
    };
  } finally {
    await end(relay);
    await load.stop();
  }
}

async function portOf(stdout: NodeJS.ReadableStream | null): Promise<number> {
  if (stdout === null) throw new Error('the relay has no output');
  const { promise: line, resolve, reject } = Promise.withResolvers<string>();
  createInterface({ input: stdout })
    .once('line', resolve)
    .once('close', () => {
      reject(new Error('the relay ended'));
    });
  const timer = setTimeout(() => reject(new Error('the relay was not ready')), READY_TIMEOUT_MS);
  try {
    return (JSON.parse(await line) as { port: number }).port;
  } finally {
    clearTimeout(timer);
  }
}
