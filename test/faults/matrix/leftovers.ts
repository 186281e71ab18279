/** What groups leave in the process that played them: connections, timers, listeners, heap. */
import { createHook } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** `findings` are broken promises. */
export type Leftovers = {
  readonly groups: number;
  readonly heapGrowthMb: number;
  readonly findings: readonly string[];
};

export type Level = {
  readonly heapMb: number;
  /** By kind: sockets and servers; timers, also those that would not keep the process alive. */
  readonly resources: Readonly<Record<string, number>>;
  /** Of the process, by event. */
  readonly listeners: Readonly<Record<string, number>>;
};

/** Emulators' logs, code that got hot: what a process may hold more of after many groups. */
const HEAP_GROWTH_MB = 24;
/** Closed sockets and servers, and what libraries time them with, are let go of a little later. */
const SETTLE_MS = 2_000;
/** Handles of the process itself, which come and go. */
const OURS = new Set(['TCPServerWrap', 'TCPSocketWrap', 'TLSWrap', 'Immediate']);

/** Counts every timer of the process from now on: Node itself tells only of those that hold it. */
export function watchTimers(): () => number {
  const live = new Set<number>();
  createHook({
    init: (id, type) => {
      if (type === 'Timeout') live.add(id);
    },
    destroy: (id) => void live.delete(id),
    trackPromises: false,
  }).enable();
  return () => live.size;
}

export async function levelNow(timers: () => number): Promise<Level> {
  await sleep(SETTLE_MS);
  const collect = (globalThis as { gc?: () => void }).gc;
  collect?.();
  await sleep(100);
  collect?.();
  const resources: Record<string, number> = { timer: timers() };
  for (const name of process.getActiveResourcesInfo()) {
    if (OURS.has(name)) resources[name] = (resources[name] ?? 0) + 1;
  }
  const listeners = Object.fromEntries(
    process.eventNames().map((name) => [String(name), process.listenerCount(name as 'exit')]),
  );
  return { heapMb: process.memoryUsage().heapUsed / 1_048_576, resources, listeners };
}

/** `judgesHeap`: the earlier level was taken when everything had been loaded. */
export function leftoversOf(
  before: Level,
  after: Level,
  groups: number,
  judgesHeap: boolean,
): Leftovers {
  const findings: string[] = [];
  for (const [name, more] of growth(before.resources, after.resources)) {
    findings.push(`${more} ${name}(s) left in the process`);
  }
  for (const [name, more] of growth(before.listeners, after.listeners)) {
    findings.push(`${more} listener(s) of the process's '${name}' left`);
  }
  const heapGrowthMb = Math.round((after.heapMb - before.heapMb) * 10) / 10;
  if (judgesHeap && heapGrowthMb > HEAP_GROWTH_MB) {
    findings.push(`the heap grew by ${heapGrowthMb} MB over ${groups} groups`);
  }
  return { groups, heapGrowthMb, findings };
}

function growth(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): (readonly [name: string, more: number])[] {
  return Object.entries(after)
    .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
    .filter(([, more]) => more > 0);
}
