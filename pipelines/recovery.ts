/**
 * Brings a call back whose media socket broke. The carrier usually goes on with its next verb, which
 * asks for a new stream; where it does not, it is told to.
 */
export type RecoveryOptions = {
  /** Has the carrier ask for a new stream. */
  readonly redirect: () => Promise<void>;
  readonly onFailed: () => void;
};

/** The carrier's own way back takes less than this; the caller hears nothing meanwhile. */
const REDIRECT_AFTER_MS = 1_000;
/** From an answered request for a stream to the stream itself, generously. */
const STREAM_WITHIN_MS = 4_000;
/** The core gives the call up after its own grace period. */
const MAX_REDIRECTS = 3;

export class Recovery {
  readonly #options: RecoveryOptions;
  #timer: NodeJS.Timeout | undefined;
  #redirects = 0;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** The stream broke, through no wish of anybody. */
  begin(): void {
    this.#redirects = 0;
    this.#wait(REDIRECT_AFTER_MS);
  }

  /** The carrier has asked for a stream, which must come now. */
  asked(): void {
    if (this.#timer !== undefined) this.#wait(STREAM_WITHIN_MS);
  }

  /** The call has a stream again, or needs none any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#redirects >= MAX_REDIRECTS) return;
    this.#timer = setTimeout(() => {
      this.#redirects += 1;
      this.#wait(STREAM_WITHIN_MS);
      this.#options.redirect().catch(() => this.#options.onFailed());
    }, ms);
  }
}
