/** What Linux says of processes and cores. */
import { readdirSync, readFileSync } from 'node:fs';

/** CPU time used so far by all threads of a process, milliseconds, and its resident memory. */
export type ProcessUse = { readonly cpuMs: number; readonly rssKb: number };

export function processUse(pid: number): ProcessUse {
  let cpuMs = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // First field: nanoseconds on a core. Finer than the ticks of /proc/<pid>/stat.
    const text = readText(`/proc/${pid}/task/${thread}/schedstat`);
    cpuMs += Number(text.split(' ')[0] ?? 0) / 1e6;
  }
  const rss = /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`));
  return { cpuMs, rssKb: Number(rss?.[1] ?? 0) };
}

/** Open sockets of a process. */
export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Ticks of one core so far: in all, and those that the hypervisor gave to somebody else. */
export type CoreTicks = { readonly total: number; readonly stolen: number };

export function coreTicks(core: number): CoreTicks {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(readText('/proc/stat'))?.[1] ?? '';
  const fields = line.split(' ').map(Number);
  // user nice system idle iowait irq softirq steal; guest time is in user time already.
  const counted = fields.slice(0, 8);
  return { total: counted.reduce((sum, ticks) => sum + ticks, 0), stolen: counted[7] ?? 0 };
}

export function stealShare(before: CoreTicks, after: CoreTicks): number {
  const total = after.total - before.total;
  return total === 0 ? 0 : (after.stolen - before.stolen) / total;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // A thread that ended between the listing and the reading.
    return '';
  }
}
