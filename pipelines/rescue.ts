/**
 * Calls whose process died. The carrier usually falls through to its next verb and so finds another
 * process by itself. Where it stays silent instead, it is told where to go on; where the call turns
 * out to be over, whoever was on it is to be called back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TelephonyVendor } from '../adapters/telephony/port.ts';
import { VendorError } from '../src/errors.ts';
import type { CallRecord, SessionStore } from '../src/store/session-store.ts';
import { isUuid } from '../src/store/uuid.ts';
import { CALL_TTL_MS } from './call-keeper.ts';
import type { StoredCall } from './recall.ts';
import type { CallFacts, CallRecords } from './records.ts';

export type RescueNews = 'call-redirected' | 'redirect-failed' | 'call-lost';

export type RescueOptions = {
  readonly store: Pick<SessionStore, 'getCall' | 'putCall' | 'nextEpoch' | 'seenOnce'>;
  readonly storedCall: ((callSid: string) => Promise<StoredCall | undefined>) | undefined;
  readonly records: Pick<CallRecords, 'ended' | 'callBackDue'>;
  readonly telephony: Pick<TelephonyVendor, 'redirect'>;
  readonly instance: string;
  readonly resumeUrl: () => string;
  /** The call is live in this very process. */
  readonly holds: (callSid: string) => boolean;
  /** Undefined: nobody knows. */
  readonly isAlive: (instance: string) => boolean | undefined;
  readonly tell: (what: RescueNews, callSid: string) => void;
};

export type OrphanedCall = CallFacts & {
  readonly resumeCount: number;
  /** The instance that took it up last, as far as the database knows. */
  readonly holder?: string | undefined;
  /** False: it may be under way in a process that nobody can see. */
  readonly mayBeFetched: boolean;
};

/** The carrier needs a second or so to come back; told again after this. */
const RETRY_MS = 4_000;
/** Within that time. */
const MAX_ATTEMPTS = 3;
const PAUSE_MS = 500;
/**
 * For as long, nobody else writes a lost call down; longer than that takes. Whoever could not do it
 * after all leaves it to the next look.
 */
const CLAIM_MS = 10_000;
/** Longer than one look of `LeftBehind` is from the next: an end may wait in a spool for a while. */
const STORED_CLAIM_MS = 60_000;
/** No call of ours lasts longer: the carrier's own limit is below it. */
const LONGEST_CALL_MS = 20 * 60_000;
/** Of which it is remembered that they are over, or under way here. */
const MAX_REMEMBERED = 2_000;

export class Rescue {
  readonly #options: RescueOptions;
  readonly #over = new Set<string>();
  readonly #underWay = new Set<string>();

  constructor(options: RescueOptions) {
    this.#options = options;
  }

