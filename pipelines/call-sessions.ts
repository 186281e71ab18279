/**
 * The calls of this process among other processes: keeps each where others find it, tells and hears
 * who has which, takes over what another had, and looks after what a dead one left.
 */
import { monotonicMs } from '../src/events.ts';
import type { Logger } from '../src/log.ts';
import { within } from '../src/patience.ts';
import type { Sealer } from '../src/store/sealed-text.ts';
import type { CallNotice, CallRecord, SessionStore } from '../src/store/session-store.ts';
import type { Store } from '../src/store/store.ts';
import type { TelephonyVendor } from '../adapters/telephony/port.ts';
import { CallKeeper } from './call-keeper.ts';
import type { Calls, ToldElsewhere } from './calls.ts';
import { InstanceWatch } from './instance-watch.ts';
import { LeftBehind } from './left-behind.ts';
import type { RecallOptions } from './recall.ts';
import type { CallRecords, Publish } from './records.ts';
import { Rescue, type RescueNews } from './rescue.ts';
import { storedCallsIn } from './stored-calls.ts';
import { Takeover, type Taken, type TakeoverRequest } from './takeover.ts';

export type CallSessionsOptions = {
  readonly store: SessionStore;
  /** Undefined: no snapshots are kept. */
  readonly sealer: Sealer | undefined;
  /** Undefined: nothing is kept. */
  readonly kept: Store | undefined;
  readonly records: CallRecords;
  readonly telephony: TelephonyVendor;
  readonly instance: string;
  readonly resumeUrl: () => string;
  readonly log: Logger;
  readonly publish?: Publish;
};

const NEWS = {
  'call-redirected': 'call of a dead process redirected',
  'redirect-failed': 'call of a dead process could not be redirected',
  'call-lost': 'call lost with its process',
} as const satisfies Record<RescueNews, string>;

/** A call in which nothing happens gives a sign of life this often. */
const KEEP_ALIVE_MS = 10_000;
/** The carrier waits for what to do with a call that is new here. */
const OVER_MS = 150;
/** For what keepers still have to write when the process ends. */
const SETTLE_MS = 1_000;

export class CallSessions {
  readonly #options: CallSessionsOptions;
  readonly #keepers = new Set<CallKeeper>();
  readonly #watch: InstanceWatch;
  readonly #rescue: Rescue;
  readonly #storedCall: RecallOptions['storedCall'];
  #leftBehind: LeftBehind | undefined;
  #calls: Calls | undefined;
  #takeover: Takeover | undefined;
  #unwatch: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CallSessionsOptions) {
    this.#options = options;
    const { store, instance, log } = options;
    this.#watch = new InstanceWatch({
      store,
      instance,
      isAccepting: () => this.#calls !== undefined && !this.#calls.isDraining,
      onOrphan: (callSid) => this.#rescue.lookAfter(callSid),
      now: monotonicMs,
    });
    this.#storedCall = options.kept && storedCallsIn(options.kept);
    this.#rescue = new Rescue({
      ...options,
      storedCall: this.#storedCall,
      holds: (callSid) => this.#calls?.get(callSid) !== undefined,
      isAlive: (other) => this.#watch.isAlive(other),
      tell: (what, callSid) => log.warn(NEWS[what], { callSid }),
    });
  }

  /** Another instance takes new calls, as far as is known. */
  get hasOtherAccepting(): boolean {
    return this.#watch.hasOtherAccepting;
  }

  /** Begins to look and to listen. */
  start(calls: Calls): void {
    this.#calls = calls;
    const { kept, store } = this.#options;
    const storedCall = this.#storedCall;
    this.#takeover = new Takeover({ ...this.#options, storedCall, calls, now: () => Date.now() });
    this.#leftBehind = kept && new LeftBehind({ store, kept, calls, rescue: this.#rescue });
    this.#leftBehind?.start();
    this.#unwatch = this.#options.store.watch((notice) => this.#hear(notice));
    this.#watch.start();
    this.#timer = setInterval(() => calls.keepAlive(), KEEP_ALIVE_MS);
    this.#timer.unref();
  }

  /** See `CallServices.keep`. */
  keep(record: Omit<CallRecord, 'owner'>, onOvertaken: () => void): CallKeeper {
    const { store, sealer, instance, publish } = this.#options;
    const { callSid, epoch } = record;
    const keeper = new CallKeeper({
      store,
      sealer,
      record: { ...record, owner: instance },
      onOvertaken,
      onWritten: (outcome, durationMs) => {
        if (store.kind !== 'redis') return;
        const told = { store: 'redis', operation: 'keep-call', outcome, durationMs } as const;
        publish?.(callSid, { what: 'stored', ...told });
      },
      onSettled: () => this.#keepers.delete(keeper),
    });
    this.#keepers.add(keeper);
    // Whoever had it under a lower epoch hears of it at once, and not with its next write.
    if (epoch > 1) this.#tell({ kind: 'taken', callSid, epoch, from: instance });
    return keeper;
  }

  /** Never rejects. */
  async takeOver(request: TakeoverRequest): Promise<Taken> {
    return (await this.#takeover?.take(request)) ?? { kind: 'over' };
  }

  /**
   * Whether a store knows that the call has ended: what looks like a new one is an old request, told
   * again. Never rejects; a store that does not answer soon knows nothing.
   */
  async isOver(callSid: string): Promise<boolean> {
    const stored = this.#storedCall?.(callSid);
    const [record, kept] = await Promise.all([
      this.#options.store.getCall(callSid).catch(() => undefined),
      stored && within(OVER_MS, stored).catch(() => undefined),
    ]);
    return record?.phase === 'ended' || kept?.isOver === true;
  }

  /** True where a token given out under `epoch` is no longer good. Never rejects. */
  async isStale(callSid: string, epoch: number): Promise<boolean> {
    return (await this.#options.store.currentEpoch(callSid).catch(() => 0)) > epoch;
  }

  /** What the carrier told this process of a call that it does not have. */
  elsewhere(told: ToldElsewhere): void {
    const { callSid } = told;
    const from = this.#options.instance;
    if (told.what === 'answered-by') {
      return this.#tell({ kind: 'answered-by', callSid, who: told.who, from });
    }
    this.#tell({ kind: 'over', callSid, from });
    this.#rescue.carrierSaysOver(callSid);
  }

  /** At once: no new calls here. Never rejects. */
  async withdraw(): Promise<void> {
    await this.#watch.withdraw();
  }

  /** Leaves, when what is kept of the last calls has been written, or soon. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#leftBehind?.close();
    this.#unwatch?.();
    const keepers = [...this.#keepers].map(async (keeper) => await keeper.settled());
    await within(SETTLE_MS, Promise.all(keepers));
    for (const keeper of this.#keepers) keeper.close();
    await this.#watch.close();
  }

  #tell(notice: CallNotice): void {
    // A store that is away: the fence stands with the next write all the same.
    this.#options.store.tell(notice).catch(() => undefined);
  }

  #hear(notice: CallNotice): void {
    if (notice.from === this.#options.instance) return;
    switch (notice.kind) {
      case 'taken':
        return this.#calls?.overtaken(notice.callSid, notice.epoch);
      case 'over':
        return this.#calls?.over(notice.callSid, 'told');
      case 'answered-by':
        return this.#calls?.answeredBy(notice.callSid, notice.who, 'told');
      case 'withdrawn':
        // Not of a call: a live one with them goes on.
        return;
    }
  }
}
