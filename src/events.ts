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

/** Where a call stands on a ladder: at a vendor, or below the last one of recognisers, models, voices. */
export type Rung = Vendor | 'keypad' | 'lines' | 'carrier';

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
  /** The model's first content, text or tool call. */
  | { what: 'reply-first-token'; utterance: number; vendor: Vendor }
  | { what: 'reply-first-clause'; utterance: number }
  /** `inputTokens` are those that were neither read from the vendor's cache nor written to it. */
  | {
      what: 'reply-done';
      utterance: number;
      vendor: Vendor;
      inputTokens: number;
      cachedTokens: number;
      cacheWriteTokens: number;
      outputTokens: number;
    }
  /** We no longer want it: interrupted, superseded, or the call is over. */
  | { what: 'reply-cancelled'; utterance: number }
  | { what: 'draft-promoted'; turnId: string; utterance: number }
  | { what: 'draft-wasted'; turnId: string; utterance: number }
  /** The first text of one attempt at an utterance was given to a voice. Not for cached lines. */
  | { what: 'voice-asked'; utterance: number; vendor: Vendor }
  | { what: 'voice-first-byte'; utterance: number; vendor: Vendor }
  /** One attempt is over. `characters` were given to the voice, `audioMs` of speech came back. */
  | {
      what: 'voice-ended';
      utterance: number;
      vendor: Vendor;
      how: 'done' | 'cancelled' | 'failed';
      characters: number;
      audioMs: number;
    }
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
  /** A recogniser's session is open. */
  | { what: 'stt-opened'; vendor: Vendor; openMs: number }
  /**
   * The recogniser thinks that the caller has finished, or is sure of it. `lagMs` of audio it had been
   * given by then and not yet judged.
   */
  | {
      what: 'stt-answered';
      vendor: Vendor;
      state: 'eager-end' | 'final';
      sttTurn: number;
      lagMs: number;
    }
  /** `tool` is a name of ours, or 'unknown'. */
  | { what: 'tool-started'; callId: string; tool: string }
  | { what: 'tool-settled'; callId: string; isError: boolean }
  /** A webhook of the carrier about this call has been answered. `route`: its path, e.g. `/voice/answer`. */
  | { what: 'webhook'; route: string; status: number; durationMs: number }
  /**
   * A store has been asked to keep something of the call. `outcome`: where that is now, or why it is
   * nowhere; `durationMs`: until that was known.
   */
  | {
      what: 'stored';
      store: 'database' | 'redis';
      operation: string;
      outcome: string;
      durationMs: number;
    }
  | { what: 'answered-by'; who: string }
  /** `utterance`: the one that it failed for, where there is one. */
  | {
      what: 'vendor-failed';
      vendor: Vendor;
      failure: VendorFailure;
      utterance?: number | undefined;
    }
  | { what: 'ladder-moved'; service: 'stt' | 'llm' | 'tts'; from: Rung; to: Rung }
  | { what: 'ending'; reason: EndReason }
  | { what: 'ending-cancelled' }
  | { what: 'call-ended'; reason: EndReason; durationMs: number; work: WorkFigures };

export type TimedCallEvent = CallEvent & { readonly callSid: string; readonly atMs: number };

export type EventSink = (event: TimedCallEvent) => void;

/**
 * What the machine's clock showed when this process's began: both are the same clock, and reading
 * it as a big integer for every frame of audio costs ten times as much.
 */
const bootMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Milliseconds on the machine's monotonic clock; stamps of different processes are comparable. */
export function monotonicMs(): number {
  return performance.now() + bootMs;
}

const MAX_SUBSCRIBERS = 100;

/**
 * Hands events to whoever watches. A watcher that throws misses that event and no other: one bad
 * event must not silence the alerts of every later call.
 */
export class EventHub {
  readonly #sinks = new Set<EventSink>();
  readonly #onFailure: (error: unknown) => void;

  /** `onFailure` is told of watchers that throw; it must not throw itself. */
  constructor(onFailure: (error: unknown) => void = () => undefined) {
    this.#onFailure = onFailure;
  }

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
      } catch (error) {
        this.#onFailure(error);
      }
    }
  }
}
