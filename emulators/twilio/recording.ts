import { FRAME_BYTES, SAMPLE_RATE, SILENCE_BYTE } from '../speech/types.ts';

/** Twenty minutes of one side. */
const MAX_BYTES = 20 * 60 * SAMPLE_RATE;
const FIRST_BYTES = 60 * SAMPLE_RATE;

/** One side of a call on the 20 ms grid. What lies beyond twenty minutes is not kept. */
export class TrackRecorder {
  #bytes = new Uint8Array(FIRST_BYTES).fill(SILENCE_BYTE);

  /** Puts a frame at its place on the grid; `undefined` is silence. */
  put(frameIndex: number, frame: Uint8Array | undefined): void {
    const at = frameIndex * FRAME_BYTES;
    if (!frame || at + FRAME_BYTES > MAX_BYTES) return;
    if (at + FRAME_BYTES > this.#bytes.length) this.#growTo(at + FRAME_BYTES);
    this.#bytes.set(frame, at);
  }

  /** A copy of the first `frames` frames. */
  read(frames: number): Uint8Array {
    const wanted = Math.min(frames * FRAME_BYTES, MAX_BYTES);
    if (wanted > this.#bytes.length) this.#growTo(wanted);
    return this.#bytes.slice(0, wanted);
  }

  #growTo(bytes: number): void {
    let length = this.#bytes.length;
    while (length < bytes) length *= 2;
    const grown = new Uint8Array(Math.min(length, MAX_BYTES)).fill(SILENCE_BYTE);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
