/**
 * Webhooks as they arrived: recorded once, then claimed, then done or failed. A claim that its owner
 * did not finish in time (it died) can be taken by another. What arrived never changes; the
 * database gives nobody the right to.
 */
import { sql } from 'kysely';
import { SealBroken, type Sealer } from '../sealed-text.ts';
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
  /** Unix milliseconds; undefined: now. It may wait in the spool before it gets here. */
  readonly receivedAtMs?: number;
  /** Its answer was all that it asked for: kept for the record, and never claimed. */
  readonly isAnswered?: boolean;
};

export type WebhookState = 'received' | 'processing' | 'done' | 'failed';

export type WebhookEvent = Omit<IncomingWebhook, 'isAnswered' | 'body'> & {
  readonly eventId: string;
  /** Undefined: sealed under a key that is not here, or damaged. */
  readonly body: string | undefined;
  readonly receivedAtMs: number;
  readonly state: WebhookState;
  /** Claims so far, this one included. */
  readonly attempts: number;
};

/** A claim older than this is its owner's death. Processing one is a matter of milliseconds. */
export const CLAIM_EXPIRES_MS = 60_000;

/** How it fared; nothing of what it said. */
export type WebhookSummary = {
  readonly eventId: string;
  readonly provider: string;
  readonly eventKey: string;
  readonly path: string;
  readonly receivedAtMs: number;
  readonly state: WebhookState;
  readonly attempts: number;
  /** Which instance claimed it last. */
  readonly claimedBy: string | undefined;
  readonly finishedAtMs: number | undefined;
  readonly errorCode: string | undefined;
};

/** An event's id, or what its provider calls it. */
export type WebhookRef = string | Pick<IncomingWebhook, 'provider' | 'eventKey'>;

export type WebhookEvents = ReturnType<typeof webhookEventsIn>;

function place(provider: string, eventKey: string) {
  return { table: 'webhook_events', row: `${provider}/${eventKey}`, column: 'body_sealed' };
}

export function webhookEventsIn(sealer: Sealer) {
  return {
    record: recordWith(sealer),
    claim: claimWith(sealer),
    finish,
    release,
    replay,
    unfinished,
    list,
  };
}

/** Undefined: somebody else has it, or it is finished. Of many askers one gets it. */
function claimWith(sealer: Sealer) {
  return async (
    tx: ScopedTransaction,
    which: WebhookRef,
    instance: string,
  ): Promise<WebhookEvent | undefined> => {
    const row = await tx
      .updateTable('webhook_events')
      .set((eb) => ({
        state: 'processing',
        attempts: eb('attempts', '+', 1),
        claimed_at: sql<Date>`now()`,
        claimed_by: instance,
      }))
      .where((eb) =>
        typeof which === 'string'
          ? eb('id', '=', which)
          : eb.and({ provider: which.provider, event_key: which.eventKey }),
      )
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
      body: opened(sealer, place(row.provider, row.event_key), row.body_sealed),
      receivedAtMs: row.received_at.getTime(),
      state: row.state,
      attempts: row.attempts,
    };
  };
}

function opened(sealer: Sealer, where: ReturnType<typeof place>, sealed: Buffer) {
  try {
    return sealer.open(where, sealed);
  } catch (error) {
    if (error instanceof SealBroken) return undefined;
    throw error;
  }
}

type Claimed = Pick<WebhookEvent, 'eventId' | 'attempts'>;

/** @returns false where the claim was lost to another instance. */
async function finish(
  tx: ScopedTransaction,
  event: Claimed,
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

/** Gives a claim back, for another try. @returns false where it was lost to another instance. */
async function release(tx: ScopedTransaction, event: Claimed, why: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('webhook_events')
    .set({ state: 'received', error_code: why.slice(0, 64) })
    .where('id', '=', event.eventId)
    .where('state', '=', 'processing')
    .where('attempts', '=', event.attempts)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** @returns its id, and whether it is new; a duplicate changes nothing. */
function recordWith(sealer: Sealer) {
  return async (
    tx: ScopedTransaction,
    webhook: IncomingWebhook,
  ): Promise<{ readonly eventId: string; readonly isNew: boolean }> => {
    const { provider, eventKey, path, body, receivedAtMs, isAnswered } = webhook;
    const eventId = uuidv7();
    const inserted = await tx
      .insertInto('webhook_events')
      .values({
        id: eventId,
        provider,
        event_key: eventKey,
        path,
        body_sealed: sealer.seal(place(provider, eventKey), body),
        ...(receivedAtMs === undefined ? {} : { received_at: new Date(receivedAtMs) }),
        ...(isAnswered === true ? { state: 'done' as const, finished_at: sql<Date>`now()` } : {}),
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
  return ago(CLAIM_EXPIRES_MS);
}

function ago(ms: number) {
  return sql<Date>`now() - make_interval(secs => ${ms / 1_000})`;
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

/**
 * Ids of what waits, of abandoned claims, and (`withFailed`) of failures; the oldest first.
 * `waitingMs`: of what waits only that which arrived so long ago, when whoever took it should be
 * through with it.
 */
async function unfinished(
  tx: ScopedTransaction,
  options: {
    readonly withFailed?: boolean;
    readonly limit?: number;
    readonly waitingMs?: number;
  } = {},
): Promise<string[]> {
  const rows = await tx
    .selectFrom('webhook_events')
    .select('id')
    .where((eb) =>
      eb.or([
        eb.and([
          eb('state', '=', 'received'),
          eb('received_at', '<=', ago(options.waitingMs ?? 0)),
        ]),
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

/** The newest first; at most `limit` (100). */
async function list(
  tx: ScopedTransaction,
  options: {
    readonly state?: WebhookState | undefined;
    readonly eventId?: string;
    readonly limit?: number;
  } = {},
): Promise<WebhookSummary[]> {
  const { state, eventId, limit = 100 } = options;
  const rows = await tx
    .selectFrom('webhook_events')
    .select(['id', 'provider', 'event_key', 'path', 'received_at', 'state', 'attempts'])
    .select(['claimed_by', 'finished_at', 'error_code'])
    .$if(state !== undefined, (query) => query.where('state', '=', state ?? 'failed'))
    .$if(eventId !== undefined, (query) => query.where('id', '=', eventId ?? ''))
    .orderBy('received_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    eventId: row.id,
    provider: row.provider,
    eventKey: row.event_key,
    path: row.path,
    receivedAtMs: row.received_at.getTime(),
    state: row.state,
    attempts: row.attempts,
    claimedBy: row.claimed_by ?? undefined,
    finishedAtMs: row.finished_at?.getTime(),
    errorCode: row.error_code ?? undefined,
  }));
}
