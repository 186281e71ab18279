/**
 * Webhooks as they arrived: recorded once, then claimed, then done or failed. A claim that its owner
 * did not finish in time (it died) can be taken by another. What arrived never changes; the
 * database gives nobody the right to.
 */
import { sql } from 'kysely';
import type { Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type IncomingWebhook = {
  readonly provider: string;
  /** What the provider calls it, such as `CallSid/SequenceNumber` or a MessageSid. */
  readonly eventKey: string;
  /** The path it came to, without a query. */
  readonly path: string;
  /** As received; sealed, for it holds numbers and words. */
  readonly body: string;
};

export type WebhookEvent = IncomingWebhook & {
  readonly eventId: string;
  readonly receivedAtMs: number;
  readonly state: 'received' | 'processing' | 'done' | 'failed';
  /** Claims so far, this one included. */
  readonly attempts: number;
};

/** A claim older than this is its owner's death. Processing one is a matter of milliseconds. */
export const CLAIM_EXPIRES_MS = 60_000;

export type WebhookEvents = ReturnType<typeof webhookEventsIn>;

function place(provider: string, eventKey: string) {
  return { table: 'webhook_events', row: `${provider}/${eventKey}`, column: 'body_sealed' };
}

export function webhookEventsIn(sealer: Sealer) {
  /** Undefined: somebody else has it, or it is finished. Of many askers one gets it. */
  async function claim(
    tx: ScopedTransaction,
    eventId: string,
    instance: string,
  ): Promise<WebhookEvent | undefined> {
    const row = await tx
      .updateTable('webhook_events')
      .set((eb) => ({
        state: 'processing',
        attempts: eb('attempts', '+', 1),
        claimed_at: sql<Date>`now()`,
        claimed_by: instance,
      }))
      .where('id', '=', eventId)
      .where((eb) =>
        eb.or([
          eb('state', '=', 'received'),
          eb.and([eb('state', '=', 'processing'), eb('claimed_at', '<', expired())]),
        ]),
      )
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) return undefined;
    return {
      eventId: row.id,
      provider: row.provider,
      eventKey: row.event_key,
      path: row.path,
      body: sealer.open(place(row.provider, row.event_key), row.body_sealed),
      receivedAtMs: row.received_at.getTime(),
      state: row.state,
      attempts: row.attempts,
    };
  }

  /** @returns false where the claim was lost to another instance. */
  async function finish(
    tx: ScopedTransaction,
    event: Pick<WebhookEvent, 'eventId' | 'attempts'>,
    /** 'done', or a short code of what failed; never a message. */
    outcome: 'done' | { readonly failed: string },
  ): Promise<boolean> {
    const { numUpdatedRows } = await tx
      .updateTable('webhook_events')
      .set({
        state: outcome === 'done' ? 'done' : 'failed',
        finished_at: sql<Date>`now()`,
        error_code: outcome === 'done' ? null : outcome.failed.slice(0, 64),
      })
      .where('id', '=', event.eventId)
      .where('state', '=', 'processing')
      .where('attempts', '=', event.attempts)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  return { record: recordWith(sealer), claim, finish, replay, unfinished };
}

/** @returns its id, and whether it is new; a duplicate changes nothing. */
function recordWith(sealer: Sealer) {
  return async (
    tx: ScopedTransaction,
    webhook: IncomingWebhook,
  ): Promise<{ readonly eventId: string; readonly isNew: boolean }> => {
    const { provider, eventKey, path, body } = webhook;
    const eventId = uuidv7();
    const inserted = await tx
      .insertInto('webhook_events')
      .values({
        id: eventId,
        provider,
        event_key: eventKey,
        path,
        body_sealed: sealer.seal(place(provider, eventKey), body),
      })
      .onConflict((conflict) => conflict.columns(['provider', 'event_key']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (inserted !== undefined) return { eventId, isNew: true };
    const known = await tx
      .selectFrom('webhook_events')
      .select('id')
      .where('provider', '=', provider)
      .where('event_key', '=', eventKey)
      .executeTakeFirstOrThrow();
    return { eventId: known.id, isNew: false };
  };
}

function expired() {
  return sql<Date>`now() - make_interval(secs => ${CLAIM_EXPIRES_MS / 1_000})`;
}

/** Makes a failed event claimable again, under the same key. @returns false where it had not failed. */
async function replay(tx: ScopedTransaction, eventId: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('webhook_events')
    .set({ state: 'received', finished_at: null, error_code: null })
    .where('id', '=', eventId)
    .where('state', '=', 'failed')
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Ids of what waits, of abandoned claims, and (`withFailed`) of failures; the oldest first. */
async function unfinished(
  tx: ScopedTransaction,
  options: { readonly withFailed?: boolean; readonly limit?: number } = {},
): Promise<string[]> {
  const rows = await tx
    .selectFrom('webhook_events')
    .select('id')
    .where((eb) =>
      eb.or([
        eb('state', '=', 'received'),
        eb.and([eb('state', '=', 'processing'), eb('claimed_at', '<', expired())]),
        ...(options.withFailed === true ? [eb('state', '=', 'failed')] : []),
      ]),
    )
    .orderBy('received_at')
    .orderBy('id')
    .limit(options.limit ?? 100)
    .execute();
  return rows.map((row) => row.id);
}
