/**
 * Who else is alive. Each instance gives a sign of life to the session store several times a second
 * and looks for those of the others; one that falls silent is taken for dead, and its calls are
 * looked after.
 *
 * A store that was away tells nothing: when it is back, every instance seems dead until it has been
 * heard again. So only one that was heard since then is believed to have died at once.
 */
import type { SessionStore } from '../src/store/session-store.ts';

export type InstanceWatchOptions = {
  readonly store: Pick<SessionStore, 'beat' | 'instances' | 'forgetInstance' | 'callsOf'>;
  readonly instance: string;
  /** New calls are welcome here. */
  readonly isAccepting: () => boolean;
  /** A call of a dead instance, told again with every look until it is somebody's or over. Quick. */
  readonly onOrphan: (callSid: string) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
};

export const BEAT_EVERY_MS = 500;
/** Some beats may be late or lost; a death is noticed within this and one look: below 3 s. */
export const BEAT_TTL_MS = 2_300;
/** How long an instance that was never heard must have been silent, by our own unbroken watch. */
const SILENT_MS = 5_000;
/** Of one dead instance at a time; the next look takes the next. */
const MAX_ORPHANS = 50;

export class InstanceWatch {
  readonly #options: InstanceWatchOptions;
  readonly #heard = new Set<string>();
  #alive: ReadonlySet<string> = new Set();
  #othersAccepting = 0;
  /** Since when the store has answered without a break. */
  #sinceMs: number | undefined;
  #seenAtMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: InstanceWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop();
  }

  /** As far as is known now: another instance takes new calls. */
  get hasOtherAccepting(): boolean {
    return this.#isFresh && this.#othersAccepting > 0;
  }

  /** Undefined where the store does not tell. */
  isAlive(instance: string): boolean | undefined {
    return this.#isFresh ? this.#alive.has(instance) : undefined;
  }

  /** At once: this instance takes no more calls. Never rejects. */
  async withdraw(): Promise<void> {
    await this.#look();
  }

  /** Leaves, so that nobody waits for a sign of life. Never rejects. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    const { store, instance } = this.#options;
    try {
      // Calls that are still ours are for others to find.
      if ((await store.callsOf(instance)).length === 0) await store.forgetInstance(instance);
    } catch {
      // Then its time runs out.
    }
  }

  get #isFresh(): boolean {
    return this.#options.now() - this.#seenAtMs < BEAT_TTL_MS;
  }

  #loop(): void {
    if (this.#closed) return;
    void this.#look().finally(() => {
      if (this.#closed) return;
      this.#timer = setTimeout(() => this.#loop(), BEAT_EVERY_MS);
      this.#timer.unref();
    });
  }

  async #look(): Promise<void> {
    const { store, instance, isAccepting, now } = this.#options;
    try {
      await store.beat(instance, isAccepting(), BEAT_TTL_MS);
      const seen = (await store.instances()).filter((each) => each.instance !== instance);
      this.#sinceMs ??= now();
      this.#seenAtMs = now();
      this.#alive = new Set(seen.filter(({ alive }) => alive).map((each) => each.instance));
      this.#othersAccepting = seen.filter(({ accepting }) => accepting).length;
      for (const each of seen) {
        if (each.alive) this.#heard.add(each.instance);
        else if (this.#isDead(each.instance)) await this.#lookAfter(each.instance);
      }
    } catch {
      this.#sinceMs = undefined;
      this.#heard.clear();
    }
  }

  #isDead(instance: string): boolean {
    if (this.#heard.has(instance)) return true;
    return this.#options.now() - (this.#sinceMs ?? Infinity) >= SILENT_MS;
  }

  async #lookAfter(instance: string): Promise<void> {
    const { store, onOrphan } = this.#options;
    const orphans = await store.callsOf(instance);
    if (orphans.length === 0) {
      this.#heard.delete(instance);
      return await store.forgetInstance(instance);
    }
    for (const callSid of orphans.slice(0, MAX_ORPHANS)) onOrphan(callSid);
  }
}
