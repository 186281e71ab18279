/** What was made of a call. Each version stays; the last one holds. */
import type { Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type StoredAnalysis = {
  readonly version: number;
  /** The vendor that made it, or 'rules' where no model was to be had. */
  readonly model: string;
  readonly content: unknown;
};

export type Analyses = ReturnType<typeof analysesIn>;

export function analysesIn(sealer: Sealer) {
  const place = (conversationId: string, version: number) => ({
    table: 'analyses',
    row: `${conversationId}/${version}`,
    column: 'content_sealed',
  });

  /** Undefined: there is none, or none for this scope. */
  async function latest(
    tx: ScopedTransaction,
    conversationId: string,
  ): Promise<StoredAnalysis | undefined> {
    const row = await tx
      .selectFrom('analyses')
      .select(['version', 'model', 'content_sealed'])
      .where('conversation_id', '=', conversationId)
      .orderBy('version', 'desc')
      .limit(1)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const { version, model, content_sealed: sealed } = row;
    const text = sealer.open(place(conversationId, version), sealed);
    return { version, model, content: JSON.parse(text) as unknown };
  }

  /**
   * Keeps a version, unless there is one of that number already.
   * @returns whether it is this one that was kept.
   */
  async function put(
    tx: ScopedTransaction,
    conversationId: string,
    { version, model, content }: StoredAnalysis,
  ): Promise<boolean> {
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('analyses')
      .values({
        id: uuidv7(),
        conversation_id: conversationId,
        version,
        model: model.slice(0, 128),
        content_sealed: sealer.seal(place(conversationId, version), JSON.stringify(content)),
      })
      .onConflict((conflict) => conflict.columns(['conversation_id', 'version']).doNothing())
      .executeTakeFirst();
    return (numInsertedOrUpdatedRows ?? 0n) > 0n;
  }

  return { latest, put };
}
