/**
 * What is remembered of a senior. The same thing said again makes the memory weightier and not a
 * second one: the same words by their fingerprint, nearly the same by their embedding.
 */
import { setImmediate as yieldToCalls } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type MemoryKind = 'fact' | 'preference' | 'event' | 'concern' | 'relationship';

export type NewMemory = {
  readonly kind: MemoryKind;
  /** A sentence that can stand by itself. */
  readonly text: string;
  /** 0 to 100. */
  readonly importance: number;
  /** `YYYY-MM-DD`, in the senior's time zone. */
  readonly happensOn: string | undefined;
};

export type StoredMemory = NewMemory & {
  readonly memoryId: string;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | undefined;
  /** The call it was told in; undefined: a caregiver wrote it, or the call was deleted. */
  readonly conversationId: string | undefined;
};

/** How texts are compared; `embedder` and its dimension are kept with each row. */
export type Embedder = {
  readonly name: string;
  readonly dimension: number;
  embed(text: string): Float32Array;
  /** Whether two texts that are near say something different all the same. */
  tellsMore(a: string, b: string): boolean;
};

export type Remembered = { readonly added: number; readonly strengthened: number };

type Compared = Pick<StoredMemory, 'memoryId' | 'conversationId' | 'text' | 'importance'> & {
  readonly vector: Float32Array;
};

export type Memories = ReturnType<typeof memoriesIn>;

/**
 * The cosine from which two sentences may say the same. It is not enough by itself: a new date or
 * name in an old sentence hardly moves it, and would be lost.
 */
const SAME_ABOVE = 0.9;
/** What being said again adds. */
const STRENGTHEN_BY = 10;
/** Of one senior; the least important make room. */
const MAX_MEMORIES = 1_000;
/** Opening so many takes about a millisecond; then calls have their turn. */
const OPEN_AT_ONCE = 50;
const TEXT_PURPOSE = 'memories.text';

function place(memoryId: string, column: 'text_sealed' | 'embedding_sealed') {
  return { table: 'memories', row: memoryId, column };
}

export function memoriesIn(sealer: Sealer, embedder: Embedder) {
  /** The weightiest first; at most `limit`. */
  async function of(
    tx: ScopedTransaction,
    seniorId: string,
    limit = MAX_MEMORIES,
  ): Promise<StoredMemory[]> {
    const rows = await tx
      .selectFrom('memories')
      .select(['id', 'kind', 'text_sealed', 'importance', 'created_at', 'last_used_at'])
      .select('conversation_id')
      .select(sql<string | null>`to_char(happens_on, 'YYYY-MM-DD')`.as('happens_on'))
      .where('senior_id', '=', seniorId)
      .orderBy('importance', 'desc')
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      memoryId: row.id,
      kind: row.kind,
      text: sealer.open(place(row.id, 'text_sealed'), row.text_sealed),
      importance: row.importance,
      happensOn: row.happens_on ?? undefined,
      createdAtMs: row.created_at.getTime(),
      lastUsedAtMs: row.last_used_at?.getTime(),
      conversationId: row.conversation_id ?? undefined,
    }));
  }

  /** Keeps what is new of a call. Nobody else adds to the same senior meanwhile. */
  async function remember(
    tx: ScopedTransaction,
    seniorId: string,
    conversationId: string,
    found: readonly NewMemory[],
  ): Promise<Remembered> {
    await tx
      .selectFrom('seniors')
      .select('id')
      .where('id', '=', seniorId)
      .forNoKeyUpdate()
      .executeTakeFirst();
    const compared = await known(sealer, embedder, tx, seniorId);
    let added = 0;
    let strengthened = 0;
    for (const memory of found) {
      const vector = embedder.embed(memory.text);
      const words = normalised(memory.text);
      const same = compared.find(
        (each) =>
          normalised(each.text) === words ||
          (cosine(each.vector, vector) > SAME_ABOVE && !embedder.tellsMore(each.text, memory.text)),
      );
      if (same !== undefined) {
        // Within a call it is the same telling, perhaps worked through a second time.
        if (same.conversationId === conversationId) continue;
        await strengthen(tx, same, memory);
        strengthened += 1;
        continue;
      }
      if (compared.length >= MAX_MEMORIES) break;
      const memoryId = await add(sealer, embedder, tx, seniorId, conversationId, memory, vector);
      compared.push({ ...memory, memoryId, vector, conversationId });
      added += 1;
    }
    return { added, strengthened };
  }

  return { of, remember, mayRemember };
}

