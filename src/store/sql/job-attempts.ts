/** The book of attempts at jobs: who tried what, when, and with which code it failed. */
import { sql } from 'kysely';
import { uuidv7 } from '../uuid.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type JobAttempt = {
  readonly jobId: string;
  readonly queue: string;
  /** From 1. */
  readonly attempt: number;
};

/**
 * Notes that an attempt begins. Whoever tried before and never told the end has lost it. The same
 * attempt begins again where it was handed back unfinished.
 */
export async function attemptBegins(
  tx: ScopedTransaction,
  { jobId, queue, attempt }: JobAttempt,
  instance: string,
): Promise<void> {
  await tx
    .updateTable('job_attempts')
    .set({ finished_at: sql<Date>`now()`, outcome: 'failed', error_code: 'lost' })
    .where('job_id', '=', jobId)
    .where('attempt', '<', attempt)
    .where('outcome', 'is', null)
    .execute();
  const begun = { instance: instance.slice(0, 128), started_at: sql<Date>`now()` };
  await tx
    .insertInto('job_attempts')
    .values({ id: uuidv7(), job_id: jobId, queue, attempt, ...begun })
    .onConflict((conflict) =>
      conflict
        .columns(['job_id', 'attempt'])
        .doUpdateSet({ ...begun, finished_at: null, outcome: null, error_code: null }),
    )
    .execute();
}

/** `failedWith`: a code; undefined: done. */
export async function attemptEnds(
  tx: ScopedTransaction,
  { jobId, attempt }: JobAttempt,
  failedWith: string | undefined,
): Promise<void> {
  await tx
    .updateTable('job_attempts')
    .set({
      finished_at: sql<Date>`now()`,
      outcome: failedWith === undefined ? 'done' : 'failed',
      error_code: failedWith?.slice(0, 64) ?? null,
    })
    .where('job_id', '=', jobId)
    .where('attempt', '=', attempt)
    .where('outcome', 'is', null)
    .execute();
}
