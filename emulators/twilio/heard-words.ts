import { InbandDecoder, type DecodedWord } from '../speech/inband.ts';
import { BYTES_PER_MS, FRAME_BYTES } from '../speech/types.ts';
import type { LineZero } from './line-zero.ts';
import type { PlayedWord } from './types.ts';

/** How much played sound is kept so that the word cut by a clear can be decoded whole: 3 s. */
const TAIL_FRAMES = 150;
/** How much of the flushed sound is decoded at a clear: 4 s, about a millisecond of work. */
export const FLUSHED_WINDOW_BYTES = 4_000 * BYTES_PER_MS;

export type FlushedWords = {
  readonly cutWord?: { readonly text: string; readonly playedFraction: number };
  readonly flushedWords: readonly string[];
};

/** The words that came out of the earpiece, decoded from the very bytes that were played. */
export class HeardWords {
  readonly words: PlayedWord[] = [];
  readonly #decoder = new InbandDecoder();
  readonly #zero: LineZero;
  readonly #onWord: (word: PlayedWord) => void;
  readonly #tail: Uint8Array[] = [];

  constructor(zero: LineZero, onWord: (word: PlayedWord) => void) {
    this.#zero = zero;
    this.#onWord = onWord;
  }

  /** Takes every frame of the line, silence included, so that decoder bytes are line positions. */
  play(frame: Uint8Array): void {
    this.#tail.push(frame);
    if (this.#tail.length > TAIL_FRAMES) this.#tail.shift();
    for (const word of this.#decoder.push(frame)) this.#take(word);
  }

  /**
   * Decodes the seam of a clear anew, as if playback had gone on: the word across the seam is the
   * one that was cut, and those after it were flushed.
   */
  flushed(sound: Uint8Array): FlushedWords {
    const seam = this.#tail.length * FRAME_BYTES;
    const decoder = new InbandDecoder();
    const decoded = [...this.#tail, sound].flatMap((bytes) => decoder.push(bytes));
    decoded.push(...decoder.flush());
    const words = decoded.filter((word) => word.kind === 'word' && word.endByte > seam);
    const cut = words.find((word) => word.startByte < seam);
    return {
      ...(cut
        ? {
            cutWord: {
              text: cut.text,
              playedFraction: (seam - cut.startByte) / (cut.endByte - cut.startByte),
            },
          }
        : {}),
      flushedWords: words.filter((word) => word.startByte >= seam).map((word) => word.text),
    };
  }

  #take(word: DecodedWord): void {
    // A cut word is told by the clear that cut it; a noise has no words.
    if (word.kind === 'noise' || word.cut) return;
    const lineStartMs = word.startByte / BYTES_PER_MS;
    const lineEndMs = word.endByte / BYTES_PER_MS;
    const played: PlayedWord = {
      text: word.text,
      startedAtMs: this.#zero.atMs + lineStartMs,
      playedAtMs: this.#zero.atMs + lineEndMs,
      lineStartMs,
      lineEndMs,
      damaged: word.damaged,
      utterance: word.utterance,
      index: word.index,
    };
    this.words.push(played);
    this.#onWord(played);
  }
}
