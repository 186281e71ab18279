/** What an operator must know of the store, into the log, and not a thousand times. */
import type { Logger } from './log.ts';

/** As the store's writer tells it. Codes only. */
export type StoreTrouble =
  | { readonly kind: 'database-away'; readonly code: string }
  | { readonly kind: 'database-back'; readonly drained: number }
  | { readonly kind: 'write-refused'; readonly reason: string }
  | { readonly kind: 'write-set-aside'; readonly code: string };

/**
 * Of one kind of trouble, and of one reason why the database is away, a line is written at most this
 * often; the next one says how many it was.
 */
const QUIET_MS = 10_000;

export class TroubleLog {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #last = new Map<string, { atMs: number; untoldCount: number }>();

  constructor(log: Logger, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  tell(trouble: StoreTrouble): void {
    const { kind } = trouble;
    const troubleCount = this.#due(kind === 'database-away' ? `${kind} ${trouble.code}` : kind);
    if (troubleCount === undefined) return;
    switch (trouble.kind) {
      case 'database-away':
        return this.#log.warn('database away: writing to the spool', {
          why: wordOf(trouble.code),
          troubleCount,
        });
      case 'database-back':
        return this.#log.info('database back: the spool is drained', {
          writtenCount: trouble.drained,
        });
      case 'write-refused':
        return this.#log.error('a record could not be kept', {
          why: wordOf(trouble.reason),
          troubleCount,
        });
      case 'write-set-aside':
        return this.#log.error('the database refused a record: set aside', {
          why: wordOf(trouble.code),
          troubleCount,
        });
    }
  }

  peopleUnread(): void {
    this.#log.warn('people could not be read from the database yet');
  }

  /** How many of a sort to tell of now; undefined: none yet. */
  #due(sort: string): number | undefined {
    const now = this.#now();
    const last = this.#last.get(sort);
    if (last !== undefined && now - last.atMs < QUIET_MS) {
      last.untoldCount += 1;
      return undefined;
    }
    this.#last.set(sort, { atMs: now, untoldCount: 0 });
    return 1 + (last?.untoldCount ?? 0);
  }
}

/** SQLSTATEs begin with digits, words of the log with letters. */
function wordOf(code: string): string {
  return /^\d/.test(code) ? `sqlstate-${code}` : code;
}
