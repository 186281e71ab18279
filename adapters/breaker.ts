import { VendorError } from '../src/errors.ts';
import type { Vendor, VendorFailure } from '../src/errors.ts';

export type BreakerOptions = {
  /** Share of failures, 0–100, at which the breaker opens. */
  readonly errorThresholdPercentage: number;
  /** Outcomes that must be in the window before the share means anything. */
  readonly volumeThreshold: number;
  /** How far back outcomes count. */
  readonly windowMs: number;
  /** How long it stays open before one probe may go out. Doubles with every failed probe. */
  readonly resetTimeoutMs: number;
  readonly maxResetTimeoutMs: number;
  /** The same after a refused key, which no waiting repairs. */
  readonly authResetTimeoutMs: number;
  /** Monotonic milliseconds. */
  readonly nowMs?: (() => number) | undefined;
};

export const BREAKER_DEFAULTS: BreakerOptions = {
  errorThresholdPercentage: 50,
  volumeThreshold: 5,
  windowMs: 30_000,
  resetTimeoutMs: 5_000,
  maxResetTimeoutMs: 60_000,
  authResetTimeoutMs: 60_000,
};

/** For the health page and the logs. */
export type BreakerStatus = {
  readonly vendor: Vendor;
  readonly state: 'closed' | 'open' | 'half-open';
  /** The failure that opened it last; undefined while closed. */
  readonly reason: VendorFailure | undefined;
  /** Until a probe may go out; 0 unless open. */
  readonly retryInMs: number;
  /** In the window. */
  readonly successes: number;
  readonly failures: number;
};

/** Leave to make one request. What came of it is told by one of these, or several in turn. */
export type Permit = {
  /** The first token or byte came in time. */
  succeeded(): void;
  /** An error, a stall or garbage; also after `succeeded`, when the stream broke later. */
  failed(error: VendorError): void;
  /** We gave up first: it says nothing about the vendor. */
  cancelled(): void;
};

type Outcome = { readonly atMs: number; readonly ok: boolean };
type State =
  | { kind: 'closed' }
  | { kind: 'open'; untilMs: number; reason: VendorFailure; openings: number }
  | { kind: 'probing'; reason: VendorFailure; openings: number };

/** More outcomes than this in one window say nothing new. */
const MAX_OUTCOMES = 500;

/**
 * A circuit breaker that understands streams. One per vendor and process, shared by all calls.
 *
 * It is our own because the request of a stream is neither a success nor a failure when its promise
 * settles: it has succeeded at its first byte, may still fail after that, and may be cancelled by an
 * interruption, which counts as neither, not even for the single probe of a half-open breaker. It
 * has no timers: the clock is read when it is asked.
 */
export class Breaker {
  readonly vendor: Vendor;
  readonly #options: BreakerOptions;
  readonly #nowMs: () => number;
  #state: State = { kind: 'closed' };
  #outcomes: Outcome[] = [];

  constructor(vendor: Vendor, options: Partial<BreakerOptions> = {}) {
    this.vendor = vendor;
    this.#options = { ...BREAKER_DEFAULTS, ...options };
    this.#nowMs = this.#options.nowMs ?? ((): number => performance.now());
  }

  /** Asks for leave. Throws VendorError `breaker-open`, with `retryAfterMs`, when there is none. */
  enter(): Permit {
    const state = this.#state;
    if (state.kind === 'closed') return this.#permit(false);
    const waitMs = state.kind === 'open' ? state.untilMs - this.#nowMs() : 0;
    if (state.kind === 'probing' || waitMs > 0) {
      throw new VendorError(this.vendor, 'breaker-open', {
        retryAfterMs: waitMs > 0 ? Math.ceil(waitMs) : undefined,
      });
    }
    this.#state = { kind: 'probing', reason: state.reason, openings: state.openings };
    return this.#permit(true);
  }

  /** For a request that must go out whatever the state: its outcome counts, it is never refused. */
  observe(): Permit {
    return this.#permit(false);
  }

