/**
 * Takes what is in the spool to the database: in order, many entries a transaction, each once. The
 * row in `spool_positions` moves in the transaction that applies the entries. There is one drain at
 * a time, and it goes on until nothing is left.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { ScopedTransaction } from './sql/scoped-transaction.ts';
import type { Spool, SpoolEntry } from './spool-types.ts';

/** How a transaction went: 'away' may succeed later, 'no' never will. */
export type Outcome = { readonly kind: 'done' | 'away' | 'no'; readonly code: string };

export type SpoolDrainOptions = {
  readonly spool: Spool;
  /** A transaction under the service scope. Never rejects. */
  readonly attempt: (work: (tx: ScopedTransaction) => Promise<void>) => Promise<Outcome>;
  /** Performs the write that was spooled as `text`. */
  readonly apply: (tx: ScopedTransaction, text: string) => Promise<void>;
  /** Deals with what cannot be applied; false where it must stay in the spool. Never rejects. */
  readonly setAside: (text: string, code: string) => Promise<boolean>;
  /** Told how each transaction went. */
  readonly onOutcome: (outcome: Outcome) => void;
  /** Told when nothing is left, or it was stopped, after at least one entry. */
  readonly onDrained: (drained: number) => void;
  /** Stops it after the transaction that is under way. */
  readonly stopped: AbortSignal;
};

export type SpoolDrain = {
  /** Does nothing where it is under way, stopped, or nothing is left. */
  start(): void;
  /** Never rejects. Undefined while nothing is under way. */
  underWay(): Promise<void> | undefined;
};

const BATCH = 50;
/** A database that was only away is back at the full batch after ten; a slow one fails seldom. */
const BATCH_GROWTH = 5;
const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 2_000;

export function createSpoolDrain(options: SpoolDrainOptions): SpoolDrain {
  return new Drain(options);
}

class Drain implements SpoolDrain {
  readonly #options: SpoolDrainOptions;
  #draining: Promise<void> | undefined;
  /** Whether the numbers of this journal are known to be behind the database's position. */
  #isPlaced = false;

  constructor(options: SpoolDrainOptions) {
    this.#options = options;
  }

  underWay(): Promise<void> | undefined {
    return this.#draining;
  }

  start(): void {
    if (this.#options.stopped.aborted || this.#pending() === 0) return;
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      // What came between the last look and here.
      this.start();
    });
  }

  #pending(): number {
    return this.#options.spool.figures().pending;
  }

  async #drain(): Promise<void> {
    const { spool, stopped } = this.#options;
    let waitMs = RETRY_FIRST_MS;
    let batch = BATCH;
    let drained = 0;
    while (!stopped.aborted) {
      const entries = await spool.next(batch).catch(() => []);
      // None although some are pending: the disk has lost them or cannot be read just now.
      if (entries.length === 0 && this.#pending() === 0) break;
      const done = (await this.#place()) ? await this.#replay(entries) : 0;
      drained += done;
      if (done > 0) {
        waitMs = RETRY_FIRST_MS;
        batch = Math.min(BATCH, batch + BATCH_GROWTH);
        continue;
      }
      // A slow database may manage fewer of them within a transaction's time.
      batch = Math.max(1, Math.floor(entries.length / 2));
      await sleep(waitMs, undefined, { signal: stopped }).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, RETRY_MAX_MS);
    }
    if (drained > 0) this.#options.onDrained(drained);
  }

  /**
   * Once, before the first replay. A position above every number that the journal had when it was
   * opened is of a later journal than this one (a volume was put back, say): what is written now
   * has numbers that were used, so they count under a new id. False: not known yet.
   */
  async #place(): Promise<boolean> {
    if (this.#isPlaced) return true;
    const { spool } = this.#options;
    let position = 0;
    const outcome = await this.#options.attempt(async (tx) => {
      const row = await tx
        .selectFrom('spool_positions')
        .select('last_seq')
        .where('spool_id', '=', spool.spoolId)
        .executeTakeFirst();
      position = Number(row?.last_seq ?? 0);
    });
    this.#options.onOutcome(outcome);
    if (outcome.kind !== 'done') return false;
    this.#isPlaced = position <= spool.lastSeqAtOpen || (await spool.renew());
    return this.#isPlaced;
  }

  /** How many of the entries are dealt with. All in one transaction, or one by one where that fails. */
  async #replay(entries: readonly SpoolEntry[]): Promise<number> {
    const [first] = entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return 0;
    const outcome = await this.#options.attempt(async (tx) => {
      const from = await this.#fence(tx, last.seq);
      for (const entry of entries) if (entry.seq > from) await this.#applyEntry(tx, entry);
    });
    this.#options.onOutcome(outcome);
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
      if (!(await this.#options.setAside(first.text, outcome.code))) return 0;
      const passed = await this.#options.attempt(
        async (tx) => void (await this.#fence(tx, first.seq)),
      );
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
    if (!entry.readable) throw new Error('it cannot be opened');
    await this.#options.apply(tx, entry.text);
  }
}