  /** The carrier says that a call is over which this process does not have. */
  carrierSaysOver(callSid: string): void {
    this.#over.add(callSid);
    const [oldest] = this.#over;
    if (this.#over.size > MAX_REMEMBERED && oldest !== undefined) this.#over.delete(oldest);
    this.lookAfter(callSid);
  }

  /** Owned here: it never rejects, and is done once at a time. */
  lookAfter(callSid: string): void {
    if (this.#underWay.has(callSid) || this.#underWay.size >= MAX_REMEMBERED) return;
    this.#underWay.add(callSid);
    void this.#lookAfter(callSid)
      // The store is away: the next look at the dead instance brings the call up again.
      .catch(() => undefined)
      .finally(() => this.#underWay.delete(callSid));
  }

  async #lookAfter(callSid: string): Promise<void> {
    const { store, holds, isAlive, instance } = this.#options;
    const record = await store.getCall(callSid);
    if (!record) return await this.#onlyStored(callSid);
    // What this process has let go of and nobody has taken is nobody's.
    const isOurs = record.owner === instance;
    const isOwned = isOurs ? holds(callSid) : isAlive(record.owner) !== false;
    if (record.phase === 'ended' || isOwned) return;
    const isTooOld = Date.now() - record.startedAtMs > LONGEST_CALL_MS;
    if (this.#over.has(callSid) || isTooOld) return await this.#lost(record);
    // Where it still rings, its answer will find its way to a living process.
    if (record.phase === 'ringing') return;
    if (!(await this.#isMyTurn(callSid, record.epoch))) return;
    if ((await this.#redirect(callSid)) === 'gone') await this.#lost(record);
  }

  /** A call that only the database knows to be under way. Owned here, as `lookAfter`. */
  fetch(call: OrphanedCall): void {
    const { callSid } = call;
    if (this.#underWay.has(callSid) || this.#underWay.size >= MAX_REMEMBERED) return;
    this.#underWay.add(callSid);
    void this.#fetch(call)
      .catch(() => undefined)
      .finally(() => this.#underWay.delete(callSid));
  }

  async #fetch(call: OrphanedCall): Promise<void> {
    const isTooOld = Date.now() - call.startedAtMs > LONGEST_CALL_MS;
    if (isTooOld || this.#over.has(call.callSid)) return await this.#lostFromStored(call);
    if (!call.mayBeFetched || !(await this.#isMyTurn(call.callSid, 'stored'))) return;
    if ((await this.#redirect(call.callSid)) === 'gone') await this.#lostFromStored(call);
  }

  /** The session store has lost it or never had it: the database alone knows. */
  async #onlyStored(callSid: string): Promise<void> {
    if (!this.#over.has(callSid)) return;
    const stored = await this.#options.storedCall?.(callSid);
    if (stored && !stored.isOver) await this.#lostFromStored({ ...stored, callSid });
  }

  async #lostFromStored(
    call: CallFacts & Pick<OrphanedCall, 'resumeCount' | 'holder'>,
  ): Promise<void> {
    const { callSid, direction, startedAtMs, seniorId } = call;
    if (!(await this.#options.store.seenOnce(`lost:${callSid}`, STORED_CLAIM_MS))) return;
    this.#writeDown({ callSid, direction, startedAtMs, seniorId }, call, true);
  }

  /** One instance tells the carrier, and not again before the carrier can have come back. */
  async #isMyTurn(callSid: string, epoch: number | 'stored'): Promise<boolean> {
    return await this.#options.store.seenOnce(`rescue:${callSid}:${epoch}`, RETRY_MS);
  }

  /**
   * Tries again at once where the carrier did not answer: somebody hears silence. Not where the call
   * has come here by itself meanwhile: an order would tear it out of its new stream.
   */
  async #redirect(callSid: string): Promise<'told' | 'held' | 'gone' | 'failed'> {
    const { holds, telephony, resumeUrl, tell } = this.#options;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      if (holds(callSid)) return 'held';
      try {
        await telephony.redirect(callSid, resumeUrl());
        tell('call-redirected', callSid);
        return 'told';
      } catch (error) {
        // The carrier takes no new orders for a call that is not under way.
        if (error instanceof VendorError && error.failure === 'gone') return 'gone';
        tell('redirect-failed', callSid);
        if (attempt < MAX_ATTEMPTS) await sleep(PAUSE_MS, undefined, { ref: false });
      }
    }
    return 'failed';
  }

  /** Claimed first, so that it is written down once. */
  async #lost(record: CallRecord): Promise<void> {
    const { store, instance } = this.#options;
    const { callSid, personId = '', direction, startedAtMs, resumeCount, owner } = record;
    if (!(await store.seenOnce(`lost:${callSid}:${record.epoch}`, CLAIM_MS))) return;
    const epoch = await store.nextEpoch(callSid, record.epoch);
    const over = { ...record, epoch, owner: instance, phase: 'ended' as const };
    // A higher epoch by now: somebody has the call after all.
    if (!(await store.putCall(over, CALL_TTL_MS))) return;
    const seniorId = isUuid(personId) ? personId : undefined;
    const call = { callSid, direction, startedAtMs, seniorId };
    // Who never picked up has lost nothing.
    this.#writeDown(call, { resumeCount, holder: owner }, record.phase !== 'ringing');
  }

  #writeDown(
    call: CallFacts,
    { resumeCount, holder }: Pick<OrphanedCall, 'resumeCount' | 'holder'>,
    isToBeCalledBack: boolean,
  ): void {
    const { records, tell } = this.#options;
    const endedAtMs = Math.min(Date.now(), call.startedAtMs + LONGEST_CALL_MS);
    const end = { endedAtMs, reason: 'stream-lost' };
    records.ended(call, end.endedAtMs, end.reason, resumeCount, holder);
    tell('call-lost', call.callSid);
    if (isToBeCalledBack) records.callBackDue(call, end);
  }
}
