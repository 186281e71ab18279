/**
 * Keeps one call where other processes find it: its record and its sealed snapshot in the session
 * store. Nothing waits for it. One write is under way at a time, and what comes meanwhile is written
 * after it, the newest only. A store that is away is asked again now and then.
 *
 * A write that is refused means that another process has the call: the fence.
 */
import { isWithoutPersonalData } from '../src/companion/person.ts';
import type { CallSnapshot } from '../src/conversation/resume.ts';
import { monotonicMs } from '../src/events.ts';
import type { Sealer } from '../src/store/sealed-text.ts';
import type { CallRecord, SessionStore } from '../src/store/session-store.ts';
import type { CallIdentity } from './call-types.ts';
import { sealSnapshot } from './sealed-snapshot.ts';

export type KeeperOptions = {
  readonly store: Pick<SessionStore, 'putCall' | 'saveSnapshot'>;
  /** Undefined: no snapshots are kept. */
  readonly sealer: Sealer | undefined;
  readonly record: CallRecord;
  /** Called once, when a write is refused. */
  readonly onOvertaken: () => void;
  /** What became of a write, and how long that took. */
  readonly onWritten?: (outcome: WriteOutcome, durationMs: number) => void;
  /** Called once, when nothing more will be written. */
  readonly onSettled: () => void;
};

/** 'overtaken': another process has the call. 'away': the store did not answer. */
export type WriteOutcome = 'kept' | 'overtaken' | 'away';

/** Past the last sign of life of a call. */
export const CALL_TTL_MS = 3_600_000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 5_000;
/** Of a call that is not ours any more only this much effort is made to write the last of it. */
const MAX_LAST_ATTEMPTS = 4;
/**
 * That a call is over is said for about ten minutes: a record that stays behind as live has others
 * look after a call that nobody misses.
 */
const MAX_ATTEMPTS_WHEN_OVER = 120;

export class CallKeeper {
  readonly #options: Omit<KeeperOptions, 'onOvertaken'>;
  #record: CallRecord;
  #recordIsNews = true;
  #snapshot: (() => CallSnapshot) | undefined;
  #state: 'open' | 'last' | 'closed' = 'open';
  #failures = 0;
  #maxLastAttempts = MAX_LAST_ATTEMPTS;
  /** Not kept any longer than it may be needed: it holds the whole call. */
  #onOvertaken: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(options: KeeperOptions) {
    const { onOvertaken, ...rest } = options;
    this.#options = rest;
    this.#onOvertaken = onOvertaken;
    this.#record = options.record;
    this.#kick();
  }

  /** The epoch under which this process holds the call. */
  get epoch(): number {
    return this.#record.epoch;
  }

  get record(): CallRecord {
    return this.#record;
  }

  /** The store has taken what was written last, or has not answered yet. */
  get isOurs(): boolean {
    return this.#failures === 0;
  }

  /** Where the call is now. Also a sign of life, and a look whether the call is still ours. */
  put(change: Partial<Pick<CallRecord, 'phase' | 'resumeCount' | 'streamSid'>> = {}): void {
    if (this.#state !== 'open') return;
    this.#record = { ...this.#record, ...change };
    this.#recordIsNews = true;
    this.#kick();
  }

  /** `make` is called when the snapshot is written, so that it is the newest. */
  save(make: () => CallSnapshot): void {
    if (this.#state !== 'open' || !this.#options.sealer) return;
    this.#snapshot = make;
    this.#kick();
  }

  /**
   * The call is over, and nobody need go on with it. `lost`: as far as is known here; the session
   * store was perhaps away, and the call goes on elsewhere.
   */
  ended(how: 'over' | 'lost' = 'lost'): void {
    if (this.#state !== 'open') return;
    this.put({ phase: 'ended' });
    this.#snapshot = undefined;
    if (how === 'over') this.#maxLastAttempts = MAX_ATTEMPTS_WHEN_OVER;
    this.#endSoon();
  }

  /** Another process goes on with the call: what there is to write is written, and no more. */
  release(): void {
    if (this.#state === 'open') this.#endSoon();
  }

  /** Resolves when nothing more will be written; soon after `ended` or `release`, as a rule. */
  async settled(): Promise<void> {
    await this.#running;
  }

  /** Writes nothing more. */
  close(): void {
    this.#state = 'closed';
    this.#onOvertaken = undefined;
    this.#wake?.();
    if (!this.#running) this.#options.onSettled();
  }

  #endSoon(): void {
    this.#state = 'last';
    this.#onOvertaken = undefined;
    this.#failures = 0;
    this.#wake?.();
    if (!this.#running) this.#options.onSettled();
  }

  #kick(): void {
    if (this.#state === 'closed') return;
    // Owned here: #write catches what the store throws.
    this.#running ??= this.#write().finally(() => {
      this.#running = undefined;
      if (this.#hasNews() && this.#state !== 'closed') this.#kick();
      else if (this.#state !== 'open') this.#options.onSettled();
    });
  }

  #hasNews(): boolean {
    return this.#recordIsNews || this.#snapshot !== undefined;
  }

  async #write(): Promise<void> {
    // Not within the fact that led here: sealing takes its time, and a reply may be on its way.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#hasNews() && this.#state !== 'closed') {
      const beganAt = monotonicMs();
      const kept = await this.#writeOnce();
      this.#options.onWritten?.(kept, monotonicMs() - beganAt);
      if (kept === 'overtaken') {
        const tell = this.#onOvertaken;
        this.close();
        tell?.();
      } else if (kept === 'away') {
        this.#failures += 1;
        if (this.#state === 'last' && this.#failures >= this.#maxLastAttempts) this.close();
        else await this.#pause();
      } else this.#failures = 0;
    }
  }

  async #writeOnce(): Promise<WriteOutcome> {
    const { store, sealer } = this.#options;
    const record = this.#recordIsNews ? this.#record : undefined;
    const make = this.#snapshot;
    this.#recordIsNews = false;
    this.#snapshot = undefined;
    const { callSid, epoch } = this.#record;
    try {
      if (record && !(await store.putCall(record, CALL_TTL_MS))) return 'overtaken';
      if (!make || !sealer) return 'kept';
      const sealed = sealSnapshot(sealer, callSid, make(), Date.now());
      const saved = await store.saveSnapshot(callSid, epoch, sealed, CALL_TTL_MS);
      return saved ? 'kept' : 'overtaken';
    } catch {
      this.#recordIsNews ||= record !== undefined;
      if (this.#record.phase !== 'ended') this.#snapshot ??= make;
      return 'away';
    }
  }

  async #pause(): Promise<void> {
    const ms = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(10, this.#failures - 1));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      timer.unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

/** A call's first record: where others find it. */
export function recordOf({
  callSid,
  direction,
  person,
  epoch,
  startedAtMs,
  resumed,
}: CallIdentity) {
  return {
    callSid,
    direction,
    personId: person.personId,
    phase: resumed ? ('lost' as const) : ('ringing' as const),
    epoch,
    resumeCount: resumed?.resumeCount ?? 0,
    startedAtMs: startedAtMs ?? Date.now(),
    isPlain: isWithoutPersonalData(person),
  };
}
