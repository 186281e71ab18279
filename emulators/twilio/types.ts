/**
 * What the Twilio emulator offers to scripts, tests and auditors: the shapes only.
 *
 * Every `…AtMs` is a stamp of the machine's monotonic clock (see ../clock.ts), never a wall clock.
 * `lineMs` and line positions count from the moment the call was answered, on the call's own 20 ms
 * grid, which is also the grid of the recording: line byte = lineMs * 8.
 */
import type { EmulatorLog } from '../log.ts';
import type { Fault, FaultScript } from '../faults.ts';
import type { Speech } from '../speech/types.ts';
import type { TwilioEvent } from './events.ts';
import type { PlayedWord, Playout } from './playout-types.ts';

export type { TwilioEvent } from './events.ts';
export type {
  ClearRecord,
  MarkRecord,
  PlayedWord,
  Playout,
  Span,
  Stretch,
  Underrun,
} from './playout-types.ts';

export type CallStatus =
  'queued' | 'ringing' | 'in-progress' | 'completed' | 'busy' | 'failed' | 'no-answer' | 'canceled';

/** `CallStatus` in webhooks: there, `initiated` has a value that REST does not know. */
export type CallbackStatus = CallStatus | 'initiated';

export type CallDirection = 'inbound' | 'outbound-api';

/** Values of `AnsweredBy`. */
export type AnsweredBy =
  | 'human'
  | 'machine_start'
  | 'machine_end_beep'
  | 'machine_end_silence'
  | 'machine_end_other'
  | 'fax'
  | 'unknown';

/** How a call came to its end, as the emulator saw it. */
export type CallEnd = {
  readonly how:
    | 'caller-hung-up'
    | 'server-completed'
    | 'server-canceled'
    | 'hangup-verb'
    | 'twiml-ended'
    | 'rejected'
    | 'busy'
    | 'no-answer'
    | 'failed'
    | 'stream-lost'
    | 'time-limit'
    | 'emulator-closed';
  readonly status: CallStatus;
  readonly atMs: number;
  /** Twilio's debugger code where an error ended the call, e.g. 11200. */
  readonly errorCode?: number;
};

/**
 * What Twilio does when the media socket dies without a close frame. Not documented by Twilio, so
 * all three outcomes are here. A REST update during the wait is obeyed.
 */
export type AbruptLoss =
  | { readonly outcome: 'falls-through'; readonly delayMs: number }
  | { readonly outcome: 'hangs-up' }
  | { readonly outcome: 'silent'; readonly forMs: number };

/** What happens to one status callback on its way to the server. */
export type CallbackRoute = {
  /** Extra delay; a large one on an early event reorders it behind later ones. */
  readonly delayMs?: number;
  /** How many times it is delivered: 0 loses it, 2 duplicates it. Default 1. */
  readonly copies?: number;
};

export type StatusCallbackEvent = 'initiated' | 'ringing' | 'answered' | 'completed';

/** Live script of the emulator: mutable, read at the moment it matters. */
export type TwilioScript = {
  abruptLoss: AbruptLoss;
  /** Called for each status callback about to be sent. */
  statusCallbacks: (event: StatusCallbackEvent, callSid: string) => CallbackRoute;
  /** From REST acceptance to `initiated`, and from there to `ringing`, for outbound calls. */
  dialMs: number;
  ringMs: number;
  /** Time until every REST answer; multiplied by a 'slow' fault. */
  restMs: number;
  /** Pause between the TwiML and the upgrade request of the media socket. */
  streamConnectMs: number;
};

/** A phone number of the account and where Twilio asks what to do. */
export type PhoneNumber = {
  readonly phoneNumber: string;
  readonly voiceUrl?: string;
  readonly statusCallbackUrl?: string;
  readonly messagingUrl?: string;
};

