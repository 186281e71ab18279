/**
 * The vocabulary of the conversation core: what can happen (Input) and what can be ordered (Effect).
 *
 * Two rules hold for everything in this folder:
 * 1. Nothing here knows the time, a timer, randomness, the network or a log. Time is the argument
 *    `now`: milliseconds on a monotonic clock whose origin does not matter.
 * 2. One input in, all its effects performed by the shell, then the next input.
 *
 * Everything the companion says is an *utterance* with a number of its own, its generation. A reply
 * of the model is an utterance; so is each fixed line. Whatever arrives for an utterance the core no
 * longer knows is ignored. Every caller turn has a turn id that stays the same when more words are
 * merged into it.
 */

export type UtteranceId = number;
export type TurnId = string;

/** Fixed lines; their wording is given in Settings.lines, per language. */
export type LineId =
  | 'greeting'
  | 'filler'
  | 'checking'
  | 'trouble'
  | 'lost-thread'
  | 'did-not-catch'
  | 'still-there'
  | 'cannot-hear'
  | 'still-with-you'
  | 'goodbye'
  | 'idle-goodbye'
  | 'cut-in'
  | 'time-goodbye'
  | 'drain-goodbye'
  | 'lost-you'
  | 'keypad'
  | 'help-coming'
  | 'voicemail';

export type TimedWord = { readonly text: string; readonly startMs: number; readonly endMs: number };

/** What the quick observer saw in a caller's words. */
export type Signal = {
  readonly category: string;
  readonly severity: 'low' | 'medium' | 'high';
  /** The caller's own words that show it. */
  readonly evidence: string;
};

export type Observation = {
  readonly signals: readonly Signal[];
  readonly guidance: readonly string[];
};

/** A fact. `sttTurn` numbers grow over the whole call, whatever session they come from. */
export type Input =
  /** A media stream is connected: the first of the call, or a later one after a loss. */
  | { kind: 'stream-attached'; resumed: boolean }
  /** The media stream is gone; the call may still be alive. */
  | { kind: 'stream-closed' }
  /** The carrier said that the call is over. */
  /** `by`: the process, which cuts the call off where it stands; else whoever is on it. */
  | { kind: 'hung-up'; by?: 'us' }
  /** Another process has the call now: nothing more may be said here. */
  | { kind: 'overtaken' }
  | { kind: 'caller-started'; sttTurn: number; text: string }
  | { kind: 'caller-partial'; sttTurn: number; text: string; lastWordAt?: number }
  | { kind: 'caller-eager-end'; sttTurn: number; text: string; observed?: Observation }
  | { kind: 'caller-resumed'; sttTurn: number; text: string }
  | {
      kind: 'caller-final';
      sttTurn: number;
      text: string;
      lastWordAt?: number;
      observed?: Observation;
    }
  | { kind: 'listening'; state: 'voice' | 'keypad' }
  /**
   * The caller has stopped speaking, and what they said was not made out: `late`, not yet at least;
   * `wordless`, there were no words in it.
   */
  | { kind: 'caller-unheard'; why: 'late' | 'wordless' }
  | { kind: 'digit'; digit: string }
  | { kind: 'reply-clause'; utterance: UtteranceId; text: string }
  | { kind: 'reply-tool'; utterance: UtteranceId; callId: string; name: string; input: unknown }
  | { kind: 'reply-done'; utterance: UtteranceId }
  | { kind: 'reply-failed'; utterance: UtteranceId }
  | { kind: 'tool-settled'; callId: string; result: string; isError: boolean }
  /** Audio of an utterance has been synthesised: `totalMs` of it exist now. */
  | {
      kind: 'audio-ready';
      utterance: UtteranceId;
      totalMs: number;
      words: readonly TimedWord[] | undefined;
    }
  /** No more audio will come for an utterance. */
  | { kind: 'audio-ended'; utterance: UtteranceId; totalMs: number }
  /** Every voice has failed for an utterance; what was sent stays. */
  | { kind: 'audio-failed'; utterance: UtteranceId }
  /**
   * No voice of ours can speak an utterance to its end: of its text, `rest` is left for the carrier's
   * behind `totalMs` of audio, which may be less than was told before: a word cut in two is dropped.
   */
  | { kind: 'voices-failed'; utterance: UtteranceId; rest: string; totalMs: number }
  /** The carrier has begun to speak the rest of an utterance; the stream goes, and will come back. */
  | { kind: 'line-lent'; utterance: UtteranceId }
  /** Audio up to `toMs` of the utterance has been handed to the carrier, followed by a mark. */
  | { kind: 'audio-sent'; utterance: UtteranceId; toMs: number }
  /** The mark behind `atMs` of an utterance came back. */
  | { kind: 'mark'; utterance: UtteranceId; atMs: number }
  | { kind: 'answered-by'; who: 'human' | 'machine' | 'fax' | 'unknown' }
  /** The process is to stop: move the call elsewhere, or wind it up with a goodbye. */
  | { kind: 'drain'; how: 'move' | 'wind-up'; deadline: number }
  /** Something a reply may have been based on has changed (memories, guidance, profile). */
  | { kind: 'context-changed' }
  | { kind: 'tick' };

