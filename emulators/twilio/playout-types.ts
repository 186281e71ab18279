/**
 * The earpiece as auditors see it. Stamps (`…AtMs`) are monotonic; `lineMs` counts from the answer.
 */

/** One word that came out of the caller's earpiece. */
export type PlayedWord = {
  readonly text: string;
  /** When its first and last byte were played. */
  readonly startedAtMs: number;
  readonly playedAtMs: number;
  readonly lineStartMs: number;
  readonly lineEndMs: number;
  /** True when bytes of it were lost, doubled or out of order. */
  readonly damaged: boolean;
  readonly utterance: number;
  readonly index: number;
};

/** What a `clear`, or the end of the stream, threw out of the buffer. */
export type ClearRecord = {
  readonly reason: 'clear' | 'stream-ended';
  readonly atMs: number;
  readonly lineMs: number;
  readonly flushedBytes: number;
  readonly flushedMarks: readonly string[];
  /** Words wholly heard in the call up to the clear: index into `heardWords()`. */
  readonly heardWords: number;
  /** The word in whose middle the sound stopped, if it stopped inside one. */
  readonly cutWord?: { readonly text: string; readonly playedFraction: number };
  /** Words that were buffered and never heard, in order: those of the next four seconds. */
  readonly flushedWords: readonly string[];
};

/** A contiguous run of sound from the buffer; gaps under `underrunMaxMs` do not end it. */
export type Stretch = {
  readonly startedAtMs: number;
  /** Undefined while it still plays. */
  readonly endedAtMs: number | undefined;
  readonly lineStartMs: number;
  readonly lineEndMs: number;
  readonly bytes: number;
  /** First frame of it that can be heard (louder than line noise), if any. */
  readonly audibleAtMs: number | undefined;
  readonly underruns: readonly Underrun[];
  readonly source: 'stream' | 'say' | 'play';
};

/** The buffer ran dry inside a stretch. */
export type Underrun = {
  readonly atMs: number;
  readonly lineMs: number;
  readonly durationMs: number;
};

export type Span = { readonly lineStartMs: number; readonly lineEndMs: number };

export type MarkRecord = {
  readonly name: string;
  readonly receivedAtMs: number;
  /** Bytes of media received on the stream before it. */
  readonly position: number;
  readonly returnedAtMs: number | undefined;
  /** `idle`: nothing was buffered. `lost`: the stream ended first, so it was never returned. */
  readonly outcome: 'played' | 'flushed' | 'idle' | 'lost' | undefined;
};

/** The play-out buffer as an auditor sees it. Read-only; exact; grows for the whole call. */
export type Playout = {
  /** Complete words played so far, in order of play. */
  heardWords(): readonly PlayedWord[];
  /** `heardWords()` joined by spaces, from the given word on. */
  heardText(fromWord?: number): string;
  stretches(): readonly Stretch[];
  clears(): readonly ClearRecord[];
  marks(): readonly MarkRecord[];
  /** Spans of at least `minMs` without audible sound since the call was answered. */
  silences(minMs: number): readonly Span[];
  underruns(): readonly Underrun[];
  /** Bytes from the current and former streams. */
  receivedBytes(): number;
  playedBytes(): number;
  flushedBytes(): number;
  /** Bytes thrown away because more than ten minutes were buffered. */
  discardedBytes(): number;
  bufferedMs(): number;
  /** Something is being played now. */
  isAudible(): boolean;
};