export type TwilioEmulatorOptions = {
  readonly accountSid?: string;
  readonly authToken?: string;
  /** TCP port on 127.0.0.1; a free one when left out. */
  readonly port?: number;
  readonly numbers?: readonly PhoneNumber[];
  readonly script?: Partial<TwilioScript>;
  /** Decode the words the caller hears from the audio played. Default true; off for load tests. */
  readonly decodeWords?: boolean;
  /** Keep both sides of the call's sound. Default true; off for load tests. */
  readonly record?: boolean;
  /** Voice for `<Say>`; the emulator synthesises it so that it is heard like all other sound. */
  readonly sayVoice?: {
    readonly name: string;
    readonly wordsPerMinute: number;
    readonly pitch: number;
  };
  /** Seed of the network's random faults. */
  readonly seed?: number;
};

export type PlaceCallOptions = {
  readonly from: string;
  /** Number of the account; its configured URLs are used unless given here. */
  readonly to: string;
  readonly answerUrl?: string;
  readonly statusUrl?: string;
  /** Further form fields of the voice webhook, e.g. CallerName. */
  readonly extraParams?: Readonly<Record<string, string>>;
};

export type IncomingMessage = {
  readonly from: string;
  readonly to: string;
  readonly body: string;
  /** Defaults to the number's `messagingUrl`. */
  readonly url?: string;
};

export type SentMessage = {
  readonly sid: string;
  readonly to: string;
  readonly from: string;
  readonly body: string;
  readonly atMs: number;
};

export type TwilioEmulator = {
  /** `http://127.0.0.1:port`: the base URL to which the server's twilio SDK is pointed. */
  readonly url: string;
  readonly accountSid: string;
  readonly authToken: string;
  readonly log: EmulatorLog<TwilioEvent>;
  /** Surfaces: 'rest' (asked once per request) and 'media' (asked once per media socket). */
  readonly faults: FaultScript;
  readonly script: TwilioScript;
  /** Adds or replaces a number of the account. */
  setNumber(number: PhoneNumber): void;
  /** A person dials the account's number. Resolves once the call exists, before it is answered. */
  placeCall(options: PlaceCallOptions): Promise<CallerLeg>;
  /**
   * How people answer when the server dials. Called while the phone rings. Without a handler every
   * call is answered at once by a silent human. A handler that throws is logged as an `error` with
   * code 0. Returns the function that takes the handler back.
   */
  onOutboundCall(handler: (leg: CallerLeg) => void | Promise<void>): () => void;
  /** A text message arrives at one of the account's numbers; the webhook's status and TwiML. */
  sendMessage(message: IncomingMessage): Promise<{ status: number; body: string }>;
  /** Every call since the start, oldest first. */
  calls(): readonly CallerLeg[];
  /** Text messages that the server sent. */
  messages(): readonly SentMessage[];
  /** Ends all calls and sockets and frees the port. */
  close(): Promise<void>;
};

/** What became of one `say`. */
export type SayResult = {
  /** When the first frame left towards the server. */
  readonly firstFrameAtMs: number;
  /** When the frame that holds the end of the last word left: the start of the latency clock. */
  readonly lastSpeechFrameAtMs: number;
  readonly endedAtMs: number;
  /** Position of the first frame on the line. */
  readonly lineMs: number;
  readonly frames: number;
  /** Frames that had no media socket to go to, or that the network lost. */
  readonly framesLost: number;
  /** True when hang-up or `stopSpeaking` cut it short. */
  readonly cut: boolean;
};

/** Both sides on the same 20 ms grid from the answer on; μ-law, equal length, 20 minutes at most. */
export type CallRecording = { readonly caller: Uint8Array; readonly companion: Uint8Array };

export type AnswerOptions = {
  /** How long it rings first. Default 0. */
  readonly afterMs?: number;
  /** What answering-machine detection reports, when the server asked for it. Default human. */
  readonly answeredBy?: AnsweredBy;
  /** From pick-up to the report. Default 1200. */
  readonly amdAfterMs?: number;
};

export type AnsweringMachineOptions = {
  readonly afterMs?: number;
  /** Played to the server after pick-up. */
  readonly greeting: Speech;
  /** Pause between the greeting's end and the beep. Default 500. */
  readonly beepAfterMs?: number;
  /** Default machine_end_beep with DetectMessageEnd, machine_start with Enable. */
  readonly answeredBy?: AnsweredBy;
};

