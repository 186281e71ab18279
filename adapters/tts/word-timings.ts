import type { CharTimings } from './elevenlabs-messages.ts';
import type { TimedWord } from './port.ts';

const BYTES_PER_MS = 8;
/** A word longer than this is not a word; it is passed on in pieces. */
const MAX_WORD_LENGTH = 200;
/** Most characters, told without the tables of Unicode. */
const PLAIN_LETTER = /^[A-Za-z0-9]$/;

/**
 * Makes words of an utterance's character timings. They come chunk by chunk, relative to the
 * chunk's own audio, and a word may be split between two chunks: its first part waits here.
 */
export class WordTimings {
  #audioBytes = 0;
  #text = '';
  #startMs = 0;
  #endMs = 0;
  /** Letters and digits timed so far; see `spokenLength`. */
  timedLength = 0;
  /** Everything timed so far but white space: the last word is complete when all of it is. */
  timedMarks = 0;

  get audioBytes(): number {
    return this.#audioBytes;
  }

  /** Takes one chunk of `bytes` of audio and returns the words that are complete with it. */
  add(bytes: number, timings: CharTimings | undefined): TimedWord[] {
    const offsetMs = this.#audioBytes / BYTES_PER_MS;
    this.#audioBytes += bytes;
    const words: TimedWord[] = [];
    if (timings === undefined) return words;
    const { chars, startsMs, durationsMs } = timings;
    for (let index = 0; index < chars.length; index += 1) {
      const char = chars[index] ?? '';
      const startMs = offsetMs + (startsMs[index] ?? 0);
      const endMs = startMs + (durationsMs[index] ?? 0);
      const isSpace = char === ' ' || char.trim() === '';
      if (isSpace || this.#text.length >= MAX_WORD_LENGTH) words.push(...this.rest());
      if (isSpace) continue;
      const isPlain = PLAIN_LETTER.test(char);
      this.timedLength += isPlain ? 1 : spokenLength(char);
      this.timedMarks += isPlain ? 1 : markLength(char);
      if (this.#text === '') this.#startMs = startMs;
      this.#text += char;
      this.#endMs = endMs;
    }
    return words;
  }

  /** The word that waits for its end, which is known to have come. */
  rest(): TimedWord[] {
    if (this.#text === '') return [];
    const word = { text: this.#text, startMs: this.#startMs, endMs: this.#endMs };
    this.#text = '';
    return [word];
  }
}

/**
 * How many letters and digits a text has: what must have been timed when all of it was spoken. A
 * vendor may drop or trim anything else.
 */
export function spokenLength(text: string): number {
  return text.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
}

/** How many characters of a text are not white space. */
export function markLength(text: string): number {
  return text.replaceAll(/\s/gu, '').length;
}
