import { monotonicMs } from './clock.ts';

/** One thing an emulator saw or did. `atMs` is monotonic; see clock.ts. */
export type LogEntry<E extends { what: string }> = E & { readonly atMs: number };

type Waiter<E extends { what: string }> = {
  matches: (entry: LogEntry<E>) => boolean;
  settle: (entry: LogEntry<E>) => void;
};

const MAX_ENTRIES = 2_000_000;

/** An emulator's own account of what happened on its wire: the auditor's only evidence. */
export class EmulatorLog<E extends { what: string }> {
  readonly entries: LogEntry<E>[] = [];
  /** False: entries are shown to watchers and waiters and then let go, for load tests. */
  keeps = true;
  readonly #watchers = new Set<(entry: LogEntry<E>) => void>();
  readonly #waiters = new Set<Waiter<E>>();

  /** Appends one entry, stamped now (or at `atMs` where the event's own time is known better). */
  add(event: E, atMs: number = monotonicMs()): LogEntry<E> {
    if (this.entries.length >= MAX_ENTRIES) this.entries.splice(0, MAX_ENTRIES / 2);
    const entry = { ...event, atMs };
    if (this.keeps) this.entries.push(entry);
    for (const watch of this.#watchers) watch(entry);
    if (this.#waiters.size === 0) return entry;
    for (const waiter of [...this.#waiters]) if (waiter.matches(entry)) waiter.settle(entry);
    return entry;
  }

  /** Every entry of one kind, in order. */
  all<W extends E['what']>(what: W): LogEntry<Extract<E, { what: W }>>[] {
    return this.entries.filter((e): e is LogEntry<Extract<E, { what: W }>> => e.what === what);
  }

  /** The first entry, past or future, that matches; rejects after `timeoutMs`. */
  async waitFor(matches: (entry: LogEntry<E>) => boolean, timeoutMs = 5_000): Promise<LogEntry<E>> {
    const past = this.entries.find(matches);
    if (past) return past;
    return await new Promise((resolve, reject) => {
      const waiter: Waiter<E> = {
        matches,
        settle: (entry) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(entry);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const tail = this.entries.slice(-8).map((e) => e.what);
        reject(new Error(`no matching log entry within ${timeoutMs} ms; last: ${tail.join(', ')}`));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Shows every further entry to `watcher`. Returns the function that ends this. */
  watch(watcher: (entry: LogEntry<E>) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  clear(): void {
    this.entries.length = 0;
  }
}
