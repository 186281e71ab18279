import type { ElevenLabsScript, GenerationEvent } from '../elevenlabs/types.ts';
import type { Fault, FaultScript } from '../faults.ts';
import type { EmulatorLog } from '../log.ts';
import type { DecodedWord } from '../speech/inband.ts';

/** 'v2' is Flux (`/v2/listen`), 'v1' is nova-3 (`/v1/listen`). */
export type ListenSurface = 'v1' | 'v2';
/** 'speak' is Aura (`POST /v1/speak`). */
export type DeepgramSurface = ListenSurface | 'speak';

/** The timing of Aura's voice; the fields mean what they mean for ElevenLabs. */
export type AuraScript = Pick<
  ElevenLabsScript,
  'firstByteMs' | 'realTimeFactor' | 'chunkMs' | 'sound'
>;

export type FluxEventName =
  'StartOfTurn' | 'Update' | 'EagerEndOfTurn' | 'TurnResumed' | 'EndOfTurn';

/** Everything that can be given a delay: turn events by their name, other messages by their type. */
export type DelayedMessage =
  | FluxEventName
  | 'Connected'
  | 'ConfigureSuccess'
  | 'ConfigureFailure'
  | 'Error'
  | 'Results'
  | 'SpeechStarted'
  | 'UtteranceEnd'
  | 'Metadata';

/** How the emulated vendor behaves; may be changed at any time, also while calls are up. */
export type DeepgramScript = {
  /** Processing time between the audio that decides a message and the message, milliseconds. */
  delayMs: Partial<Record<DelayedMessage, number>>;
  /** Time before an upgrade is answered, milliseconds. */
  connectDelayMs: number;
  /** Speech (or noise) needed before StartOfTurn or SpeechStarted, milliseconds of audio. */
  onsetMs: number;
  /**
   * What follows a turn that a noise opened: 'updates' goes on with empty Updates and never ends
   * the turn; 'silent' sends nothing more until a word comes (the field failure); 'timeout' ends
   * it with an empty transcript after `eot_timeout_ms`.
   */
  noise: 'updates' | 'silent' | 'timeout';
  /** Whether Flux sends its quarter-second Updates (transcript '') between turns too, as it does. */
  idleUpdates: boolean;
  /** Whether turns open without a StartOfTurn, with an Update: seen in the field. */
  omitStartOfTurn: boolean;
  /**
   * Whether an eager transcript is lower case without punctuation and the final one as written:
   * 'announced' puts a TurnResumed between them, as the documentation demands; 'unannounced' does
   * not.
   */
  formatDrift: 'none' | 'announced' | 'unannounced';
  speak: AuraScript;
};

export type DeepgramOptions = {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** The only key accepted; any non-empty one when left out. */
  readonly apiKey?: string;
  readonly script?: Partial<Omit<DeepgramScript, 'speak'>> & {
    readonly speak?: Partial<AuraScript>;
  };
  readonly faults?: FaultScript;
  /** Whether this account may send ForceEndTurn. */
  readonly forceEndTurn?: boolean;
  /**
   * Leaves the bulk out of the log, for load tests: 'audio' entries and Flux's Updates. Default
   * false.
   */
  readonly briefLog?: boolean;
  /** Flux: silence on the wire before INACTIVE_CLIENT; default 20,000 ms. */
  readonly inactivityMs?: number;
  /** nova-3: time without audio or KeepAlive before NET-0001; default 10,000 ms. */
  readonly noAudioMs?: number;
};

/**
 * Why an event was sent, in bytes of the connection's own audio (8 bytes a millisecond).
 *
 * The wait that the script (not the server under test) is to blame for, counted from the arrival
 * of the caller's last byte of speech: `silenceMs`, plus the message's scripted delay. What lies
 * between `crossingByte` and `decidedByByte` is the grouping of audio by whoever sent it.
 */
export type Decision = {
  /** Bytes received when it was decided: the end of the chunk that decided it. */
  readonly decidedByByte: number;
  /** The byte that had to be received for it; the decision is due as soon as it is there. */
  readonly crossingByte: number;
  /** End (exclusive) of the last word of the turn so far; absent without words. */
  readonly lastWordEndByte?: number;
  /** Silence after that word at `crossingByte`, milliseconds. */
  readonly silenceMs?: number;
  /** In-band identity of that word. */
  readonly lastWord?: { readonly utterance: number; readonly index: number };
};

export type DeepgramEvent =
  | {
      readonly what: 'connect';
      readonly surface: DeepgramSurface;
      readonly connection: number;
      readonly query: Readonly<Record<string, readonly string[]>>;
      /** Request headers; the key is struck out. */
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly what: 'rejected';
      readonly path: string;
      readonly status: number;
      readonly reason: string;
    }
  | {
      readonly what: 'fault';
      readonly surface: DeepgramSurface;
      readonly connection: number;
      readonly fault: Fault;
    }
  | {
      readonly what: 'audio';
      readonly connection: number;
      readonly bytes: number;
      /** Bytes received on this connection, these included. */
      readonly position: number;
    }
  | { readonly what: 'word'; readonly connection: number; readonly word: DecodedWord }
  | {
      readonly what: 'control';
      readonly connection: number;
      /** The JSON as received, or the text when it is none. */
      readonly message: unknown;
    }
  | {
      readonly what: 'sent';
      readonly connection: number;
      /** FluxEventName for TurnInfo, else the message's type. */
      readonly name: DelayedMessage;
      readonly message: Readonly<Record<string, unknown>>;
      /** When the audio (or control message) that caused it had arrived; monotonic. */
      readonly decidedAtMs: number;
      readonly decision?: Decision;
    }
  | {
      readonly what: 'close';
      readonly connection: number;
      readonly by: 'emulator' | 'peer';
      /** 1006 when the connection was cut. */
      readonly code: number;
      readonly reason: string;
    }
  /** Aura's first audio has just left. */
  | (Omit<GenerationEvent, 'surface' | 'contextId' | 'generation'> & {
      readonly surface: 'speak';
      readonly model: string;
    })
  | {
      readonly what: 'speech';
      readonly connection: number;
      /** The in-band utterance id of the clause this audio belongs to. */
      readonly utterance: number;
      readonly audioMs: number;
    }
  | { readonly what: 'speech-complete'; readonly connection: number; readonly audioMs: number }
  /** The client left before the end. */
  | { readonly what: 'speech-aborted'; readonly connection: number; readonly sentBytes: number };

export type DeepgramEmulator = {
  /** `http://127.0.0.1:port`: base for REST, and for sockets where the SDK accepts it. */
  readonly url: string;
  /** `ws://127.0.0.1:port`. */
  readonly wsUrl: string;
  readonly port: number;
  readonly log: EmulatorLog<DeepgramEvent>;
  readonly faults: FaultScript;
  readonly script: DeepgramScript;
  /** Sockets that are open now. */
  connections(): number;
  close(): Promise<void>;
};
