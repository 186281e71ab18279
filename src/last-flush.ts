/** What was said last, when the process ends: into the database, as long as that makes sense. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './events.ts';
import type { Logger } from './log.ts';

/** For what was said last, even where the calls have used up the deadline, or nobody will wait. */
const SHORTEST_FLUSH_MS = 500;
/** From the opened database to the queue of jobs, and to what waits in the spool for it. */
const QUEUE_PATIENCE_MS = 5_000;

/**
 * Waits for the database as long as there is time: the disk may not outlive this instance. What ends
 * a call makes jobs, though: where their queue does not come up, it can only stay in the spool, for
 * the next start, and is not waited for.
 * @param deadline monotonic milliseconds.
 */
export async function flushLast(
  durability: {
    /** As in `Durability`. */
    readonly flush: (timeoutMs: number) => Promise<boolean>;
    readonly figures: () => {
      readonly jobs: { readonly state: 'idle' | 'starting' | 'running' | 'away' | 'stopped' };
      readonly spool: { readonly pending: number };
    };
  },
  deadline: number,
  hurry: AbortSignal,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  const rest = Math.max(SHORTEST_FLUSH_MS, deadline - monotonicMs());
  const patientMs = hurry.aborted ? SHORTEST_FLUSH_MS : rest;
  const hurried = async (): Promise<false> => {
    await new Promise<void>((resolve) => {
      hurry.addEventListener('abort', () => resolve(), { once: true });
    });
    await sleep(SHORTEST_FLUSH_MS);
    return false;
  };
  const flushed = async (): Promise<boolean> => {
    const firstMs = Math.min(patientMs, QUEUE_PATIENCE_MS);
    if (await durability.flush(firstMs)) return true;
    const { state } = durability.figures().jobs;
    if (state === 'idle' || state === 'starting') return false;
    return patientMs > firstMs && (await durability.flush(patientMs - firstMs));
  };
  if (await Promise.race([flushed(), hurried()])) return;
  const pendingCount = durability.figures().spool.pending;
  log.warn('stopping while records wait in the spool', { pendingCount });
}
