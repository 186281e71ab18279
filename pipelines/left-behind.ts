/**
 * Conversations that the database holds for under way and that nobody has: their processes died with
 * everything, or while no session store could tell. Those that may still be on the line are fetched,
 * the others ended, so that what follows a call follows.
 */
import type { SessionStore } from '../src/store/session-store.ts';
import type { Store } from '../src/store/store.ts';
import type { Calls } from './calls.ts';
import type { Rescue } from './rescue.ts';

export type LeftBehindOptions = {
  readonly store: Pick<SessionStore, 'kind' | 'getCall'>;
  readonly kept: Pick<Store, 'database' | 'conversations'>;
  readonly calls: Pick<Calls, 'get'>;
  readonly rescue: Pick<Rescue, 'fetch'>;
};

const FIRST_LOOK_MS = 1_000;
/** Longer than a living process lets pass without a sign of its calls. */
const LOOK_EVERY_MS = 15_000;

export class LeftBehind {
  readonly #options: LeftBehindOptions;
  /** Nobody had them at the last look. */
  #suspects: ReadonlySet<string> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: LeftBehindOptions) {
    this.#options = options;
  }

  start(): void {
    this.#lookIn(FIRST_LOOK_MS);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #lookIn(ms: number): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => {
      // Databases and session stores may be away: the next look finds the same.
      void this.#look()
        .catch(() => {
          this.#suspects = new Set();
        })
        .finally(() => this.#lookIn(LOOK_EVERY_MS));
    }, ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { store, kept, calls, rescue } = this.#options;
    const active = await kept.database.withScope({ kind: 'service' }, (tx) =>
      kept.conversations.active(tx),
    );
    const orphans = [];
    for (const call of active) {
      if (calls.get(call.callSid)) continue;
      // Whatever has a record is its owner's, or looked after when that one is seen to be dead.
      if (!(await store.getCall(call.callSid))) orphans.push(call);
    }
    const isAlone = store.kind === 'memory';
    // Without a session store, another process may have the call: unless the database is ours alone.
    const mayBeFetched = !isAlone || kept.database.kind === 'embedded';
    for (const { callSid, seniorId, direction, startedAtMs, resumeCount, holder } of orphans) {
      if (!isAlone && !this.#suspects.has(callSid)) continue;
      const facts = { callSid, seniorId, direction, startedAtMs };
      if (!this.#closed) rescue.fetch({ ...facts, resumeCount, holder, mayBeFetched });
    }
    this.#suspects = new Set(orphans.map(({ callSid }) => callSid));
  }
}