/** One entry of the conversation as a model is shown it. */
export type HistoryEntry =
  | { role: 'caller'; turnId: TurnId; text: string }
  /** Only what was heard; `utterance` is still being played while `open`. */
  | {
      role: 'companion';
      utterance: UtteranceId;
      text: string;
      interrupted: boolean;
      open: boolean;
    }
  | {
      role: 'tool';
      callId: string;
      name: string;
      input: unknown;
      result: string | undefined;
      isError: boolean;
    };

/** What the reply should bear in mind, for this once. */
export type Cue =
  | 'say-goodbye'
  | 'weak-goodbye'
  | 'wind-down'
  | 'was-interrupted'
  | 'caller-had-to-be-cut-in-on'
  | 'after-tool';

export type EndReason =
  | 'goodbye'
  | 'idle'
  | 'time-limit'
  | 'voicemail'
  | 'fax'
  | 'drain'
  /** The call goes on in another process. */
  | 'moved'
  | 'caller-hung-up'
  | 'stream-lost';

/** Things worth counting that change nothing. Never carries what was said. */
export type Note =
  | { what: 'turn-opened'; turnId: TurnId }
  | { what: 'turn-committed'; turnId: TurnId; revision: number; forced: boolean }
  | { what: 'draft-started'; turnId: TurnId; utterance: UtteranceId }
  | { what: 'draft-promoted'; turnId: TurnId; utterance: UtteranceId }
  | { what: 'draft-wasted'; turnId: TurnId; utterance: UtteranceId }
  | { what: 'barge-in'; utterance: UtteranceId; heardMs: number; sentMs: number }
  | { what: 'false-interruption'; heldMs: number }
  | { what: 'backchannel' }
  | { what: 'first-audio'; utterance: UtteranceId; turnId: TurnId | undefined }
  | { what: 'utterance-played'; utterance: UtteranceId }
  | { what: 'filler'; turnId: TurnId }
  | { what: 'ending'; reason: EndReason }
  | { what: 'ending-cancelled' };

