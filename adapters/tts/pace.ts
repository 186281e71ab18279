const BYTES_PER_MS = 8;

/**
 * Whether audio comes at least as fast as it is played. A stream that trickles is never silent for
 * long, but the caller hears it break up just the same.
 */
export class Pace {
  #startedAtMs: number | undefined;
  #bytes = 0;

  /** Begins anew with the next bytes: nothing was owed in between. */
  restart(): void {
    this.#startedAtMs = undefined;
    this.#bytes = 0;
  }

  /** Takes `bytes` of μ-law; how far the stream now lags behind its own play-out, milliseconds. */
  behindMs(bytes: number): number {
    const nowMs = performance.now();
    this.#startedAtMs ??= nowMs;
    this.#bytes += bytes;
    return nowMs - this.#startedAtMs - this.#bytes / BYTES_PER_MS;
  }
}
