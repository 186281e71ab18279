/** How much of this machine its host keeps for other guests, as Linux counts it. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** Ticks so far: in all, and those that the host gave to another guest. */
export type CpuTimes = { readonly steal: number; readonly total: number };

/** Of one core by its number, or of all; undefined where the system does not tell. */
export function readCpuTimes(core?: number): CpuTimes | undefined {
  try {
    const lines = readFileSync('/proc/stat', 'latin1').split('\n');
    const line = lines.find((each) => each.startsWith(`cpu${core ?? ''} `));
    // user nice system idle iowait irq softirq steal; what follows is part of the first two.
    const fields = line?.trim().split(/\s+/).slice(1, 9).map(Number);
    if (fields?.length !== 8) return undefined;
    return { steal: fields[7] ?? 0, total: fields.reduce((sum, field) => sum + field, 0) };
  } catch {
    return undefined;
  }
}

/** Of the time between the two, 0 to 1; undefined where unknown. */
export function stealShare(
  from: CpuTimes | undefined,
  to: CpuTimes | undefined,
): number | undefined {
  if (!from || !to || to.total <= from.total) return undefined;
  return (to.steal - from.steal) / (to.total - from.total);
}

/** The same with one decimal. */
export function stealPercent(
  from: CpuTimes | undefined,
  to: CpuTimes | undefined,
): number | undefined {
  const share = stealShare(from, to);
  return share === undefined ? undefined : Math.round(share * 1_000) / 10;
}

export type HostWatch = {
  /**
   * @returns the most that the host kept in any two seconds that touch this time, percent. Times are
   * in milliseconds of `Date.now()`; what it cannot know counts as nothing.
   */
  keptBetween(fromMs: number, toMs: number): number;
  /**
   * Resolves when all of this machine can be had again, at the latest after `limitMs` and a moment.
   * @returns how long that took, milliseconds.
   */
  settled(limitMs: number): Promise<number>;
  stop(): void;
};

/** Where the host kept this much of two seconds, percent, a failure may be the machine's. */
export const SPOILING_PERCENT = 10;

const WINDOW_MS = 2_000;
/** In less, one tick of the clock says too much. */
const LEAST_WINDOW_MS = 500;
/** Of windows worth a note; an hour and a half at the worst. */
const MAX_WINDOWS = 3_000;

/** Watches from now on. */
export function watchHost(): HostWatch {
  const windows: { readonly fromMs: number; readonly toMs: number; readonly kept: number }[] = [];
  let [fromMs, from] = [Date.now(), readCpuTimes()];
  const look = (): void => {
    const [toMs, to] = [Date.now(), readCpuTimes()];
    if (toMs - fromMs < LEAST_WINDOW_MS) return;
    const kept = stealPercent(from, to) ?? 0;
    if (kept > 0) windows.push({ fromMs, toMs, kept });
    if (windows.length > MAX_WINDOWS) windows.shift();
    [fromMs, from] = [toMs, to];
  };
  const timer = setInterval(look, WINDOW_MS).unref();
  return {
    keptBetween: (beganMs, endedMs) => {
      look();
      const touched = windows.filter((each) => each.fromMs <= endedMs && each.toMs >= beganMs);
      return Math.max(0, ...touched.map(({ kept }) => kept));
    },
    settled: waitForHost,
    stop: () => clearInterval(timer),
  };
}

const PROBE_MS = 1_000;
/** Probing is itself a load. */
const BETWEEN_PROBES_MS = 10_000;
/** The host keeps only what is asked for. */
const BUSY = `const end = performance.now() + ${PROBE_MS}; while (performance.now() < end);`;

async function waitForHost(limitMs: number): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const from = readCpuTimes();
    await Promise.all(Array.from({ length: availableParallelism() }, beBusy));
    const kept = stealPercent(from, readCpuTimes()) ?? 0;
    const tookMs = performance.now() - startedAt;
    if (kept < SPOILING_PERCENT || tookMs + BETWEEN_PROBES_MS > limitMs) return tookMs;
    await sleep(BETWEEN_PROBES_MS);
  }
}

/** Keeps one core busy for a moment. */
async function beBusy(): Promise<void> {
  const worker = new Worker(BUSY, { eval: true });
  await new Promise((resolve) => worker.once('exit', resolve));
}
