/**
 * One process of the matrix. Runs the groups it is sent, tells their results, and at the end what
 * they left in the process: handles, timers, listeners, heap.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from './cells.ts';
import { prepareGround } from './ground.ts';
import { runGroup, type CellResult } from './group.ts';

export type ToWorker = { readonly run: readonly Cell[] } | { readonly finish: true };
export type FromWorker =
  | { readonly ready: true }
  | { readonly cells: readonly Cell[]; readonly results: readonly CellResult[] }
  | { readonly cells: readonly Cell[]; readonly broke: string }
  | { readonly finished: Leftovers };

/** What a worker's groups left in its process; `findings` are broken promises. */
export type Leftovers = {
  readonly groups: number;
  readonly heapGrowthMb: number;
  readonly findings: readonly string[];
};

type Level = {
  readonly heapMb: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly listeners: number;
};

/** Emulators' logs, code that got hot: what a process may hold more of after many groups. */
const HEAP_GROWTH_MB = 24;
/** Closed sockets and servers are let go of a little later. */
const SETTLE_MS = 2_000;
/** Handles of the process itself, which come and go. */
const OURS = new Set(['TCPServerWrap', 'TCPSocketWrap', 'TLSWrap', 'Timeout', 'Immediate']);

async function level(): Promise<Level> {
  await sleep(SETTLE_MS);
  const collect = (globalThis as { gc?: () => void }).gc;
  collect?.();
  await sleep(100);
  collect?.();
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) {
    if (OURS.has(name)) resources[name] = (resources[name] ?? 0) + 1;
  }
  const listeners = process
    .eventNames()
    .reduce((sum, name) => sum + process.listenerCount(name as 'exit'), 0);
  return { heapMb: process.memoryUsage().heapUsed / 1_048_576, resources, listeners };
}

function leftovers(before: Level, after: Level, groups: number): Leftovers {
  const findings: string[] = [];
  for (const [name, count] of Object.entries(after.resources)) {
    const had = before.resources[name] ?? 0;
    if (count > had) findings.push(`${count - had} ${name}(s) left in the process`);
  }
  if (after.listeners > before.listeners) {
    findings.push(`${after.listeners - before.listeners} process listener(s) left`);
  }
  const heapGrowthMb = Math.round((after.heapMb - before.heapMb) * 10) / 10;
  if (heapGrowthMb > HEAP_GROWTH_MB) {
    findings.push(`the heap grew by ${heapGrowthMb} MB over ${groups} groups`);
  }
  return { groups, heapGrowthMb, findings };
}

function tell(message: FromWorker): void {
  process.send?.(message);
}

// So that what this process started ends with it.
process.once('SIGTERM', () => process.exit(0));
process.once('disconnect', () => process.exit(1));

const ground = await prepareGround();
let baseline: Level | undefined;
let groups = 0;
process.on('message', (message: ToWorker) => {
  if ('finish' in message) {
    const finished = async (): Promise<void> => {
      const after = await level();
      tell({ finished: leftovers(baseline ?? after, after, groups) });
    };
    void finished();
    return;
  }
  const cells = message.run;
  const run = async (): Promise<void> => {
    try {
      const results = await runGroup(cells, ground);
      groups += 1;
      // The first group runs alone: what it loads and keeps is no leak.
      baseline ??= await level();
      tell({ cells, results });
    } catch (error) {
      tell({ cells, broke: error instanceof Error ? (error.stack ?? error.message) : 'unknown' });
    }
  };
  void run();
});
tell({ ready: true });