/** Every wait rejects after `timeoutMs` (default 15 000) and when the call ends first. */
export type WaitOptions = { readonly timeoutMs?: number };

/** The person on the phone, and their network. */
export type CallerLeg = {
  readonly callSid: string;
  readonly direction: CallDirection;
  readonly from: string;
  readonly to: string;
  readonly status: CallStatus;
  /** Stream now (or last) connected. */
  readonly streamSid: string | undefined;
  /** How many media sockets this call has had. */
  readonly streamCount: number;
  /** When the call was answered: zero of `lineMs`. */
  readonly answeredAtMs: number | undefined;
  readonly playout: Playout;
  readonly network: CallerNetwork;

  // Outbound calls, while ringing. All but the first call of one of them throw.
  answer(options?: AnswerOptions): Promise<void>;
  answeringMachine(options: AnsweringMachineOptions): Promise<void>;
  busy(options?: { afterMs?: number }): Promise<void>;
  /** Lets it ring until the server's `Timeout`, or `afterMs`. */
  noAnswer(options?: { afterMs?: number }): Promise<void>;
  /** The call cannot be put through: status failed. */
  fail(options?: { afterMs?: number }): Promise<void>;

  /**
   * Speaks; words are queued behind what is being said. Resolves when the last frame has left.
   * Rejects when more than ten minutes are queued. Speech without a stream is lost, as in life.
   */
  say(speech: Speech): Promise<SayResult>;
  /** Falls silent at the next frame; running `say`s resolve with `cut`. */
  stopSpeaking(): void;
  isSpeaking(): boolean;
  /** Presses keys, e.g. '1' or '*#'; 200 ms apart; a running `<Gather>` takes them before the stream. */
  press(digits: string): Promise<void>;
  hangUp(): Promise<void>;

  waitForStream(options?: WaitOptions & { count?: number }): Promise<string>;
  waitForWords(
    wanted: RegExp | ((text: string, words: readonly PlayedWord[]) => boolean),
    options?: WaitOptions & { fromWord?: number },
  ): Promise<{ text: string; words: readonly PlayedWord[]; atMs: number }>;
  /** Resolves with the stamp at which sound that can be heard began (or is going on). */
  waitForAudible(options?: WaitOptions): Promise<number>;
  /** Resolves when nothing could be heard for `afterMs` (default 700). */
  waitForSilence(options?: WaitOptions & { afterMs?: number }): Promise<number>;
  /** The first media message that arrives after the given stamp; its arrival. */
  waitForMedia(afterAtMs: number, options?: WaitOptions): Promise<number>;
  /** Resolves when the call has ended; rejects after `timeoutMs` (default 60 000). */
  ended(options?: WaitOptions): Promise<CallEnd>;
  recording(): CallRecording;
  /**
   * Listens in at the earpiece: every 20 ms the 160 bytes of μ-law that are played, `undefined` for
   * silence. The listener must not throw. Returns the function that ends the listening.
   */
  onPlayed(listener: (frame: Uint8Array | undefined) => void): () => void;
};

export type LossyNetwork = {
  /** Shares of frames, 0 to 1. */
  readonly dropRate?: number;
  readonly duplicateRate?: number;
  /** Share of frames that change places with their successor. */
  readonly swapRate?: number;
};

/** What can go wrong between the person and the server, at any moment of the call. */
export type CallerNetwork = {
  setLoss(loss: LossyNetwork): void;
  /** The carrier stops sending media (no silence frames either), until `resumeMedia` or `forMs`. */
  goQuiet(forMs?: number): void;
  resumeMedia(): void;
  /** Sends any bytes: text frames for strings, binary for bytes. */
  sendRaw(frame: string | Uint8Array): void;
  /** Twilio's end stops reading its socket. */
  stopReading(): void;
  resumeReading(): void;
  /** Kills the media socket with a reset; the outcome is `script.abruptLoss`. */
  cut(): void;
  /** The media socket that is up commits this from now on; where none is, the next one does. */
  disturb(fault: Fault): void;
};
