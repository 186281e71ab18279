/** Text messages from people, and what they mean for their consent. */
import type { MessageMeaning } from '../../companion/message-meaning.ts';
import type { Sealer } from '../sealed-text.ts';
import { uuidOf, uuidv7 } from '../uuid.ts';
import { PHONE_PURPOSE } from './people.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

/** Plain data. */
export type MessageRecord = {
  /** What the provider calls it. */
  readonly messageKey: string;
  /** E.164. Whose it is, is looked up when it is written. */
  readonly from: string;
  readonly body: string;
  readonly meaning: MessageMeaning;
  readonly mediaCount: number;
  /** Unix milliseconds. */
  readonly receivedAtMs: number;
};

export type Messages = ReturnType<typeof messagesIn>;

/** Of what came so lately the database's own clock decides what holds. */
const JUST_NOW_MS = 60_000;

export function messagesIn(sealer: Sealer) {
  return {
    /**
     * Keeps a message; one that says stop withdraws its sender's consent to be called, as of when it
     * came. Twice is the same as once.
     */
    async put(tx: ScopedTransaction, message: MessageRecord): Promise<void> {
      const id = uuidv7();
      const senior = await tx
        .selectFrom('seniors')
        .select('id')
        .where('phone_fingerprint', 'in', sealer.fingerprints(PHONE_PURPOSE, message.from))
        .executeTakeFirst();
      const inserted = await tx
        .insertInto('messages')
        .values({
          id,
          message_key: message.messageKey,
          senior_id: senior?.id ?? null,
          meaning: message.meaning,
          body_sealed: sealer.seal(
            { table: 'messages', row: id, column: 'body_sealed' },
            message.body,
          ),
          media_count: message.mediaCount,
          received_at: new Date(message.receivedAtMs),
        })
        .onConflict((conflict) => conflict.column('message_key').doNothing())
        .returning('id')
        .executeTakeFirst();
      if (inserted === undefined || senior === undefined || message.meaning !== 'stop') return;
      await withdrawCalls(tx, sealer, senior.id, message);
    },
  };
}

async function withdrawCalls(
  tx: ScopedTransaction,
  sealer: Sealer,
  seniorId: string,
  { messageKey, body, receivedAtMs }: MessageRecord,
): Promise<void> {
  const id = uuidOf('consent by message', messageKey);
  const place = { table: 'consents', row: id, column: 'evidence_sealed' };
  await tx
    .insertInto('consents')
    .values({
      id,
      senior_id: seniorId,
      kind: 'calls',
      state: 'withdrawn',
      source: 'senior',
      evidence_sealed: sealer.seal(place, body),
      // What waited in the spool must not undo a consent that was given since.
      ...(Date.now() - receivedAtMs > JUST_NOW_MS ? { recorded_at: new Date(receivedAtMs) } : {}),
    })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute();
}
