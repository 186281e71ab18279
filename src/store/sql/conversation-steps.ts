/** Which steps of the work after a call are done, and how many turns each has seen. */
import { sql } from 'kysely';
import { uuidv7 } from '../uuid.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type AfterCallStep = 'transcript' | 'memories' | 'notify';

export type StepRecord = {
  /** Turns that there were when it was done. */
  readonly upTo: number;
  readonly figures: Readonly<Record<string, number>>;
};

/** Undefined: not done yet. */
export async function stepOf(
  tx: ScopedTransaction,
  conversationId: string,
  step: AfterCallStep,
): Promise<StepRecord | undefined> {
  const row = await tx
    .selectFrom('conversation_steps')
    .select(['up_to', 'figures'])
    .where('conversation_id', '=', conversationId)
    .where('step', '=', step)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { upTo: row.up_to, figures: row.figures as Record<string, number> };
}

/** Notes that a step is done; of two that saw different numbers of turns the fuller one stays. */
export async function stepIsDone(
  tx: ScopedTransaction,
  conversationId: string,
  step: AfterCallStep,
  { upTo, figures }: StepRecord,
): Promise<void> {
  const content = { up_to: upTo, figures: JSON.stringify(figures) };
  await tx
    .insertInto('conversation_steps')
    .values({ id: uuidv7(), conversation_id: conversationId, step, ...content })
    .onConflict((conflict) =>
      conflict
        .columns(['conversation_id', 'step'])
        .doUpdateSet({ ...content, done_at: sql`now()` })
        .whereRef('conversation_steps.up_to', '<=', 'excluded.up_to'),
    )
    .execute();
}
