/** How much of this machine its host keeps for other guests, as Linux counts it. */
import { readFileSync } from 'node:fs';

/** Ticks of all processors since the machine came up. */
export type CpuTimes = { readonly steal: number; readonly total: number };

const STEAL_FIELD = 7;

/** Undefined where the system does not tell. */
export function readCpuTimes(): CpuTimes | undefined {
  try {
    const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
    // user nice system idle iowait irq softirq steal; what follows is part of the first two.
    const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
    const total = fields.reduce((sum, field) => sum + field, 0);
    return { steal: fields[STEAL_FIELD] ?? 0, total };
  } catch {
    return undefined;
  }
}

/** Of the time between the two, with one decimal; undefined where unknown. */
export function stealPercent(
  from: CpuTimes | undefined,
  to: CpuTimes | undefined,
): number | undefined {
  if (!from || !to || to.total <= from.total) return undefined;
  return Math.round(((to.steal - from.steal) / (to.total - from.total)) * 1_000) / 10;
}

export type HostWatch = {
  /** Ends the watch. @returns the most that the host kept of any ten seconds, percent. */
  stop(): number;
};

/** Where the host kept this much of ten seconds, percent, a failure may be the machine's. */
export const SPOILING_PERCENT = 10;

const WINDOW_MS = 10_000;

/** Watches from now on; what it cannot know counts as nothing. */
export function watchHost(): HostWatch {
  let worst = 0;
  let from = readCpuTimes();
  const look = (): void => {
    const to = readCpuTimes();
    worst = Math.max(worst, stealPercent(from, to) ?? 0);
    from = to;
  };
  const timer = setInterval(look, WINDOW_MS).unref();
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return worst;
    },
  };
}
