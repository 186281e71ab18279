/**
 * What one call of the matrix left behind in the emulators' logs and in the caller's ear, as plain
 * data. All times are milliseconds on the line: they count from the answer.
 */
import type { CallEnd } from '../../../emulators/twilio/types.ts';

export type HeardWord = {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Bytes of it were lost, doubled or out of order. */
  readonly damaged: boolean;
};

export type Span = { readonly fromMs: number; readonly toMs: number };

/** Something the caller said and wants answered. */
export type SaidTurn = {
  readonly text: string;
  readonly firstFrameMs: number;
  readonly lastWordMs: number;
  /** The scripted answer of every model. */
  readonly reply: string;
  /** How often the same has been said before, because the line asked for it. */
  readonly repetition: number;
};

/** What a model was shown as the caller's words, in one request. */
export type ModelView = { readonly atMs: number; readonly userText: string };

export type CallEvidence = {
  /** When the fault began; negative where it was there before the call. */
  readonly faultMs: number;
  /** When the call came to its cell's moment; undefined where it did not, or that is before it. */
  readonly arrivedMs: number | undefined;
  readonly words: readonly HeardWord[];
  /** Without audible sound, of 100 ms at least. */
  readonly silences: readonly Span[];
  /** When the server emptied the carrier's buffer. */
  readonly clearsMs: readonly number[];
  /** When the caller's own sound was on the line, by the carrier's log. */
  readonly speaking: readonly Span[];
  readonly turns: readonly SaidTurn[];
  /** A reply that was being played when the fault came. */
  readonly underWay: string | undefined;
  readonly modelViews: readonly ModelView[];
  readonly end: CallEnd['how'] | undefined;
  readonly endMs: number;
  /** What kept the caller from playing their part; undefined where nothing did. */
  readonly trouble: string | undefined;
};

/** What a call is held to; milliseconds. */
export type Terms = {
  /** From the end of the caller's turn to any sound. */
  readonly soundMs: number;
  /** From the end of the caller's turn to a reply, an apology, the keypad notice or a goodbye. */
  readonly meaningMs: number;
  /** Longest unbroken silence while the caller waits. */
  readonly silenceMs: number;
  /** False: the caller must hear a call in which nothing is wrong. */
  readonly mayNotice: boolean;
  /**
   * Of what the caller began to say before this, on the line, not all need have reached a model, and
   * any reply to it is one.
   */
  readonly lossyUntilMs: number;
};

/** What the line may say, by what it means to somebody who waits. */
export type Phrase = {
  readonly text: string;
  readonly means:
    'greeting' | 'reply' | 'filler' | 'apology' | 'lost' | 'keypad' | 'goodbye' | 'other';
};
