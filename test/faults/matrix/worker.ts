/**
 * One process of the matrix. Runs the groups it is sent, tells their results, and at the end what
 * they left in the process: handles, timers, listeners, heap.
 */
import type { Cell } from './cells.ts';
import { prepareGround } from './ground.ts';
import { runGroup, type CellResult } from './group.ts';
import { leftoversOf, levelNow, watchTimers, type Leftovers, type Level } from './leftovers.ts';

export type ToWorker = { readonly run: readonly Cell[] } | { readonly finish: true };
export type FromWorker =
  | { readonly ready: true }
  | { readonly cells: readonly Cell[]; readonly results: readonly CellResult[] }
  | { readonly cells: readonly Cell[]; readonly broke: string }
  | { readonly finished: Leftovers };

/**
 * When the first measure is taken: `loaded`, after a first group that runs alone, so that the heap can
 * be judged as well; `started`, before any.
 */
export type Baseline = 'loaded' | 'started';

function tell(message: FromWorker): void {
  process.send?.(message);
}

// So that what this process started ends with it.
process.once('SIGTERM', () => process.exit(0));
process.once('disconnect', () => process.exit(1));

const timers = watchTimers();
const from = process.argv[2] === 'started' ? 'started' : 'loaded';
const ground = await prepareGround();
let baseline: Level | undefined;
let groups = 0;
process.on('message', (message: ToWorker) => {
  if ('finish' in message) {
    const finished = async (): Promise<void> => {
      const after = await levelNow(timers);
      tell({ finished: leftoversOf(baseline ?? after, after, groups, from === 'loaded') });
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
      baseline ??= await levelNow(timers);
      tell({ cells, results });
    } catch (error) {
      tell({ cells, broke: error instanceof Error ? (error.stack ?? error.message) : 'unknown' });
    }
  };
  void run();
});
// With every listener of its own.
if (from === 'started') baseline = await levelNow(timers);
tell({ ready: true });
