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

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // A thread that ended between the listing and the reading.
    return '';
  }
}
