/**
 * Writes that must not be lost. They go to the database; where it is away, or does not answer soon,
 * to the spool, and from there to the database when it is back, in order and each exactly once.
 *
 * Writes of one lane (a call) keep their order. While the spool holds anything, everything new goes
 * behind it. A write whose transaction is still under way when it goes to the spool may reach the
 * database twice; so applying a write twice must be the same as once (every write in
 * `durable-writes.ts` is), and the spool's own replay is fenced by `spool_positions` besides.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Database } from './sql/database.ts';
import { DatabaseUnavailable, QueryRefused } from './sql/database-errors.ts';
import type { ScopedTransaction } from './sql/scoped-transaction.ts';
import type { Spool, SpoolEntry } from './spool-types.ts';

/**
 * Where a write is now. 'set-aside': the database refuses it for good, a person must look.
 * 'refused': nowhere; the disk is full and the database away.
 */
export type Kept = 'database' | 'spool' | 'set-aside' | 'refused';

/** What an operator should know. Codes only. */
export type WriterTrouble =
  | { readonly kind: 'database-away'; readonly code: string }
  | { readonly kind: 'database-back'; readonly drained: number }
  | { readonly kind: 'write-refused'; readonly reason: string }
  | { readonly kind: 'write-set-aside'; readonly code: string };

export type DurableWriterOptions<W> = {
  readonly database: Pick<Database, 'withScope'>;
  readonly spool: Spool;
  /** Performs a write; under the service scope, inside a transaction that may be repeated. */
  readonly apply: (tx: ScopedTransaction, write: W) => Promise<void>;
  /** Writes of one lane keep their order. */
  readonly laneOf: (write: W) => string;
  readonly onTrouble?: (trouble: WriterTrouble) => void;
  /** After this long without an answer a write goes to the spool as well. */
  readonly patienceMs?: number;
};

export type DurableWriter<W> = {
  /** Never rejects. Resolves when the write is safe, or cannot be made safe. */
  write(write: W): Promise<Kept>;
  /** @returns whether everything is in the database, within the time. */
  flush(timeoutMs: number): Promise<boolean>;
  figures(): { readonly underWay: number; readonly spooled: number; readonly refused: number };
  /** Takes no more, waits for what is under way. What is in the spool stays there. */
  close(): Promise<void>;
};

/** Far above a healthy commit (single milliseconds), far below what a person would notice. */
const PATIENCE_MS = 250;
/** Writes under way; beyond it they go to the spool without waiting for their turn. */
const MAX_UNDER_WAY = 2_000;
const BATCH = 50;
const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 2_000;

type Outcome = { readonly kind: 'done' | 'away' | 'no'; readonly code: string };

export function createDurableWriter<W>(options: DurableWriterOptions<W>): DurableWriter<W> {
  return new SpoolingWriter(options);
}

class SpoolingWriter<W> implements DurableWriter<W> {
  readonly #options: DurableWriterOptions<W>;
  readonly #lanes = new Map<string, Promise<Kept>>();
  /** Transactions that nobody waits for any more. */
  readonly #stragglers = new Set<Promise<Outcome>>();
  readonly #stopped = new AbortController();
  /** Told of, and not told to be back. */
  #isAway = false;
  #underWay = 0;
  #refused = 0;
  #draining: Promise<void> | undefined;

  constructor(options: DurableWriterOptions<W>) {
    this.#options = options;
    this.#startDraining();
  }

