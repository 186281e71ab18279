import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import type { FaultScript } from '../faults.ts';
import type { EmulatorLog } from '../log.ts';
import type { TwilioEvent, WebhookKind } from './events.ts';
import { Line } from './line.ts';
import type { MediaStream } from './media-stream.ts';
import { Network } from './network.ts';
import type { FrameScheduler } from './scheduler.ts';
import { StatusCallbacks, type StatusCallbackTarget } from './status-callbacks.ts';
import type {
  AnsweredBy,
  CallDirection,
  CallEnd,
  CallStatus,
  TwilioEmulatorOptions,
  TwilioScript,
} from './types.ts';
import { Waits } from './waits.ts';
import type { WebhookClient } from './webhooks.ts';

/** What every call shares with the emulator that it lives in. */
export type CallHost = {
  readonly accountSid: string;
  readonly authToken: string;
  readonly log: EmulatorLog<TwilioEvent>;
  readonly faults: FaultScript;
  readonly script: TwilioScript;
  readonly webhooks: WebhookClient;
  readonly scheduler: FrameScheduler;
  readonly options: TwilioEmulatorOptions;
};

/** Where the next TwiML comes from. */
export type TwimlSource =
  | {
      readonly from: 'url';
      readonly url: string;
      readonly method: 'GET' | 'POST';
      readonly kind: WebhookKind;
      readonly params: Readonly<Record<string, string>>;
    }
  | { readonly from: 'text'; readonly twiml: string };

export type CallOptions = {
  readonly direction: CallDirection;
  readonly from: string;
  readonly to: string;
  readonly statusCallback: StatusCallbackTarget | undefined;
  readonly seed: number;
};

/** A Twilio sid: two letters and 32 hexadecimal digits. */
export function newSid(prefix: string): string {
  return prefix + randomBytes(16).toString('hex');
}

/**
 * One call: its status, its line, its media socket of the moment and its end. What happens in it
 * is decided by call-program.ts (TwiML) and person.ts (the caller).
 */
export class Call {
  readonly sid = newSid('CA');
  readonly host: CallHost;
  readonly accountSid: string;
  readonly direction: CallDirection;
  readonly from: string;
  readonly to: string;
  readonly line: Line;
  readonly network: Network;
  readonly waits = new Waits();
  readonly createdAt = new Date();
  readonly ended: Promise<CallEnd>;
  status: CallStatus;
  answeredBy: AnsweredBy | undefined;
  answeredAt: Date | undefined;
  answeredAtMs: number | undefined;
  endedAt: Date | undefined;
  end: CallEnd | undefined;
  stream: MediaStream | undefined;
  streamSid: string | undefined;
  streamCount = 0;
  /** The stamp of every media message that arrived; see `waitForMedia`. */
  readonly mediaArrivals: number[] = [];
  /** Set while a `<Gather>` collects keys. */
  onDigit: ((digit: string) => void) | undefined;
  /** TwiML that a REST update put in place of the running one. */
  replacement: TwimlSource | undefined;
  readonly #callbacks: StatusCallbacks;
  readonly #settleEnd: (end: CallEnd) => void;
  readonly #background = new Set<Promise<unknown>>();
  #interruption = new AbortController();

