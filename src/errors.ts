/**
 * Expected failures, by whose fault they are. Messages never carry personal data: they are made
 * from the fields below, not from what a vendor or a caller said.
 */

export type Vendor =
  | 'deepgram-flux'
  | 'deepgram-nova'
  | 'claude'
  | 'gemini'
  | 'elevenlabs-socket'
  | 'elevenlabs-http'
  | 'deepgram-aura'
  | 'clips'
  | 'twilio'
  | 'redis';

export type VendorFailure =
  /** Nobody there: DNS, TCP, TLS. */
  | 'unreachable'
  /** 401 or 403: our key. */
  | 'auth'
  /** Any other 4xx: our request. */
  | 'bad-request'
  /** What our request was about is over: a call that has ended. */
  | 'gone'
  /** 429 or the vendor's own quota message. */
  | 'rate-limited'
  /** 5xx, 529, an in-stream error. */
  | 'overloaded'
  /** No first byte in time. */
  | 'no-first-byte'
  /** The stream stopped moving. */
  | 'stalled'
  /** The connection ended in mid-stream. */
  | 'cut'
  /** Bytes or messages outside the protocol. */
  | 'garbage'
  /** A formally complete answer with nothing in it. */
  | 'empty'
  /** The breaker did not let the request out. */
  | 'breaker-open'
  /** Our own side cancelled. */
  | 'cancelled';

/** A vendor did not do its part. `retryAfterMs` and `status` are set where the vendor gave them. */
export class VendorError extends Error {
  override readonly name = 'VendorError';
  readonly vendor: Vendor;
  readonly failure: VendorFailure;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    vendor: Vendor,
    failure: VendorFailure,
    details: {
      status?: number | undefined;
      retryAfterMs?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    const status = details.status === undefined ? '' : ` (${details.status})`;
    super(`${vendor}: ${failure}${status}`, { cause: details.cause });
    this.vendor = vendor;
    this.failure = failure;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Configuration that cannot be started with; `problems` lists every one of them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `configuration has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** The server cannot start here; the text says why, for whoever started it. */
export class StartError extends Error {
  override readonly name = 'StartError';

  constructor(reason: string, cause?: unknown) {
    super(reason, { cause });
  }
}