/** An order to the shell. Orders name utterances; none carries audio. */
export type Effect =
  /** Ask the model. Its text comes back as `reply-clause`, then `reply-done` or `reply-failed`. */
  | {
      kind: 'ask-model';
      utterance: UtteranceId;
      turnId: TurnId;
      draft: boolean;
      history: readonly HistoryEntry[];
      cues: readonly Cue[];
      guidance: readonly string[];
    }
  | { kind: 'cancel-model'; utterance: UtteranceId }
  /** Synthesise text for an utterance; nothing is sent before `release`. */
  | { kind: 'say'; utterance: UtteranceId; text: string }
  /** No more text will come for an utterance. */
  | { kind: 'finish-speech'; utterance: UtteranceId }
  /** Synthesise, or take from the cache, a fixed line in whole. */
  | { kind: 'say-line'; utterance: UtteranceId; line: LineId; text: string }
  /** The utterance may be sent now, behind those released before it, or before them all. */
  | { kind: 'release'; utterance: UtteranceId; first: boolean }
  /** Forget an utterance and its unsent audio. */
  | { kind: 'cancel-speech'; utterance: UtteranceId }
  /** Send no audio until `unpause`; what the carrier holds plays on. */
  | { kind: 'pause' }
  | { kind: 'unpause' }
  /** Empty the carrier's buffer. */
  | { kind: 'clear' }
  | {
      kind: 'record-caller';
      turnId: TurnId;
      revision: number;
      text: string;
      /** A backchannel is kept in the transcript and not shown to the model. */
      as: 'turn' | 'backchannel';
    }
  | {
      kind: 'record-companion';
      utterance: UtteranceId;
      turnId: TurnId | undefined;
      heard: string;
      /** All that was to be said, as far as it was known by then. */
      whole: string;
      interrupted: boolean;
    }
  | { kind: 'raise-alert'; turnId: TurnId | undefined; signal: Signal }
  | { kind: 'run-tool'; callId: string; name: string; input: unknown; timeoutMs: number }
  | { kind: 'cancel-tool'; callId: string }
  /** The ears are stuck: open a new session and replay what was not understood. */
  | { kind: 'restart-listening' }
  /**
   * Have the carrier speak `text` and then connect a new stream. Answered by `line-lent` or, when it
   * would not, by `audio-failed`.
   */
  | { kind: 'lend-line'; utterance: UtteranceId; text: string }
  /** Ask the carrier to end the call. */
  | { kind: 'hang-up'; reason: EndReason }
  /** Close the media socket so that the carrier goes on with the next verb elsewhere. */
  | { kind: 'move-call' }
  /** Everything is over. The last effect of every call, exactly once. */
  | { kind: 'finish'; reason: EndReason }
  | { kind: 'note'; note: Note };

/** Limits and manners, per person. All times in milliseconds. */
export type Settings = {
  readonly lines: Readonly<Record<LineId, readonly string[]>>;
  readonly language: 'en' | 'es';
  /** The quick observer, for turns that end without a final of their own. Pure. */
  readonly observe: (text: string) => Observation;
  /** Silence after the last word before a final is believed; 0 leaves it to the STT's own model. */
  readonly endSilenceMs: number;
  /** A caller turn with words that has not moved for this long is taken as ended. */
  readonly stuckTurnMs: number;
  /** A caller turn without words is closed after this. */
  readonly wordlessTurnMs: number;
  /** Speech over ours that brings no words for this long was nothing. */
  readonly falseInterruptionMs: number;
  /** A caller who talks longer than this at a stretch is politely cut in on. */
  readonly longestTurnMs: number;
  readonly draftsPerTurn: number;
  readonly fillerAfterMs: number;
  /** Silence after the filler, or within a reply, before the companion gives up on the model. */
  readonly giveUpAfterMs: number;
  readonly toolTimeoutMs: number;
  /**
   * Silences after which the caller is asked whether they are there. The last one ends the call, or,
   * after a cry for help, comes again and again.
   */
  readonly idleMs: readonly [number, number, number];
  readonly goodbyeGraceMs: number;
  /** A goodbye this early in a call is not believed. */
  readonly goodbyeNotBeforeMs: number;
  readonly windDownAfterMs: number;
  readonly endAfterMs: number;
  /** How long a lost stream is waited for. */
  readonly resumeGraceMs: number;
  /** How long after its expected end a mark is waited for. */
  readonly markSlackMs: number;
};
