/** The caller's audio since the last turn that was understood, bounded, on the call's own clock. */

const BYTES_PER_MS = 8;
/** More than this cannot be told again; a turn is never this long without a word understood. */
const MAX_MS = 30_000;
/** Without an open turn this much is kept: the beginning of the next one may lie in it. */
const PRE_ROLL_MS = 3_000;
/** Forgotten chunks are let go of in batches. */
const COMPACT_AT = 256;

export class AudioMemory {
  #chunks: Uint8Array[] = [];
  /** Index of the first chunk that is not forgotten. */
  #head = 0;
  #startMs = 0;
  #endMs = 0;

  /** Where the kept audio begins and ends, milliseconds of call audio. */
  get startMs(): number {
    return this.#startMs;
  }

  get endMs(): number {
    return this.#endMs;
  }

  /** `inTurn`: a turn is open, so that everything since the last understood one is kept. */
  add(mulaw: Uint8Array, inTurn: boolean): void {
    this.#chunks.push(mulaw);
    this.#endMs += mulaw.byteLength / BYTES_PER_MS;
    this.#forgetBefore(this.#endMs - (inTurn ? MAX_MS : PRE_ROLL_MS));
  }

  /** Everything up to `untilMs` has been understood and need not be told again. */
  understood(untilMs: number): void {
    this.#forgetBefore(Math.min(untilMs, this.#endMs));
  }

  chunks(): readonly Uint8Array[] {
    return this.#chunks.slice(this.#head);
  }

  #forgetBefore(ms: number): void {
    for (let chunk = this.#chunks[this.#head]; chunk; chunk = this.#chunks[this.#head]) {
      const chunkMs = chunk.byteLength / BYTES_PER_MS;
      if (this.#startMs + chunkMs > ms) break;
      this.#startMs += chunkMs;
      this.#head += 1;
    }
    if (this.#head < COMPACT_AT) return;
    this.#chunks = this.#chunks.slice(this.#head);
    this.#head = 0;
  }
}
