/**
 * Calls and what was said in them. Every write may be repeated and may come late: a call is known by
 * its CallSid, a turn by its key and revision, and an older revision never replaces a newer one.
 */
import { sql, type Selectable } from 'kysely';
import type { Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
import { QueryRefused } from './database-errors.ts';
import type { ConversationTable } from './schema.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

/** What every write about a call carries, so that each can be the first to arrive. */
export type CallFacts = {
  readonly callSid: string;
  /** Undefined: a caller whom nobody knows. */
  readonly seniorId: string | undefined;
  readonly direction: 'inbound' | 'outbound';
  /** Unix milliseconds. */
  readonly startedAtMs: number;
};

export type TurnRecord = {
  readonly speaker: 'caller' | 'companion';
  /** The call's own name for it: the caller's turn id, or `u-` and the number of an utterance. */
  readonly turnKey: string;
  /** Grows each time the same turn is told anew. */
  readonly revision: number;
  readonly kind: 'turn' | 'backchannel';
  /** The key of the caller's turn that it answers. */
  readonly answers: string | undefined;
  /** Of the caller: what was understood. Of the companion: what the caller heard. */
  readonly heard: string;
  /** Of the companion: all that was to be said, where it is more than was heard. */
  readonly spoken: string | undefined;
  readonly interrupted: boolean;
  /** Unix milliseconds. */
  readonly happenedAtMs: number;
  /** Figures in milliseconds by name; never words. */
  readonly timings: Readonly<Record<string, number>>;
};

export type StoredConversation = {
  readonly conversationId: string;
  readonly callSid: string;
  readonly seniorId: string | undefined;
  readonly direction: 'inbound' | 'outbound';
  readonly state: 'active' | 'ended';
  readonly startedAtMs: number;
  readonly endedAtMs: number | undefined;
  readonly endReason: string | undefined;
  readonly resumeCount: number;
  /** The instance that took it up last. Undefined: nobody has, after the first. */
  readonly holder: string | undefined;
};

/** Who took a call up, and how often that has been done by now. */
export type Resumption = {
  readonly resumeCount: number;
  /** The id of an instance. */
  readonly holder?: string | undefined;
  /** Unix milliseconds. */
  readonly heldSinceMs?: number | undefined;
};

/** The end of a call, with what whoever ends it knows. */
export type ConversationEnd = {
  /** Unix milliseconds. */
  readonly endedAtMs: number;
  readonly reason: string;
  /** Left out: it is over in any case. */
  readonly resumeCount?: number | undefined;
  /** In whose hands it ended: the id of an instance. */
  readonly holder?: string | undefined;
};

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

/**
 * Writes a turn down, or a newer revision of it: as a rule in one statement.
 * @returns true where something new came of a conversation that has ended already.
 */
function putTurnWith(sealer: Sealer) {
  return async (tx: ScopedTransaction, call: CallFacts, turn: TurnRecord): Promise<boolean> => {
    const seal = (column: string, text: string): Buffer =>
      sealer.seal(turnPlace(call.callSid, turn, column), text);
    const heard = seal('heard_sealed', turn.heard);
    const spoken = turn.spoken === undefined ? null : seal('spoken_sealed', turn.spoken);
    const put = sql<{ state: 'active' | 'ended' }>`
      insert into turns (id, conversation_id, speaker, turn_key, revision, kind, answers,
        heard_sealed, spoken_sealed, interrupted, happened_at, timings)
      select ${uuidv7()}::uuid, c.id, ${turn.speaker}::text, ${turn.turnKey}::text,
        ${turn.revision}::int, ${turn.kind}::text, ${turn.answers ?? null}::text,
        ${heard}::bytea, ${spoken}::bytea, ${turn.interrupted}::boolean,
        ${new Date(turn.happenedAtMs)}::timestamptz, ${JSON.stringify(turn.timings)}::jsonb
      from conversations c where c.call_sid = ${call.callSid}
      on conflict (conversation_id, speaker, turn_key) do update set
        revision = excluded.revision, kind = excluded.kind, answers = excluded.answers,
        heard_sealed = excluded.heard_sealed, spoken_sealed = excluded.spoken_sealed,
        interrupted = excluded.interrupted, happened_at = excluded.happened_at,
        timings = excluded.timings, committed_at = now()
      where turns.revision < excluded.revision
      returning (select c.state from conversations c where c.id = turns.conversation_id) as state`;
    const [written] = (await put.execute(tx)).rows;
    if (written !== undefined) return written.state === 'ended';
    if ((await idOf(tx, call.callSid)) !== undefined) return false;
    // The first to arrive of its call.
    await start(tx, call);
    await put.execute(tx);
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
