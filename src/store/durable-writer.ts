/**
 * Writes that must not be lost. They go to the database; where it is away, or does not answer soon,
 * to the spool, and from there to the database when it is back, in order and each exactly once.
 *
 * Writes of one lane (a call) keep their order. While the spool holds anything, everything new goes
 * behind it. A write whose transaction is still under way when it goes to the spool may reach the
 * database twice; so applying a write twice must be the same as once (every write in
 * `durable-writes.ts` is), and the spool's own replay (`spool-drain.ts`) is fenced besides.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { within } from '../patience.ts';
import type { Database } from './sql/database.ts';
import { DatabaseUnavailable, QueryRefused } from './sql/database-errors.ts';
import type { ScopedTransaction } from './sql/scoped-transaction.ts';
import { createSpoolDrain, type Outcome, type SpoolDrain } from './spool-drain.ts';
import type { AsideResult } from './set-aside.ts';
import type { Spool } from './spool-types.ts';

/**
 * Where a write is now. 'set-aside': the database refuses it for good, a person must look.
 * 'refused': nowhere; the disk, the spool or the file of what is set aside is full.
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
  /** As in `Spool`; they go to the database behind everything else that waits. */
  replayAside(): Promise<{ readonly replayed: number; readonly left: number }>;
  figures(): { readonly underWay: number; readonly spooled: number; readonly refused: number };
  /** Takes no more, waits for what is under way. What is in the spool stays there. */
  close(): Promise<void>;
};

/** Far above a healthy commit (single milliseconds), far below what a person would notice. */
const PATIENCE_MS = 250;
/** Writes under way; beyond it they go to the spool without asking the database. */
const MAX_UNDER_WAY = 2_000;

export function createDurableWriter<W>(options: DurableWriterOptions<W>): DurableWriter<W> {
  return new SpoolingWriter(options);
}

class SpoolingWriter<W> implements DurableWriter<W> {
  readonly #options: DurableWriterOptions<W>;
  readonly #lanes = new Map<string, Promise<Kept>>();
  /** Transactions that nobody waits for any more. */
  readonly #stragglers = new Set<Promise<Outcome>>();
  readonly #stopped = new AbortController();
  /** Why the database is away, as told; empty when it is not, or told to be back. */
  readonly #awayBecause = new Set<string>();
  #underWay = 0;
  #refused = 0;
  readonly #drain: SpoolDrain;

  constructor(options: DurableWriterOptions<W>) {
    this.#options = options;
    this.#drain = createSpoolDrain({
      spool: options.spool,
      attempt: (work) => this.#attempt(work),
      apply: (tx, text) => options.apply(tx, JSON.parse(text) as W),
      setAside: async (text, code) => {
        const result = await this.#setAside(text, code);
        // Where the disk fails it is still in the spool; where there is no more room, nowhere.
        if (result === 'full') this.#refuse('aside-full');
        return result !== 'disk';
      },
      onOutcome: (outcome) => this.#notice(outcome),
      onDrained: (drained) => {
        this.#awayBecause.clear();
        this.#tell({ kind: 'database-back', drained });
      },
      stopped: this.#stopped.signal,
    });
    this.#drain.start();
  }

  async write(write: W): Promise<Kept> {
    if (this.#stopped.signal.aborted) return this.#refuse('closed');
    const lane = this.#options.laneOf(write);
    this.#underWay += 1;
    const before = this.#lanes.get(lane);
    const isCrowded = this.#underWay > MAX_UNDER_WAY;
    const mine = (async () => {
      await before;
      if (isCrowded) return this.#toSpool(write);
      // What led here may be about to ask for an answer that somebody waits for.
      await setImmediate();
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
      const under = [...this.#lanes.values(), this.#drain.underWay()].filter(
        (each) => each !== undefined,
      );
      const rest = Math.max(1, deadline - performance.now());
      await Promise.race([Promise.allSettled(under), sleep(Math.min(rest, 100))]);
    }
    return this.#isEmpty();
  }

  async replayAside(): Promise<{ readonly replayed: number; readonly left: number }> {
    const result = await this.#options.spool.replayAside();
    this.#drain.start();
    return result;
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
    await Promise.allSettled([
      ...this.#lanes.values(),
      ...this.#stragglers,
      this.#drain.underWay(),
    ]);
  }

  #isEmpty(): boolean {
    return this.#underWay === 0 && this.#options.spool.figures().pending === 0;
  }

  async #store(write: W): Promise<Kept> {
    if (this.#options.spool.figures().pending > 0) return this.#toSpool(write);
    const attempt = this.#attempt((tx) => this.#options.apply(tx, write));
    const outcome = await within(this.#options.patienceMs ?? PATIENCE_MS, attempt);
    if (outcome === undefined) {
      void this.#outlive(attempt);
      return this.#toSpool(write, attempt);
    }
    this.#notice(outcome);
    if (outcome.kind === 'done') return 'database';
    if (outcome.kind === 'away') return this.#toSpool(write);
    const result = await this.#setAside(JSON.stringify(write), outcome.code);
    if (result === 'kept') return 'set-aside';
    return this.#refuse(result === 'full' ? 'aside-full' : 'disk');
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
      this.#drain.start();
      return 'spool';
    }
    if ((await attempt)?.kind === 'done') return 'database';
    return this.#refuse(result.reason);
  }

  async #setAside(text: string, code: string): Promise<AsideResult> {
    this.#tell({ kind: 'write-set-aside', code });
    return await this.#options.spool.setAside(text, code);
  }

  #refuse(reason: string): Kept {
    this.#refused += 1;
    this.#tell({ kind: 'write-refused', reason });
    return 'refused';
  }

  /**
   * Tells once that the database is away, however many writes find it so, and once more of each
   * other reason: that a connection broke is often known before why no new one can be made.
   */
  #notice({ kind, code }: Outcome): void {
    if (kind === 'done' && this.#options.spool.figures().pending === 0) this.#awayBecause.clear();
    // While it is being opened, writing to the spool is what is meant to happen.
    if (kind !== 'away' || code === 'opening' || this.#awayBecause.has(code)) return;
    this.#awayBecause.add(code);
    this.#tell({ kind: 'database-away', code });
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
}
