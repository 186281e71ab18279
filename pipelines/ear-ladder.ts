/**
 * Which recogniser a call listens with: how many failures one may have before the next takes over,
 * and when the best is worth another try.
 */
import type { SttVendor } from '../adapters/stt/port.ts';
import type { VendorFailure } from '../src/errors.ts';
import type { CallEvent, Rung } from '../src/events.ts';

export type EarLadderOptions = {
  /** Best recogniser first. */
  readonly vendors: readonly SttVendor[];
  readonly now: () => number;
  readonly onEvent: (event: CallEvent) => void;
};

/** A recogniser that fails this often within a minute is left for the next. */
const MAX_FAILURES = 3;
const FAILURE_WINDOW_MS = 60_000;
/** After a fall, how long before the best is tried again; twice as long after each further fall. */
const CLIMB_AFTER_MS = 60_000;
const MAX_CLIMB_AFTER_MS = 8 * 60_000;

/** Failures that a new attempt at the same vendor will not cure. */
const HOPELESS: ReadonlySet<VendorFailure> = new Set<VendorFailure>([
  'auth',
  'bad-request',
  'rate-limited',
  'breaker-open',
]);

const KEYPAD = 'keypad';

export class EarLadder {
  readonly #options: EarLadderOptions;
  #rung = 0;
  #failures: number[] = [];
  #climbWaitMs = CLIMB_AFTER_MS;
  #climbAt = 0;
  /** Where the call was last said to stand. */
  #told: Rung;

  constructor(options: EarLadderOptions) {
    this.#options = options;
    this.#told = this.#name;
  }

  /** Undefined where none is left. */
  get vendor(): SttVendor | undefined {
    return this.#options.vendors[this.#rung];
  }

  /** The best of all, where a lesser one listens and it is time to try; undefined otherwise. */
  get better(): SttVendor | undefined {
    const isDue = this.#rung > 0 && this.#options.now() >= this.#climbAt;
    return isDue && this.vendor ? this.#options.vendors[0] : undefined;
  }

  /** `forGood`: nothing more is expected of it. */
  failed(vendor: SttVendor, failure: VendorFailure, forGood: boolean): void {
    this.#options.onEvent({ what: 'vendor-failed', vendor: vendor.vendor, failure });
    const now = this.#options.now();
    this.#failures = [...this.#failures.filter((at) => now - at < FAILURE_WINDOW_MS), now];
    if (!forGood && !HOPELESS.has(failure) && this.#failures.length < MAX_FAILURES) return;
    this.#failures = [];
    this.#moveTo(Math.min(this.#rung + 1, this.#options.vendors.length));
    this.#waitToClimb();
  }

  /** The best did not come when it was tried beside a lesser one, which goes on. */
  climbFailed(vendor: SttVendor, failure: VendorFailure): void {
    this.#options.onEvent({ what: 'vendor-failed', vendor: vendor.vendor, failure });
    this.#waitToClimb();
  }

  /** The best listens again, or is tried first again. */
  climbed(): void {
    this.#failures = [];
    this.#moveTo(0);
  }

  /** From the keypad: all are tried again, from the best. Not told before one of them has `heard`. */
  startOver(): void {
    this.#rung = 0;
  }

  /** From the keypad: this recogniser has judged something, so that it is one. */
  heard(): void {
    this.#tell(this.#name);
  }

  #waitToClimb(): void {
    this.#climbAt = this.#options.now() + this.#climbWaitMs;
    this.#climbWaitMs = Math.min(2 * this.#climbWaitMs, MAX_CLIMB_AFTER_MS);
  }

  get #name(): Rung {
    return this.vendor?.vendor ?? KEYPAD;
  }

  #moveTo(rung: number): void {
    this.#rung = rung;
    // On the keypad they are tried in turn: the call stands there until one has heard something.
    if (this.#told !== KEYPAD) this.#tell(this.#name);
  }

  #tell(to: Rung): void {
    const from = this.#told;
    this.#told = to;
    if (from !== to) this.#options.onEvent({ what: 'ladder-moved', service: 'stt', from, to });
  }
}
