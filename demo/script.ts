/** What a scenario is made of: who calls whom, what the caller does, what must come of it. */
import type { ScriptedReply } from '../emulators/anthropic/brain.ts';
import type { UtterancePiece } from '../emulators/speech/utterance.ts';
import type { Voice } from '../emulators/speech/types.ts';

/** One thing the caller does. Times are the caller's own patience, not the server's. */
export type CallerStep =
  /** Waits until the companion has said something new and been quiet for a moment, then speaks. */
  | {
      readonly kind: 'turn';
      readonly pieces: readonly UtterancePiece[];
      /** Silence after the companion's last sound before speaking, milliseconds. Default 700. */
      readonly afterQuietMs?: number;
    }
  /** Speaks once so many words of the present reply were heard, and wants no answer. */
  | {
      readonly kind: 'backchannel';
      readonly pieces: readonly UtterancePiece[];
      readonly afterWords: number;
    }
  /** Speaks over the companion and means it. */
  | {
      readonly kind: 'interruption';
      readonly pieces: readonly UtterancePiece[];
      readonly afterWords: number;
      /** Index of the word by which anybody would know that this is meant: "wait", "no, listen". */
      readonly triggerWord: number;
    }
  /** Waits until the companion has said something new and been quiet, then puts the phone down. */
  | { readonly kind: 'hang-up'; readonly afterQuietMs?: number };

export type SpeechStep = Exclude<CallerStep, { kind: 'hang-up' }>;

/** What must hold at the end of a scenario, besides the figures that hold for every call. */
export type Expectations = {
  readonly endedBy: 'server' | 'caller';
  /** Why the server says that it ended the call. */
  readonly endReason?: string;
  /** Category of the alert that must have been raised. */
  readonly alert?: string;
  /** Must have been heard, in the words played after the caller's last. */
  readonly lastWords?: RegExp;
  /** Must not be heard by whoever answered: personal details on a machine. */
  readonly unheard?: RegExp;
  /** Caller turns that get an answer; at least so many. */
  readonly answers: number;
  readonly plainTurns?: number;
  readonly eagerTurns?: number;
  /**
   * A machine answers. What it says may be answered and is not kept; once it is recognised, whatever
   * is being said is cleared.
   */
  readonly machine?: boolean;
};

export type Scenario = {
  readonly name: string;
  readonly title: string;
  /** One sentence for people. */
  readonly about: string;
  readonly direction: 'inbound' | 'outbound';
  readonly person: {
    readonly name: string;
    readonly phone: string;
    readonly language: 'en' | 'es';
  };
  readonly voice: Voice;
  /** 'machine': an answering machine picks up and plays this greeting. */
  readonly answers:
    | { readonly who: 'person' }
    | { readonly who: 'machine'; readonly greeting: readonly UtterancePiece[] };
  readonly steps: readonly CallerStep[];
  /** What the emulated model says; matched against the caller's last words, in order. */
  readonly replies: readonly ScriptedReply[];
  readonly expect: Expectations;
  /** The whole call must be over by then. */
  readonly timeoutMs: number;
};

/** Words, then an end that a listener can see coming: the STT offers an eager end. */
export function said(text: string): UtterancePiece {
  return { say: text, finality: 'complete' };
}

/** Words, then an end that comes without a sign: no eager end, a plain turn. */
export function saidPlainly(text: string): UtterancePiece {
  return { say: text, finality: 'abrupt' };
}

/** Words after which a pause is only a pause. */
export function holding(text: string): UtterancePiece {
  return { say: text, finality: 'holding' };
}

export function pause(pauseMs: number): UtterancePiece {
  return { pauseMs };
}
