/**
 * What the processes of a run tell each other. Stamps are milliseconds of the machine's monotonic
 * clock, which all its processes share.
 */
import type { TurnKind } from './plan.ts';

/** From the conductor to a helper process. */
export type Order =
  /** Only to the callers: so many more calls, up to `calls` in all. */
  | { readonly order: 'call'; readonly calls: number; readonly answerUrl: string }
  /** Forget what was measured so far. */
  | { readonly order: 'begin' }
  | { readonly order: 'report' }
  /** Only to the callers: finish the turn, hang up. */
  | { readonly order: 'hang-up' }
  /** Only to the vendors: from now on at the speed of the script. */
  | { readonly order: 'at-script-speed' };

/** Measurements, each with its moment. */
export type Stamped = { readonly atMs: readonly number[]; readonly ms: readonly number[] };

/** How late a helper process's own event loop was, looked at every few milliseconds. */
export type SelfReport = { readonly loopLag: Stamped };

/** One turn as the caller's end of the line saw it. */
export type CallerTurn = {
  readonly token: string;
  readonly call: number;
  readonly turn: number;
  readonly kind: TurnKind;
  /** When the frame with the end of the last word left. */
  readonly lastSpeechAtMs: number;
  /** First media of the answer; undefined when none came. */
  readonly firstMediaAtMs: number | undefined;
  /** Only of turns spoken over the reply: when the clear came, and media that came after it. */
  readonly clearAtMs: number | undefined;
  readonly mediaAfterClear: number;
};

export type CallersReport = SelfReport & {
  readonly report: 'callers';
  readonly turns: readonly CallerTurn[];
  /** `start` sent → first media, of every call so far. */
  readonly greetings: Stamped;
  /** Gaps in what a caller heard. */
  readonly underruns: Stamped;
  /** How late frames left, every 50th. */
  readonly sendLateness: Stamped;
  readonly live: number;
  readonly lost: readonly string[];
};

/** One turn as the listener's end saw it. */
export type HeardTurn = {
  readonly token: string;
  /** When the end of turn was sent, and when the audio that decided it had come. */
  readonly endSentAtMs: number;
  readonly endDecidedAtMs: number;
  /** Silence that the decision had to wait for. */
  readonly silenceMs: number;
  /** Audio between the end of the last word and the end of the group that decided. */
  readonly decidedAfterMs: number;
  /** An eager end came, and nothing resumed after it. */
  readonly eager: boolean;
  /** The first event in which the words that stop the companion were known. */
  readonly stopAtMs: number | undefined;
};

export type EarsReport = SelfReport & {
  readonly report: 'ears';
  readonly turns: readonly HeardTurn[];
  /** Of every group of audio: how much later it came than the promptest of its connection. */
  readonly forwardLateness: Stamped;
  readonly connections: number;
};

/** One request to the model. */
export type AskedReply = {
  readonly token: string;
  readonly requestAtMs: number;
  firstTokenAtMs: number | undefined;
  tokensSent: number;
};

/** One piece of text spoken, the first of its reply. */
export type SpokenClause = {
  readonly token: string;
  readonly textAtMs: number;
  readonly firstAudioAtMs: number;
};

export type VendorsReport = SelfReport & {
  readonly report: 'vendors';
  readonly asked: readonly AskedReply[];
  readonly spoken: readonly SpokenClause[];
  readonly voiceSockets: number;
};

export type RelayReport = SelfReport & {
  readonly report: 'relay';
  /** Caller's frame sent → on the far side. */
  readonly transitMs: readonly number[];
};

export type CollectorReport = SelfReport & { readonly report: 'collector'; readonly spans: number };

export type Report = CallersReport | EarsReport | VendorsReport | RelayReport | CollectorReport;

/** From a helper process to the conductor. */
export type Notice =
  | { readonly notice: 'ready'; readonly environment: Readonly<Record<string, string>> }
  /** All calls are up and have had their first turn, or were lost. */
  | { readonly notice: 'ramped' }
  | { readonly notice: 'gone' }
  | Report;
