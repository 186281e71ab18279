/**
 * The caller's audio since the last turn that was understood, bounded, on the call's own clock.
 *
 * Kept in blocks of a quarter of a second, copied: the frames themselves would keep fifty small
 * objects a second alive for seconds, which is what a garbage collector likes least. For the same
 * reason a block that is forgotten is written again instead of a new one.
 */

const BYTES_PER_MS = 8;
/**
 * How much is kept, as what it may belong to: an open turn, which is never this long without a word
 * understood; speech that no recogniser has judged, until the last of them has been tried; nothing
 * that is known of, though the next turn may have begun in it.
 */
const KEPT_MS = { turn: 30_000, unjudged: 12_000, pause: 3_000 } as const;
const BLOCK_BYTES = 250 * BYTES_PER_MS;
const MAX_SPARES = (KEPT_MS.pause * BYTES_PER_MS) / BLOCK_BYTES;

export class AudioMemory {
  readonly #blocks: Uint8Array[] = [];
  /** Forgotten blocks, as many as fill again until the next are forgotten. */
  readonly #spares: Uint8Array[] = [];
  /** Bytes of the last block that are filled. */
  #filledBytes = BLOCK_BYTES;
  /** Bytes of the first block that are forgotten. */
  #forgottenBytes = 0;
  #startBytes = 0;
  #endBytes = 0;

  /** Where the kept audio begins and ends, milliseconds of call audio. */
  get startMs(): number {
    return this.#startBytes / BYTES_PER_MS;
  }

  get endMs(): number {
    return this.#endBytes / BYTES_PER_MS;
  }

  add(mulaw: Uint8Array, partOf: keyof typeof KEPT_MS): void {
    for (let from = 0; from < mulaw.length;) {
      if (this.#filledBytes === BLOCK_BYTES) {
        this.#blocks.push(this.#spares.pop() ?? new Uint8Array(BLOCK_BYTES));
        this.#filledBytes = 0;
      }
      const take = Math.min(BLOCK_BYTES - this.#filledBytes, mulaw.length - from);
      const piece = take === mulaw.length ? mulaw : mulaw.subarray(from, from + take);
      this.#blocks.at(-1)?.set(piece, this.#filledBytes);
      this.#filledBytes += take;
      from += take;
    }
    this.#endBytes += mulaw.length;
    this.#forgetBefore(this.#endBytes - KEPT_MS[partOf] * BYTES_PER_MS);
  }

  /** Everything up to `untilMs` has been understood and need not be told again. */
  understood(untilMs: number): void {
    this.#forgetBefore(Math.min(Math.floor(untilMs * BYTES_PER_MS), this.#endBytes));
  }

  /** What is kept, in order. Valid until more is added: a listener that keeps it has to copy it. */
  chunks(): readonly Uint8Array[] {
    const last = this.#blocks.length - 1;
    return this.#blocks
      .map((block, i) =>
        block.subarray(
          i === 0 ? this.#forgottenBytes : 0,
          i === last ? this.#filledBytes : BLOCK_BYTES,
        ),
      )
      .filter((chunk) => chunk.length > 0);
  }

  #forgetBefore(bytes: number): void {
    if (bytes <= this.#startBytes) return;
    this.#forgottenBytes += bytes - this.#startBytes;
    this.#startBytes = bytes;
    while (this.#forgottenBytes >= BLOCK_BYTES) {
      this.#forgottenBytes -= BLOCK_BYTES;
      const block = this.#blocks.shift();
      if (block && this.#spares.length < MAX_SPARES) this.#spares.push(block);
    }
    if (this.#blocks.length === 0) this.#filledBytes = BLOCK_BYTES;
  }
}
