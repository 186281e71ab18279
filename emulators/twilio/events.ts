import type { Fault } from '../faults.ts';
import type { AnsweredBy, CallDirection, CallEnd, CallStatus, ClearRecord } from './types.ts';

/** Why Twilio asked the server something. */
export type WebhookKind =
  'answer' | 'redirect' | 'action' | 'gather' | 'status' | 'stream-status' | 'amd' | 'message';

/** Everything the Twilio emulator logs. No credentials and no raw audio are in it. */
export type TwilioEvent =
  // REST
  | {
      what: 'rest';
      method: string;
      path: string;
      form: Record<string, string | string[]>;
      status: number;
    }
  | { what: 'fault'; surface: 'rest' | 'media'; fault: Fault; callSid?: string }
  | { what: 'message-sent'; sid: string; to: string; from: string; body: string }
  // Calls
  | { what: 'call-created'; callSid: string; direction: CallDirection; from: string; to: string }
  | { what: 'call-status'; callSid: string; status: CallStatus }
  | { what: 'call-ended'; callSid: string; end: CallEnd }
  | { what: 'amd-result'; callSid: string; answeredBy: AnsweredBy; detectionMs: number }
  // Webhooks
  | {
      what: 'webhook';
      callSid: string;
      kind: WebhookKind;
      url: string;
      params: Record<string, string>;
    }
  | {
      what: 'webhook-answered';
      callSid: string;
      kind: WebhookKind;
      url: string;
      /** 0 when there was no HTTP answer at all. */
      status: number;
      tookMs: number;
      failure?: string;
    }
  | { what: 'twiml'; callSid: string; verbs: string[]; source: string }
  | { what: 'verb-started'; callSid: string; verb: string; text?: string }
  | { what: 'verb-ended'; callSid: string; verb: string }
  /** Twilio's debugger: errors and warnings, with Twilio's code. */
  | { what: 'error'; callSid: string; code: number; message: string }
  // The media socket
  | { what: 'stream-connecting'; callSid: string; streamSid: string; url: string }
  | {
      what: 'stream-started';
      callSid: string;
      streamSid: string;
      url: string;
      customParameters: Record<string, string>;
    }
  | {
      what: 'stream-ended';
      callSid: string;
      streamSid: string;
      how: 'caller-hung-up' | 'call-updated' | 'server-closed' | 'lost' | 'failed';
      closeCode: number;
      closeReason: string;
      framesSent: number;
      framesReceived: number;
    }
  /** Every 50th frame sent, which is once a second. */
  | { what: 'frames-sent'; callSid: string; streamSid: string; frames: number; lateMs: number }
  /** One media message from the server. `position` = media bytes received on the stream before it. */
  | {
      what: 'media';
      callSid: string;
      streamSid: string;
      bytes: number;
      position: number;
      /** Milliseconds of sound that were buffered when it arrived. */
      bufferedMs: number;
      /** First since the stream began, since a clear, or since the buffer ran dry. */
      first: boolean;
    }
  | { what: 'mark'; callSid: string; streamSid: string; name: string; position: number }
  | {
      what: 'mark-returned';
      callSid: string;
      streamSid: string;
      name: string;
      outcome: 'played' | 'flushed' | 'idle';
    }
  | { what: 'clear'; callSid: string; streamSid: string; record: ClearRecord }
  | { what: 'foreign-frame'; callSid: string; streamSid: string; code: number; detail: string }
  // What the person hears, does and suffers
  | { what: 'playout-started'; callSid: string; lineMs: number }
  | { what: 'playout-ended'; callSid: string; lineMs: number; bytes: number }
  | { what: 'underrun'; callSid: string; lineMs: number; durationMs: number }
  | {
      what: 'word-heard';
      callSid: string;
      text: string;
      damaged: boolean;
      lineStartMs: number;
      lineEndMs: number;
    }
  | { what: 'speech-started'; callSid: string; text: string; lineMs: number }
  /** The frame that holds the end of the last word has left. */
  | { what: 'speech-last-word'; callSid: string; text: string; lineMs: number }
  | { what: 'speech-ended'; callSid: string; lineMs: number; cut: boolean }
  | { what: 'dtmf-sent'; callSid: string; digit: string }
  | { what: 'network'; callSid: string; kind: string };
