/**
 * Everything that one call left behind in the emulators' logs and in the caller's ear. It is all
 * that the auditor is given: of the server's own word it takes the work figures, the transcript it
 * claims was heard, the alert and the labels of turns, and nothing else.
 *
 * Every `…AtMs` is the machine's monotonic clock in milliseconds.
 */
import type { AnthropicEvent } from '../../emulators/anthropic/types.ts';
import type { DeepgramEvent } from '../../emulators/deepgram/types.ts';
import type { ElevenLabsEvent } from '../../emulators/elevenlabs/types.ts';
import type { LogEntry } from '../../emulators/log.ts';
import type { SpokenWord } from '../../emulators/speech/types.ts';
import type {
  CallEnd,
  ClearRecord,
  PlayedWord,
  SayResult,
  Span,
  TwilioEvent,
} from '../../emulators/twilio/types.ts';
import type { TimedCallEvent } from '../../src/events.ts';
import type { HoldUp } from '../machine-watch.ts';
import type { Expectations } from '../script.ts';

/** One thing that the caller said, as it left the phone. */
export type SpokenLine = {
  readonly kind: 'turn' | 'backchannel' | 'interruption';
  readonly text: string;
  /** In-band id that its words carry. */
  readonly utterance: number;
  readonly words: readonly SpokenWord[];
  /** For interruptions: index of the word that makes it one. */
  readonly triggerWord: number | undefined;
  readonly result: SayResult;
};

/** The logs of the vendors that were emulated; undefined where the real one served. */
export type VendorLogs = {
  readonly stt: readonly LogEntry<DeepgramEvent>[] | undefined;
  readonly model: readonly LogEntry<AnthropicEvent>[] | undefined;
  readonly voice: readonly LogEntry<ElevenLabsEvent>[] | undefined;
};

/** What the server's database holds of the call after its end. */
export type KeptCall = {
  /** Undefined: nothing is there. */
  readonly state: 'active' | 'ended' | undefined;
  readonly turns: readonly {
    readonly speaker: 'caller' | 'companion';
    readonly heard: string;
    readonly interrupted: boolean;
  }[];
  /** Their categories. */
  readonly alerts: readonly string[];
};

export type Evidence = {
  readonly callSid: string;
  readonly answeredAtMs: number;
  readonly lines: readonly SpokenLine[];
  /** When an answering machine had played its greeting and its beep. */
  readonly beepEndedAtMs: number | undefined;
  readonly twilio: readonly LogEntry<TwilioEvent>[];
  readonly vendors: VendorLogs;
  /** The STT's scripted processing time for an end of turn. */
  readonly sttDelayMs: number;
  readonly heard: readonly PlayedWord[];
  readonly clears: readonly ClearRecord[];
  /** Spans of the line without audible sound from the companion. */
  readonly silences: readonly Span[];
  readonly underruns: number;
  readonly end: CallEnd | undefined;
  readonly events: readonly TimedCallEvent[];
  readonly serverExitCode: number | undefined;
  /** Undefined: it was not read. */
  readonly kept: KeptCall | undefined;
  readonly expect: Expectations;
  /** When the emulators themselves were kept from running. */
  readonly holdUps: readonly HoldUp[];
  /** What went wrong in playing the caller's part, if anything did. */
  readonly callerTrouble: string | undefined;
};