  async write(write: W): Promise<Kept> {
    if (this.#stopped.signal.aborted) return this.#refuse('closed');
    const lane = this.#options.laneOf(write);
    this.#underWay += 1;
    const before = this.#lanes.get(lane);
    const mine =
      this.#underWay > MAX_UNDER_WAY
        ? this.#toSpool(write)
        : (async () => {
            await before;
            return this.#store(write);
          })();
    this.#lanes.set(lane, mine);
    try {
      return await mine;
    } catch {
      return this.#refuse('unexpected');
    } finally {
      this.#underWay -= 1;
      if (this.#lanes.get(lane) === mine) this.#lanes.delete(lane);
    }
  }

  async flush(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!this.#isEmpty() && performance.now() < deadline) {
      const under = [...this.#lanes.values(), this.#draining].filter((each) => each !== undefined);
      const rest = Math.max(1, deadline - performance.now());
      await Promise.race([Promise.allSettled(under), sleep(Math.min(rest, 100))]);
    }
    return this.#isEmpty();
  }

  figures() {
    return {
      underWay: this.#underWay,
      spooled: this.#options.spool.figures().pending,
      refused: this.#refused,
    };
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await Promise.allSettled([...this.#lanes.values(), ...this.#stragglers, this.#draining]);
  }

  #isEmpty(): boolean {
    return this.#underWay === 0 && this.#options.spool.figures().pending === 0;
  }

  async #store(write: W): Promise<Kept> {
    if (this.#options.spool.figures().pending > 0) return this.#toSpool(write);
    const attempt = this.#attempt((tx) => this.#options.apply(tx, write));
    const outcome = await soonOr(attempt, this.#options.patienceMs ?? PATIENCE_MS);
    if (outcome === undefined) {
      void this.#outlive(attempt);
      return this.#toSpool(write, attempt);
    }
    this.#notice(outcome);
    if (outcome.kind === 'done') return 'database';
    if (outcome.kind === 'no') return this.#setAside(JSON.stringify(write), outcome.code);
    return this.#toSpool(write);
  }

  /** Owned by `close`, which waits for it. */
  async #outlive(attempt: Promise<Outcome>): Promise<void> {
    this.#stragglers.add(attempt);
    this.#notice(await attempt);
    this.#stragglers.delete(attempt);
  }

  async #toSpool(write: W, attempt?: Promise<Outcome>): Promise<Kept> {
    const result = await this.#options.spool.append(JSON.stringify(write));
    if (result.kind === 'kept') {
      this.#startDraining();
      return 'spool';
    }
    if ((await attempt)?.kind === 'done') return 'database';
    return this.#refuse(result.reason);
  }

  async #setAside(text: string, code: string): Promise<Kept> {
    this.#tell({ kind: 'write-set-aside', code });
    return (await this.#options.spool.setAside(text, code)) ? 'set-aside' : this.#refuse('disk');
  }

  #refuse(reason: string): Kept {
    this.#refused += 1;
    this.#tell({ kind: 'write-refused', reason });
    return 'refused';
  }

  /** Tells once that the database is away, however many writes find it so. */
  #notice(outcome: Outcome): void {
    if (outcome.kind === 'done' && this.#options.spool.figures().pending === 0)
      this.#isAway = false;
    // While it is being opened, writing to the spool is what is meant to happen.
    if (outcome.kind !== 'away' || outcome.code === 'opening' || this.#isAway) return;
    this.#isAway = true;
    this.#tell({ kind: 'database-away', code: outcome.code });
  }

  #tell(trouble: WriterTrouble): void {
    try {
      this.#options.onTrouble?.(trouble);
    } catch {
      // Whoever listens must not stop what is written.
    }
  }

  /** Never rejects. */
  async #attempt(work: (tx: ScopedTransaction) => Promise<void>): Promise<Outcome> {
    try {
      await this.#options.database.withScope({ kind: 'service' }, work);
      return { kind: 'done', code: '' };
    } catch (error) {
      if (error instanceof DatabaseUnavailable) {
        return { kind: 'away', code: error.code ?? 'no-connection' };
      }
      return { kind: 'no', code: error instanceof QueryRefused ? error.code : 'not-applicable' };
    }
  }

  #startDraining(): void {
    if (this.#stopped.signal.aborted || this.#options.spool.figures().pending === 0) return;
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      // What came between the last look and here.
      this.#startDraining();
    });
  }

  async #drain(): Promise<void> {
    let waitMs = RETRY_FIRST_MS;
    let drained = 0;
    while (!this.#stopped.signal.aborted) {
      const entries = await this.#options.spool.next(BATCH).catch(() => undefined);
      if (entries?.length === 0) break;
      const done = entries === undefined ? 0 : await this.#replay(entries);
      drained += done;
      if (done > 0) {
        waitMs = RETRY_FIRST_MS;
        continue;
      }
      await sleep(waitMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
    }
    if (drained === 0) return;
    this.#isAway = false;
    this.#tell({ kind: 'database-back', drained });
  }

  /** How many of the entries are dealt with. All in one transaction, or one by one where that fails. */
  async #replay(entries: readonly SpoolEntry[]): Promise<number> {
    const [first] = entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return 0;
    const outcome = await this.#attempt(async (tx) => {
      const from = await this.#fence(tx, last.seq);
      for (const entry of entries) if (entry.seq > from) await this.#applyEntry(tx, entry);
    });
    this.#notice(outcome);
    if (outcome.kind === 'away') return 0;
    if (outcome.kind === 'no' && entries.length > 1) {
      let done = 0;
      for (const entry of entries) {
        const one = await this.#replay([entry]);
        if (one === 0) break;
        done += one;
      }
      return done;
    }
    if (outcome.kind === 'no') {
      if ((await this.#setAside(first.text, outcome.code)) === 'refused') return 0;
      const passed = await this.#attempt(async (tx) => void (await this.#fence(tx, first.seq)));
      if (passed.kind !== 'done') return 0;
    }
    await this.#options.spool.done(last.seq);
    return entries.length;
  }

  /** Moves this spool's position to `seq` and gives where it was. Others of the same spool wait. */
  async #fence(tx: ScopedTransaction, seq: number): Promise<number> {
    const { spoolId } = this.#options.spool;
    await tx
      .insertInto('spool_positions')
      .values({ spool_id: spoolId, last_seq: 0 })
      .onConflict((conflict) => conflict.column('spool_id').doNothing())
      .execute();
    const row = await tx
      .selectFrom('spool_positions')
      .select('last_seq')
      .where('spool_id', '=', spoolId)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const from = Number(row.last_seq);
    if (seq > from) {
      await tx
        .updateTable('spool_positions')
        .set({ last_seq: seq, updated_at: sql`now()` })
        .where('spool_id', '=', spoolId)
        .execute();
    }
    return from;
  }

  async #applyEntry(tx: ScopedTransaction, entry: SpoolEntry): Promise<void> {
    if (!entry.readable) throw new Error('sealed under a key that is not here');
    await this.#options.apply(tx, JSON.parse(entry.text) as W);
  }
}

/** Undefined: not within the time. */
async function soonOr<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, ms, undefined);
  });
  const first = await Promise.race([promise, late]);
  clearTimeout(timer);
  return first;
}