  status(): BreakerStatus {
    const nowMs = this.#nowMs();
    this.#prune(nowMs);
    const failures = this.#outcomes.filter((outcome) => !outcome.ok).length;
    const state = this.#state;
    const retryInMs = state.kind === 'open' ? Math.max(0, Math.ceil(state.untilMs - nowMs)) : 0;
    const isOpen = state.kind === 'open' && retryInMs > 0;
    return {
      vendor: this.vendor,
      state: state.kind === 'closed' ? 'closed' : isOpen ? 'open' : 'half-open',
      reason: state.kind === 'closed' ? undefined : state.reason,
      retryInMs,
      successes: this.#outcomes.length - failures,
      failures,
    };
  }

  #permit(isProbe: boolean): Permit {
    // A probe decides once; what it reports later counts like any other outcome.
    let decides = isProbe;
    let succeeded = false;
    let settled = false;
    return {
      succeeded: () => {
        if (settled || succeeded) return;
        succeeded = true;
        if (decides) this.#close();
        decides = false;
        this.#record(true);
      },
      failed: (error) => {
        if (settled) return;
        settled = true;
        if (isNeutral(error.failure)) this.#release(decides);
        else this.#fail(error, decides);
      },
      cancelled: () => {
        if (settled) return;
        settled = true;
        this.#release(decides);
      },
    };
  }

  /** The probe told us nothing: the next request may be one. */
  #release(wasProbe: boolean): void {
    if (!wasProbe || this.#state.kind !== 'probing') return;
    this.#state = { ...this.#state, kind: 'open', untilMs: this.#nowMs() };
  }

  #close(): void {
    this.#state = { kind: 'closed' };
    this.#outcomes = [];
  }

  #fail(error: VendorError, wasProbe: boolean): void {
    this.#record(false);
    if (wasProbe && this.#state.kind === 'probing') return this.#open(error);
    if (this.#state.kind !== 'closed') return;
    // Waiting for more of the same would only cost more callers the same wait.
    const isCertain = error.failure === 'auth' || error.retryAfterMs !== undefined;
    if (isCertain || this.#isTooMany()) this.#open(error);
  }

  #isTooMany(): boolean {
    const total = this.#outcomes.length;
    const failures = this.#outcomes.filter((outcome) => !outcome.ok).length;
    const { volumeThreshold, errorThresholdPercentage } = this.#options;
    return total >= volumeThreshold && (failures * 100) / total >= errorThresholdPercentage;
  }

  #open(error: VendorError): void {
    const before = this.#state.kind === 'closed' ? 0 : this.#state.openings;
    const { resetTimeoutMs, maxResetTimeoutMs, authResetTimeoutMs } = this.#options;
    const backoffMs = Math.min(resetTimeoutMs * 2 ** Math.min(before, 16), maxResetTimeoutMs);
    const ownMs = error.failure === 'auth' ? Math.max(authResetTimeoutMs, backoffMs) : backoffMs;
    const waitMs = Math.max(ownMs, error.retryAfterMs ?? 0);
    const untilMs = this.#nowMs() + waitMs;
    this.#state = { kind: 'open', untilMs, reason: error.failure, openings: before + 1 };
  }

  #record(ok: boolean): void {
    const nowMs = this.#nowMs();
    this.#outcomes.push({ atMs: nowMs, ok });
    this.#prune(nowMs);
  }

  #prune(nowMs: number): void {
    const sinceMs = nowMs - this.#options.windowMs;
    const firstKept = this.#outcomes.findIndex((outcome) => outcome.atMs > sinceMs);
    const tooOld = firstKept < 0 ? this.#outcomes.length : firstKept;
    this.#outcomes.splice(0, Math.max(tooOld, this.#outcomes.length - MAX_OUTCOMES));
  }
}

/** Failures that are ours and say nothing about the vendor. */
function isNeutral(failure: VendorFailure): boolean {
  return failure === 'bad-request' || failure === 'cancelled' || failure === 'breaker-open';
}
