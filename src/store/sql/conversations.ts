/**
 * Calls and what was said in them. Every write may be repeated and may come late: a call is known by
 * its CallSid, a turn by its key and revision, and an older revision never replaces a newer one.
 */
import { CompiledQuery, sql, type Selectable } from 'kysely';
import type { Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
import { QueryRefused } from './database-errors.ts';
import type {
  CallFacts,
  ConversationEnd,
  Resumption,
  StoredConversation,
  TurnRecord,
} from './conversation-types.ts';
import type { ConversationTable } from './schema.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type Conversations = ReturnType<typeof conversationsIn>;

/** Of a column of type `integer`. */
const MAX_COUNT = 2 ** 31 - 1;

/** The text's place is the turn's natural key, which stays when a later revision replaces it. */
function turnPlace(callSid: string, turn: Pick<TurnRecord, 'speaker' | 'turnKey'>, column: string) {
  return { table: 'turns', row: `${callSid}/${turn.speaker}/${turn.turnKey}`, column };
}

export function conversationsIn(sealer: Sealer) {
  return { start, end, resumed, putTurn: putTurnWith(sealer), ...reading(sealer) };
}

/** Makes the conversation, or finds it. @returns its id. */
async function start(tx: ScopedTransaction, call: CallFacts): Promise<string> {
  const known = await idOf(tx, call.callSid);
  if (known !== undefined) return known;
  await tx
    .insertInto('conversations')
    .values({
      id: uuidv7(),
      call_sid: call.callSid,
      senior_id: call.seniorId ?? null,
      direction: call.direction,
      started_at: new Date(call.startedAtMs),
    })
    .onConflict((conflict) => conflict.column('call_sid').doNothing())
    .execute();
  const made = await idOf(tx, call.callSid);
  // It is there and this scope may not see it: another senior's.
  if (made === undefined) throw new QueryRefused('42501', 'conversations');
  return made;
}

async function idOf(tx: ScopedTransaction, callSid: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom('conversations')
    .select('id')
    .where('call_sid', '=', callSid)
    .executeTakeFirst();
  return row?.id;
}

/** Its text is made once: no other statement runs so often. */
const PUT_TURN = `
  insert into turns (id, conversation_id, speaker, turn_key, revision, kind, answers,
    heard_sealed, spoken_sealed, interrupted, happened_at, timings)
  select $2::uuid, c.id, $3::text, $4::text, $5::int, $6::text, $7::text,
    $8::bytea, $9::bytea, $10::boolean, $11::timestamptz, $12::jsonb
  from conversations c where c.call_sid = $1
  on conflict (conversation_id, speaker, turn_key) do update set
    revision = excluded.revision, kind = excluded.kind, answers = excluded.answers,
    heard_sealed = excluded.heard_sealed, spoken_sealed = excluded.spoken_sealed,
    interrupted = excluded.interrupted, happened_at = excluded.happened_at,
    timings = excluded.timings, committed_at = now()
  where turns.revision < excluded.revision
  returning (select c.state from conversations c where c.id = turns.conversation_id) as state`;

/**
 * Writes a turn down, or a newer revision of it: as a rule in one statement.
 * @returns true where something new came of a conversation that has ended already.
 */
function putTurnWith(sealer: Sealer) {
  return async (tx: ScopedTransaction, call: CallFacts, turn: TurnRecord): Promise<boolean> => {
    const seal = (column: string, text: string): Buffer =>
      sealer.seal(turnPlace(call.callSid, turn, column), text);
    const put = CompiledQuery.raw(PUT_TURN, [
      call.callSid,
      uuidv7(),
      turn.speaker,
      turn.turnKey,
      turn.revision,
      turn.kind,
      turn.answers ?? null,
      seal('heard_sealed', turn.heard),
      turn.spoken === undefined ? null : seal('spoken_sealed', turn.spoken),
      turn.interrupted,
      new Date(turn.happenedAtMs),
      JSON.stringify(turn.timings),
    ]);
    const [written] = (await tx.executeQuery<Pick<StoredConversation, 'state'>>(put)).rows;
    if (written !== undefined) return written.state === 'ended';
    if ((await idOf(tx, call.callSid)) !== undefined) return false;
    // The first to arrive of its call.
    await start(tx, call);
    await tx.executeQuery(put);
    return false;
  };
}

/**
 * One who knows of fewer resumptions than there were has lost the call to another process, and ends
 * nothing. Nor does one who counts as many as another who has it: without the session store, two
 * processes count alone.
 * @returns false where it had ended already, the first reason stays; or where it goes on elsewhere.
 */
async function end(
  tx: ScopedTransaction,
  call: CallFacts,
  { endedAtMs, reason, resumeCount = MAX_COUNT, holder }: ConversationEnd,
): Promise<boolean> {
  const known = Math.min(resumeCount, MAX_COUNT);
  const conversationId = await start(tx, call);
  const { numUpdatedRows } = await tx
    .updateTable('conversations')
    .set({
      state: 'ended',
      ended_at: new Date(endedAtMs),
      end_reason: storedReason(reason),
      updated_at: sql`now()`,
    })
    .where('id', '=', conversationId)
    .where('state', '=', 'active')
    .where('resume_count', '<=', known)
    .where((eb) =>
      eb.or([
        eb('resume_count', '<', known),
        eb('holder', 'is', null),
        ...(holder === undefined ? [eb.lit(true)] : [eb('holder', '=', holder)]),
      ]),
    )
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** The call was taken up again. Of two who count the same, the later one has it. */
async function resumed(
  tx: ScopedTransaction,
  call: CallFacts,
  { resumeCount, holder, heldSinceMs }: Resumption,
): Promise<void> {
  const since = heldSinceMs === undefined ? null : new Date(heldSinceMs);
  const conversationId = await start(tx, call);
  await tx
    .updateTable('conversations')
    .set({
      resume_count: resumeCount,
      holder: holder ?? null,
      held_since: since,
      updated_at: sql`now()`,
    })
    .where('id', '=', conversationId)
    .where((eb) =>
      eb.or([
        eb('resume_count', '<', resumeCount),
        eb.and([
          eb('resume_count', '=', resumeCount),
          eb(eb.fn.coalesce('held_since', sql<Date>`'-infinity'::timestamptz`), '<', since),
        ]),
      ]),
    )
    .execute();
}

/** As it is kept: the column has a limit. */
export function storedReason(reason: string): string {
  return reason.slice(0, 64);
}

/** How many turns of a call are on file. */
export async function turnCountOf(tx: ScopedTransaction, callSid: string): Promise<number> {
  const row = await tx
    .selectFrom('turns')
    .innerJoin('conversations', 'conversations.id', 'turns.conversation_id')
    .select((eb) => eb.fn.countAll<string>().as('count'))
    .where('conversations.call_sid', '=', callSid)
    .executeTakeFirst();
  return Number(row?.count ?? 0);
}

function conversationFrom(row: Selectable<ConversationTable>): StoredConversation {
  return {
    conversationId: row.id,
    callSid: row.call_sid,
    seniorId: row.senior_id ?? undefined,
    direction: row.direction,
    state: row.state,
    startedAtMs: row.started_at.getTime(),
    endedAtMs: row.ended_at?.getTime(),
    endReason: row.end_reason ?? undefined,
    resumeCount: row.resume_count,
    holder: row.holder ?? undefined,
  };
}

function reading(sealer: Sealer) {
  /** Undefined: unknown, or not for this scope. */
  async function byCallSid(
    tx: ScopedTransaction,
    callSid: string,
  ): Promise<StoredConversation | undefined> {
    const row = await tx
      .selectFrom('conversations')
      .selectAll()
      .where('call_sid', '=', callSid)
      .executeTakeFirst();
    return row && conversationFrom(row);
  }

  /** Those that have not ended, the newest first; at most `limit`. */
  async function active(tx: ScopedTransaction, limit = 500): Promise<StoredConversation[]> {
    const rows = await tx
      .selectFrom('conversations')
      .selectAll()
      .where('state', '=', 'active')
      .orderBy('started_at', 'desc')
      .limit(limit)
      .execute();
    return rows.map(conversationFrom);
  }

  /**
   * The turns of a call in the order they happened; at most `limit`, the last ones.
   * @throws SealBroken where the key that they were written under is not in the ring.
   */
  async function turnsOf(
    tx: ScopedTransaction,
    callSid: string,
    limit = 1_000,
  ): Promise<TurnRecord[]> {
    const rows = await tx
      .selectFrom('turns')
      .innerJoin('conversations', 'conversations.id', 'turns.conversation_id')
      .selectAll('turns')
      .where('conversations.call_sid', '=', callSid)
      .orderBy('turns.happened_at', 'desc')
      .orderBy('turns.id', 'desc')
      .limit(limit)
      .execute();
    return rows.reverse().map((row) => {
      const named = { speaker: row.speaker, turnKey: row.turn_key };
      const open = (column: 'heard_sealed' | 'spoken_sealed', sealed: Buffer): string =>
        sealer.open(turnPlace(callSid, named, column), sealed);
      return {
        ...named,
        revision: row.revision,
        kind: row.kind,
        answers: row.answers ?? undefined,
        heard: open('heard_sealed', row.heard_sealed),
        spoken: row.spoken_sealed === null ? undefined : open('spoken_sealed', row.spoken_sealed),
        interrupted: row.interrupted,
        happenedAtMs: row.happened_at.getTime(),
        timings: row.timings as Record<string, number>,
      };
    });
  }

  return { byCallSid, active, turnsOf };
}
