/**
 * Everything worth telling about a call, as it happens. One list for the log, the metrics, the live
 * view and the demo.
 *
 * Events marked *words* carry what people said: they go to live views that may see them and never to
 * the log. `atMs` is the machine's monotonic clock in milliseconds (see `monotonicMs`).
 */
import type { EndReason } from './conversation/types.ts';
import type { Vendor, VendorFailure } from './errors.ts';

/** Milliseconds, of work done by us for one fact: taken in until its effects were performed. */
export type WorkFigures = {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
};

export type CallEvent =
  | { what: 'call-started'; direction: 'inbound' | 'outbound' }
  | { what: 'stream-attached'; resumed: boolean; epoch: number }
  | { what: 'stream-closed' }
  | { what: 'turn-opened'; turnId: string }
  /** *words* */
  | {
      what: 'heard';
      state: 'started' | 'partial' | 'eager-end' | 'resumed' | 'final';
      sttTurn: number;
      text: string;
    }
  /** *words* */
  | { what: 'caller-said'; turnId: string; revision: number; text: string; backchannel: boolean }
  | {
      what: 'reply-asked';
      turnId: string;
      utterance: number;
      draft: boolean;
      vendor: Vendor | undefined;
    }
  | { what: 'reply-first-clause'; utterance: number }
  | {
      what: 'reply-done';
      utterance: number;
      inputTokens: number;
      cachedTokens: number;
      outputTokens: number;
    }
  | { what: 'draft-promoted'; turnId: string; utterance: number }
  | { what: 'draft-wasted'; turnId: string; utterance: number }
  | { what: 'first-audio'; utterance: number; turnId: string | undefined; line: string | undefined }
  /** *words* What the caller heard of one utterance. */
  | {
      what: 'companion-said';
      utterance: number;
      turnId: string | undefined;
      text: string;
      interrupted: boolean;
    }
  | { what: 'barge-in'; utterance: number; heardMs: number; sentMs: number }
  | { what: 'false-interruption'; heldMs: number }
  | { what: 'filler'; turnId: string }
  /** *words* */
  | { what: 'alert-raised'; category: string; severity: string; evidence: string }
  | { what: 'digit' }
  | { what: 'answered-by'; who: string }
  | { what: 'vendor-failed'; vendor: Vendor; failure: VendorFailure }
  | { what: 'ladder-moved'; service: 'stt' | 'llm' | 'tts'; from: string; to: string }
  | { what: 'ending'; reason: EndReason }
  | { what: 'ending-cancelled' }
  | { what: 'call-ended'; reason: EndReason; durationMs: number; work: WorkFigures };

export type TimedCallEvent = CallEvent & { readonly callSid: string; readonly atMs: number };

export type EventSink = (event: TimedCallEvent) => void;

/** Milliseconds on the machine's monotonic clock; stamps of different processes are comparable. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const MAX_SUBSCRIBERS = 100;

/** Hands events to whoever watches. A watcher that throws is dropped; none can delay a call. */
export class EventHub {
  readonly #sinks = new Set<EventSink>();

  /** Returns the function that ends the subscription. */
  subscribe(sink: EventSink): () => void {
    if (this.#sinks.size >= MAX_SUBSCRIBERS) throw new Error('too many event subscribers');
    this.#sinks.add(sink);
    return () => this.#sinks.delete(sink);
  }

  publish(callSid: string, event: CallEvent, atMs: number = monotonicMs()): void {
    const timed = { ...event, callSid, atMs };
    for (const sink of this.#sinks) {
      try {
        sink(timed);
      } catch {
        this.#sinks.delete(sink);
      }
    }
  }
}
