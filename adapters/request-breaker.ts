import CircuitBreaker from 'opossum';
import { VendorError, type Vendor, type VendorFailure } from '../src/errors.ts';
import { BREAKER_DEFAULTS, type BreakerOptions, type BreakerStatus } from './breaker.ts';

/** Of the breaker for streams, what means the same here. */
export type RequestBreakerOptions = Pick<
  BreakerOptions,
  'errorThresholdPercentage' | 'volumeThreshold' | 'windowMs' | 'resetTimeoutMs'
>;

const BUCKETS = 10;

/**
 * A circuit breaker for requests that are ordinary promises, on opossum. One per vendor and process.
 *
 * Its own timeout is off: it would not stop the request, which has a limit of its own. What was our
 * mistake counts neither way; a refused key opens it at once. While half open it lets one request
 * through. `shutDown` must be called, or its timers stay.
 */
export class RequestBreaker {
  readonly vendor: Vendor;
  readonly #resetTimeoutMs: number;
  readonly #circuit: CircuitBreaker<[() => Promise<unknown>]>;
  #openedAtMs = 0;
  #reason: VendorFailure | undefined;

  constructor(vendor: Vendor, options: Partial<RequestBreakerOptions> = {}) {
    const { windowMs, resetTimeoutMs, volumeThreshold, errorThresholdPercentage } = {
      ...BREAKER_DEFAULTS,
      ...options,
    };
    this.vendor = vendor;
    this.#resetTimeoutMs = resetTimeoutMs;
    this.#circuit = new CircuitBreaker(async (request: () => Promise<unknown>) => await request(), {
      name: vendor,
      timeout: false,
      volumeThreshold,
      errorThresholdPercentage,
      resetTimeout: resetTimeoutMs,
      rollingCountTimeout: windowMs,
      rollingCountBuckets: BUCKETS,
      rollingPercentilesEnabled: false,
      errorFilter: isOurs,
    });
    this.#circuit.on('open', () => {
      this.#openedAtMs = performance.now();
    });
  }

  /**
   * Makes a request. Rejects with what it rejects with, or with VendorError `breaker-open` when it
   * was not made. `always`: it is made whatever the state, and then counts only while closed.
   */
  async fire<T>(request: () => Promise<T>, options: { always?: boolean } = {}): Promise<T> {
    // opossum knows one type of result for all requests of a circuit; the request itself tells here.
    const outcome: { value?: T } = {};
    const asked = async (): Promise<void> => {
      outcome.value = await request();
    };
    try {
      await this.#circuit.fire(asked);
    } catch (error) {
      if (!(error instanceof Error) || !CircuitBreaker.isOurError(error)) {
        this.#note(error);
        throw error;
      }
      if (options.always !== true) throw this.#refusal(error);
      return await request();
    }
    return outcome.value as T;
  }

  status(): BreakerStatus {
    const { opened, halfOpen, stats } = this.#circuit;
    const waitMs = this.#openedAtMs + this.#resetTimeoutMs - performance.now();
    const state = halfOpen ? 'half-open' : opened ? 'open' : 'closed';
    return {
      vendor: this.vendor,
      state,
      reason: state === 'closed' ? undefined : this.#reason,
      retryInMs: state === 'open' ? Math.max(0, Math.ceil(waitMs)) : 0,
      successes: stats.successes,
      failures: stats.failures,
    };
  }

  shutDown(): void {
    this.#circuit.shutdown();
  }

  #note(error: unknown): void {
    if (!(error instanceof VendorError) || isOurs(error)) return;
    this.#reason = error.failure;
    // Waiting for more of the same would only cost more time: this one no waiting repairs.
    if (error.failure === 'auth') this.#circuit.open();
  }

  #refusal(cause: Error): VendorError {
    const { retryInMs } = this.status();
    return new VendorError(this.vendor, 'breaker-open', {
      cause,
      retryAfterMs: retryInMs > 0 ? retryInMs : undefined,
    });
  }
}

/** Failures that say nothing about the vendor. */
function isOurs(error: unknown): boolean {
  return (
    error instanceof VendorError &&
    (error.failure === 'bad-request' || error.failure === 'cancelled')
  );
}
