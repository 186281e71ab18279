import { SILENCE_BYTE } from '../speech/types.ts';

/** Bytes in order of arrival, taken in frames. The owner bounds its length. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  #head = 0;
  #offset = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** A new frame of `frameBytes`, padded with silence, and how many bytes of it are real. */
  take(frameBytes: number): { frame: Uint8Array; taken: number } {
    const frame = new Uint8Array(frameBytes);
    let taken = 0;
    while (taken < frameBytes) {
      const chunk = this.#chunks[this.#head];
      if (!chunk) break;
      const part = chunk.subarray(this.#offset, this.#offset + frameBytes - taken);
      frame.set(part, taken);
      taken += part.length;
      this.#offset += part.length;
      if (this.#offset === chunk.length) {
        this.#head += 1;
        this.#offset = 0;
      }
    }
    if (taken < frameBytes) frame.fill(SILENCE_BYTE, taken);
    if (this.#head > 1024) this.#compact();
    this.#bytes -= taken;
    return { frame, taken };
  }

  /** Empties the queue and returns a copy of its first `keepBytes`. */
  clear(keepBytes: number): Uint8Array {
    const { frame, taken } = this.take(Math.min(keepBytes, this.#bytes));
    this.#chunks = [];
    this.#head = 0;
    this.#offset = 0;
    this.#bytes = 0;
    return frame.subarray(0, taken);
  }

  #compact(): void {
    this.#chunks = this.#chunks.slice(this.#head);
    this.#head = 0;
  }
}
