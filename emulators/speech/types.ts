/**
 * Speech as the emulators know it: real synthesised sound with its words carried in-band.
 *
 * The carrier of every utterance is G.711 μ-law at 8 kHz. The lowest bit of each byte carries a
 * data stream that names the word being spoken (see inband.ts), so whoever receives the bytes can
 * say which words arrived whole, which were damaged, doubled or reordered, without speech
 * recognition and without being told by anybody.
 */

export const SAMPLE_RATE = 8_000;
/** Bytes of μ-law in one millisecond. */
export const BYTES_PER_MS = 8;
/** One Twilio media frame: 20 ms. */
export const FRAME_BYTES = 160;
export const FRAME_MS = 20;
/** μ-law silence. */
export const SILENCE_BYTE = 0xff;

export type SpokenWord = {
  /** The word as written, punctuation included. */
  readonly text: string;
  /** Span within the utterance's own audio, milliseconds from its first byte. */
  readonly startMs: number;
  readonly endMs: number;
};

/**
 * What a listener may conclude when the speaker pauses after a word.
 * - `holding`: the sentence is plainly unfinished.
 * - `complete`: the thought is finished; confidence rises steadily with silence.
 * - `abrupt`: finished too, but confidence jumps late, so that no eager end is offered.
 */
export type Finality = 'holding' | 'complete' | 'abrupt';

/** One stretch of synthesised sound with the words already embedded in its low bits. */
export type Speech = {
  readonly mulaw: Uint8Array;
  readonly words: readonly SpokenWord[];
};

export type Voice = {
  /** espeak-ng voice name, e.g. 'en-us', 'en-gb', 'es'. */
  readonly name: string;
  readonly wordsPerMinute: number;
  /** 0–99, espeak's scale; 50 is its default. */
  readonly pitch: number;
};

/** What an in-band decoder reports as bytes go by. Positions are bytes since the decoder began. */
export type HeardWord = {
  readonly text: string;
  readonly startByte: number;
  readonly endByte: number;
  /** What a pause after this word means. */
  readonly finality: Finality;
  /** True when frames of the word were lost, repeated or out of order. */
  readonly damaged: boolean;
  /** Utterance and word index as embedded; a word seen twice has the same pair. */
  readonly utterance: number;
  readonly index: number;
};
