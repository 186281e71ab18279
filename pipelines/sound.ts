/**
 * The sound of an utterance, until nobody can ask for it again. It is kept as bytes in memory that is
 * used for one utterance of a call after the other: as the text in which it comes and goes it would
 * live for seconds, and so be most of what V8 has to collect from its old generation.
 */

/** Four seconds; grows by doubling. */
const FIRST_BYTES = 32 * 1_024;
/** Sixteen seconds: more than replies have, as a rule. What was larger is not kept for the next. */
const MAX_KEPT_BYTES = 128 * 1_024;
const NONE = Buffer.alloc(0);

export class Sound {
  #memory: Buffer;
  #bytes = 0;

  /** `memory`: of a sound that was let go. */
  constructor(memory: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)) {
    this.#memory = memory;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends base64 that holds so many bytes; the number of those that it did hold. */
  add(base64: string, bytes: number): number {
    this.#makeRoom(this.#bytes + bytes);
    const added = this.#memory.write(base64, this.#bytes, bytes, 'base64');
    this.#bytes += added;
    return added;
  }

  /** A part of it, as base64. */
  read(from: number, bytes: number): string {
    return this.#memory.toString('base64', from, Math.min(from + bytes, this.#bytes));
  }

  /** Forgets what lies behind so many bytes. */
  cut(bytes: number): void {
    this.#bytes = Math.min(this.#bytes, bytes);
  }

  /** Forgets everything; the memory is the next one's, if it is worth keeping. */
  letGo(): Buffer | undefined {
    const memory = this.#memory;
    this.#memory = NONE;
    this.#bytes = 0;
    return memory.length > 0 && memory.length <= MAX_KEPT_BYTES ? memory : undefined;
  }

  #makeRoom(bytes: number): void {
    if (bytes <= this.#memory.length) return;
    let size = Math.max(this.#memory.length, FIRST_BYTES);
    while (size < bytes) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    this.#memory.copy(grown, 0, 0, this.#bytes);
    this.#memory = grown;
  }
}
