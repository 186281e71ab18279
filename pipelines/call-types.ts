/** What a call is given and what is written to: the shapes between a call and those around it. */
import type { LlmVendor } from '../adapters/llm/port.ts';
import type { SttVendor } from '../adapters/stt/port.ts';
import type { TelephonyVendor } from '../adapters/telephony/port.ts';
import type { TtsVendor } from '../adapters/tts/port.ts';
import type { Person } from '../src/companion/person.ts';
import type { CallSnapshot } from '../src/conversation/resume.ts';
import type { EndReason } from '../src/conversation/types.ts';
import type { EventHub } from '../src/events.ts';
import type { CallRecord } from '../src/store/session-store.ts';
import type { CallKeeper } from './call-keeper.ts';
import type { OutletStream } from './outlet.ts';
import type { CallRecords } from './records.ts';
import type { SpeechCache } from './speech-cache.ts';

/** What every call of the process shares. */
export type CallServices = {
  readonly stt: readonly SttVendor[];
  readonly llm: readonly LlmVendor[];
  readonly tts: readonly TtsVendor[];
  readonly telephony: TelephonyVendor;
  readonly speechCache: SpeechCache;
  readonly events: EventHub;
  /** What must survive the process. */
  readonly records: CallRecords;
  /** Keeps a call where other processes find it; `onOvertaken` when one of them has it. */
  readonly keep: (record: Omit<CallRecord, 'owner'>, onOvertaken: () => void) => CallKeeper;
  /** Another process has claimed the call since this `epoch`. False: nobody knows. Never rejects. */
  readonly isStale: (callSid: string, epoch: number) => Promise<boolean>;
  readonly voiceId: string;
  /** Wall clock, for what people are told about time. */
  readonly wallClock: () => Date;
  /** Where the carrier asks for a new stream of a live call. Called late: the port may come late. */
  readonly resumeUrl: () => string;
  /** Where the carrier gets the words that it has to speak itself. Called late, too. */
  readonly sayUrl: () => string;
  /** A call had to end because of a defect of ours. */
  readonly onDefect: (callSid: string, error: unknown) => void;
};

/** `broken`: by a defect of ours; whoever is still on the line deserves an apology. */
export type CallEnd = { readonly reason: EndReason; readonly broken: boolean };

export type CallIdentity = {
  readonly callSid: string;
  readonly direction: 'inbound' | 'outbound';
  readonly person: Person;
  /** Its parts are spoken one after the other. */
  readonly greeting: readonly string[];
  /** Unix milliseconds. Undefined: it begins now. */
  readonly startedAtMs?: number | undefined;
  /** The fencing epoch under which this process holds the call. */
  readonly epoch: number;
  /** It began in another process. */
  readonly resumed?:
    | {
        readonly snapshot: CallSnapshot;
        /** With this one. */
        readonly resumeCount: number;
      }
    | undefined;
};

/** What the call writes to: a media stream of the carrier. */
export type CallStream = OutletStream & { close(code?: number): void };

/** What the media socket delivers to. */
export type CallSink = {
  onAudio(mulaw: Uint8Array): void;
  onMark(name: string): void;
  onDigit(digit: string): void;
  onStop(): void;
  onClosed(): void;
};