async function strengthen(
  tx: ScopedTransaction,
  before: Compared,
  again: NewMemory,
): Promise<void> {
  const importance = Math.min(100, Math.max(before.importance, again.importance) + STRENGTHEN_BY);
  await tx
    .updateTable('memories')
    .set({ importance, updated_at: sql`now()` })
    .where('id', '=', before.memoryId)
    .execute();
}

/** @returns its id. */
async function add(
  sealer: Sealer,
  embedder: Embedder,
  tx: ScopedTransaction,
  seniorId: string,
  conversationId: string,
  memory: NewMemory,
  vector: Float32Array,
): Promise<string> {
  const id = uuidv7();
  const bytes = Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
  await tx
    .insertInto('memories')
    .values({
      id,
      senior_id: seniorId,
      kind: memory.kind,
      text_sealed: sealer.seal(place(id, 'text_sealed'), memory.text),
      text_fingerprint: sealer.fingerprint(TEXT_PURPOSE, normalised(memory.text)),
      importance: Math.round(Math.max(0, Math.min(100, memory.importance))),
      embedding_sealed: sealer.sealBytes(place(id, 'embedding_sealed'), bytes),
      embedder: embedder.name,
      dim: vector.length,
      happens_on: memory.happensOn ?? null,
      conversation_id: conversationId,
    })
    // Under another key of the ring it has another fingerprint; then the comparison above found it.
    .onConflict((conflict) => conflict.columns(['senior_id', 'text_fingerprint']).doNothing())
    .execute();
  return id;
}

/** Everything that is remembered of a senior, to be compared with. */
async function known(
  sealer: Sealer,
  embedder: Embedder,
  tx: ScopedTransaction,
  seniorId: string,
): Promise<Compared[]> {
  const rows = await tx
    .selectFrom('memories')
    .select(['id', 'text_sealed', 'importance', 'conversation_id'])
    .select(['embedding_sealed', 'embedder', 'dim'])
    .where('senior_id', '=', seniorId)
    .orderBy('importance', 'desc')
    .limit(MAX_MEMORIES)
    .execute();
  const all: Compared[] = [];
  for (const [index, row] of rows.entries()) {
    if (index % OPEN_AT_ONCE === OPEN_AT_ONCE - 1) await yieldToCalls();
    const text = sealer.open(place(row.id, 'text_sealed'), row.text_sealed);
    const isOurs = row.embedder === embedder.name && row.dim === embedder.dimension;
    const vector =
      isOurs && row.embedding_sealed !== null
        ? vectorIn(sealer.openBytes(place(row.id, 'embedding_sealed'), row.embedding_sealed))
        : embedder.embed(text);
    const { id: memoryId, importance, conversation_id: conversationId } = row;
    all.push({ memoryId, importance, text, vector, conversationId: conversationId ?? undefined });
  }
  return all;
}

/** float32 as it was written; copied, because it may begin anywhere. */
function vectorIn(bytes: Buffer): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

/** False: they have asked that nothing be remembered. */
async function mayRemember(tx: ScopedTransaction, seniorId: string): Promise<boolean> {
  const latest = await tx
    .selectFrom('consents')
    .select('state')
    .where('senior_id', '=', seniorId)
    .where('kind', '=', 'memory')
    .orderBy('recorded_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  return latest?.state !== 'withdrawn';
}

/** Without what speech recognition and models write now so and now otherwise. */
function normalised(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();
}

/** Of vectors of length 1. */
function cosine(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