  constructor(host: CallHost, options: CallOptions) {
    this.host = host;
    this.accountSid = host.accountSid;
    this.direction = options.direction;
    this.from = options.from;
    this.to = options.to;
    this.status = options.direction === 'inbound' ? 'ringing' : 'queued';
    this.network = new Network(options.seed, (kind) => {
      host.log.add({ what: 'network', callSid: this.sid, kind });
    });
    this.line = this.#createLine();
    this.#callbacks = new StatusCallbacks({
      call: this,
      target: options.statusCallback,
      script: host.script,
      webhooks: host.webhooks,
      own: (work) => this.own(work),
    });
    const { promise, resolve } = Promise.withResolvers<CallEnd>();
    this.ended = promise;
    this.#settleEnd = resolve;
    host.log.add({
      what: 'call-created',
      callSid: this.sid,
      direction: this.direction,
      from: this.from,
      to: this.to,
    });
  }

  get live(): boolean {
    return this.end === undefined;
  }

  /** Length of the call so far, or in all, from its answer, in whole seconds. */
  durationSeconds(): number {
    if (!this.answeredAt) return 0;
    return Math.round(((this.endedAt ?? new Date()).getTime() - this.answeredAt.getTime()) / 1000);
  }

  /** Progress before the answer: tells the server if it asked to know. */
  progress(event: 'initiated' | 'ringing'): void {
    if (!this.live) return;
    const status = event === 'ringing' ? 'ringing' : 'queued';
    this.#setStatus(status);
    this.#callbacks.fire(event, event);
    this.waits.check();
  }

  /** Picks up: the line's grid and the recording begin. */
  answer(): void {
    if (!this.live || this.answeredAtMs !== undefined) return;
    this.answeredAt = new Date();
    this.answeredAtMs = this.line.answer(this.host.scheduler);
    this.#setStatus('in-progress');
    this.#callbacks.fire('answered', 'in-progress');
    this.waits.check();
  }

  /** Ends the call, once. Closes the media socket, tells the server, fails pending waits. */
  finish(how: CallEnd['how'], errorCode?: number): void {
    if (!this.live) return;
    const status = this.answeredAtMs === undefined ? UNANSWERED_STATUS[how] : 'completed';
    const end: CallEnd = {
      how,
      status,
      atMs: monotonicMs(),
      ...(errorCode === undefined ? {} : { errorCode }),
    };
    this.end = end;
    this.endedAt = new Date();
    const stream = this.stream;
    if (stream) this.own(stream.stop('caller-hung-up'));
    this.line.hangUp(end.atMs);
    this.#setStatus(status);
    this.host.log.add({ what: 'call-ended', callSid: this.sid, end });
    this.#interruption.abort();
    this.#callbacks.fire(
      'completed',
      status,
      status === 'completed' ? this.durationSeconds() : undefined,
    );
    this.#settleEnd(end);
    this.waits.close(`the call ended (${how})`);
  }

  /** Puts other TwiML in place of the running one; an open stream is stopped first. */
  replaceProgram(source: TwimlSource): void {
    this.replacement = source;
    const stream = this.stream;
    if (stream) this.own(stream.stop('call-updated'));
    this.#interruption.abort();
  }

  /** Takes the waiting replacement, if any, and lets waits run again. */
  takeReplacement(): TwimlSource | undefined {
    const { replacement } = this;
    if (replacement) {
      this.replacement = undefined;
      this.#interruption = new AbortController();
    }
    return replacement;
  }

  get interrupted(): boolean {
    return !this.live || this.replacement !== undefined;
  }

  get interruption(): AbortSignal {
    return this.#interruption.signal;
  }

  /** Resolves with true after `ms`, with false as soon as the call ends or is redirected. */
  async pause(ms: number): Promise<boolean> {
    if (this.interrupted) return false;
    try {
      await sleep(ms, undefined, { signal: this.interruption });
      return true;
    } catch (error) {
      if (error instanceof Error && error.name === 'AbortError') return false;
      throw error;
    }
  }

  error(code: number, message: string): void {
    this.host.log.add({ what: 'error', callSid: this.sid, code, message });
  }

  /** Takes charge of work that goes on beside the call. */
  own(work: Promise<unknown>): void {
    const owned: Promise<unknown> = work
      .catch((error: unknown) => {
        this.error(0, `emulator: ${error instanceof Error ? error.message : String(error)}`);
      })
      .finally(() => this.#background.delete(owned));
    this.#background.add(owned);
  }

  /** Resolves when all of that work is done, or after `limitMs`. */
  async settled(limitMs: number): Promise<void> {
    const work = async (): Promise<void> => {
      while (this.#background.size > 0) await Promise.all(this.#background);
    };
    const limit = new AbortController();
    const timeout = sleep(limitMs, undefined, { signal: limit.signal }).catch(() => undefined);
    await Promise.race([work(), timeout]);
    limit.abort();
  }

  #setStatus(status: CallStatus): void {
    if (this.status === status) return;
    this.status = status;
    this.host.log.add({ what: 'call-status', callSid: this.sid, status });
  }

  #createLine(): Line {
    const { log, options } = this.host;
    const callSid = this.sid;
    return new Line({
      decodeWords: options.decodeWords ?? true,
      record: options.record ?? true,
      events: {
        advanced: () => this.waits.check(),
        markReturned: (name, outcome) => {
          const { stream } = this;
          if (!stream) return;
          stream.sendMark(name);
          const { streamSid } = stream;
          log.add({ what: 'mark-returned', callSid, streamSid, name, outcome });
        },
        wordHeard: ({ text, damaged, lineStartMs, lineEndMs }) => {
          log.add({ what: 'word-heard', callSid, text, damaged, lineStartMs, lineEndMs });
        },
        started: (lineMs) => void log.add({ what: 'playout-started', callSid, lineMs }),
        ended: (lineMs, bytes) => void log.add({ what: 'playout-ended', callSid, lineMs, bytes }),
        underrun: ({ lineMs, durationMs }) =>
          void log.add({ what: 'underrun', callSid, lineMs, durationMs }),
        speechStarted: (text, lineMs) =>
          void log.add({ what: 'speech-started', callSid, text, lineMs }),
        speechLastWord: (text, lineMs) =>
          void log.add({ what: 'speech-last-word', callSid, text, lineMs }),
        speechEnded: (lineMs, cut) => void log.add({ what: 'speech-ended', callSid, lineMs, cut }),
      },
    });
  }
}

/** The status of a call that ended before it was answered. */
const UNANSWERED_STATUS: Record<CallEnd['how'], CallStatus> = {
  busy: 'busy',
  'no-answer': 'no-answer',
  'server-canceled': 'canceled',
  'server-completed': 'canceled',
  'caller-hung-up': 'canceled',
  'emulator-closed': 'failed',
  failed: 'failed',
  'hangup-verb': 'failed',
  rejected: 'failed',
  'stream-lost': 'failed',
  'time-limit': 'failed',
  'twiml-ended': 'failed',
};
