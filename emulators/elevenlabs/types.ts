import type { Fault } from '../faults.ts';

export type Surface = 'http' | 'single' | 'multi';

/** The timing and habits of the emulated voice. Mutable: a test may change it at any moment. */
export type ElevenLabsScript = {
  /** Text that triggers a generation received → its first audio message. */
  firstByteMs: number;
  /** After the first message, audio leaves this many times faster than it sounds. */
  realTimeFactor: number;
  /** Audio in one message. */
  chunkMs: number;
  /** 'tone' costs no synthesis: a tone that carries the words in-band, for load tests. */
  sound: 'speech' | 'tone';
  /**
   * Generations already triggered when a context is closed: 'finish' lets their audio arrive late,
   * as the vendor does; 'discard' drops what has not left.
   */
  afterClose: 'finish' | 'discard';
  /** After a context's last audio, how long until its `isFinal`, which is what frees its slot. */
  finalDelayMs: number;
};

/** Character timings of one audio message, relative to its beginning. */
export type Alignment = {
  readonly chars: readonly string[];
  readonly charStartTimesMs: readonly number[];
  readonly charDurationsMs: readonly number[];
};

export type VoiceSettings = { readonly speed: number };

/** A generation whose first audio has just left. Times are monotonic milliseconds. */
export type GenerationEvent = {
  what: 'generation';
  surface: Surface;
  connection: number;
  contextId: string | undefined;
  generation: number;
  text: string;
  /** When the message arrived that triggered it. */
  receivedAtMs: number;
  firstAudioAtMs: number;
  /** `firstByteMs` of the script, faults included. */
  requestedFirstByteMs: number;
  /** Spent behind earlier generations of the same context beyond `requestedFirstByteMs`. */
  queuedMs: number;
  /** Spent because synthesis was slower than the script: no part of the vendor's wait. */
  synthLateMs: number;
  /** The wait a client saw: `firstAudioAtMs - receivedAtMs`. */
  waitMs: number;
};

export type ElevenLabsEvent =
  | { what: 'connected'; connection: number; surface: Surface; voiceId: string; query: string }
  | { what: 'disconnected'; connection: number; code: number; by: 'client' | 'server' }
  | { what: 'rejected'; surface: Surface; status: number; detail: string }
  | { what: 'fault'; surface: Surface; fault: Fault }
  | { what: 'context-opened'; connection: number; contextId: string | undefined; open: number }
  | {
      what: 'text';
      connection: number;
      contextId: string | undefined;
      text: string;
      flush: boolean;
    }
  | GenerationEvent
  | {
      what: 'audio';
      connection: number;
      contextId: string | undefined;
      generation: number;
      /** The in-band utterance id of the clause this audio belongs to. */
      utterance: number;
      audioMs: number;
      /** True when the client had already closed the context. */
      late: boolean;
    }
  /** Every message of a generation has left. */
  | {
      what: 'generated';
      connection: number;
      contextId: string | undefined;
      generation: number;
      audioMs: number;
    }
  | {
      what: 'context-closing';
      connection: number;
      contextId: string | undefined;
      unspokenText: string;
    }
  | { what: 'context-final'; connection: number; contextId: string | undefined }
  | { what: 'error-sent'; connection: number; error: string; code: number }
  | { what: 'http-complete'; connection: number; audioMs: number }
  | { what: 'http-aborted'; connection: number; sentBytes: number };
