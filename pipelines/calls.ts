/**
 * Every live call of this process, by its CallSid: who may begin one, which stream belongs to which,
 * what the carrier's webhooks mean for it, and how they all come to an end.
 */
import type { Person } from '../src/companion/person.ts';
import { withoutPersonalData } from '../src/companion/person.ts';
import { greeting } from '../src/companion/greeting.ts';
import type { Settings } from '../src/conversation/types.ts';
import { monotonicMs } from '../src/events.ts';
import { Call, type CallServices, type CallSink, type CallStream } from './call.ts';

export type CallsOptions = {
  readonly services: CallServices;
  readonly maxCalls: number;
  /** Callbacks of outbound calls, absolute URLs. Called late: the port may come late. */
  readonly urls: () => { readonly answer: string; readonly status: string; readonly amd: string };
  readonly settings?: Partial<Settings>;
};

/** A stream may come this often for one call before the line gives up on it. */
export const MAX_RESUMES = 5;
const RING_TIMEOUT_SECONDS = 40;
/** The carrier's own limit, above ours, in case we are gone. */
const TIME_LIMIT_SECONDS = 15 * 60;
/** A call that was prepared and never got a stream is let go after this. */
const UNANSWERED_MS = 120_000;
/** Between two looks at whether a drain is done. */
const DRAIN_POLL_MS = 25;

export type PlaceCallResult =
  { readonly callSid: string } | { readonly refused: 'full' | 'inactive' };

export class Calls {
  readonly #options: CallsOptions;
  readonly #calls = new Map<string, Call>();
  /** How many calls a person has had from this process; varies the greeting. */
  readonly #callNumbers = new Map<string, number>();
  readonly #reapers = new Map<string, NodeJS.Timeout>();
  #dialling = 0;
  #draining = false;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get active(): number {
    return this.#calls.size;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  get isFull(): boolean {
    return this.#draining || this.#calls.size + this.#dialling >= this.#options.maxCalls;
  }

  get(callSid: string): Call | undefined {
    return this.#calls.get(callSid);
  }

  /** A call that is about to have a stream; undefined when no more can be taken. */
  answer(callSid: string, direction: 'inbound' | 'outbound', person: Person): Call | undefined {
    const known = this.#calls.get(callSid);
    if (known) return known;
    if (this.isFull) return undefined;
    return this.#create(callSid, direction, person);
  }

  /** Dials a person at their stored number. Rejects with VendorError when the carrier refuses. */
  async place(person: Person): Promise<PlaceCallResult> {
    if (!person.active) return { refused: 'inactive' };
    if (this.isFull) return { refused: 'full' };
    this.#dialling += 1;
    try {
      const { answer, status, amd } = this.#options.urls();
      const callSid = await this.#options.services.telephony.placeCall({
        to: person.phone,
        answerUrl: answer,
        statusUrl: status,
        amdUrl: amd,
        ringTimeoutSeconds: RING_TIMEOUT_SECONDS,
        timeLimitSeconds: TIME_LIMIT_SECONDS,
      });
      // The answer webhook may have been quicker than the carrier's own reply.
      if (!this.#calls.has(callSid)) this.#create(callSid, 'outbound', person);
      return { callSid };
    } finally {
      this.#dialling -= 1;
    }
  }

  /** A stream whose token was good. Undefined: nobody knows the call, or it is over. */
  attach(callSid: string, stream: CallStream): CallSink | undefined {
    const call = this.#calls.get(callSid);
    if (!call || call.isEnding) return undefined;
    clearTimeout(this.#reapers.get(callSid));
    this.#reapers.delete(callSid);
    return call.attach(stream);
  }

  /**
   * Ends every call: by moving it at the next boundary, or with a spoken goodbye. Resolves when none
   * is left or the deadline has passed.
   */
  async drain(how: 'move' | 'wind-up', deadline: number): Promise<void> {
    this.#draining = true;
    for (const call of this.#calls.values()) call.drain(how, deadline);
    while (this.#calls.size > 0 && monotonicMs() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  /** Ends what is left without a word. */
  close(): void {
    this.#draining = true;
    for (const call of [...this.#calls.values()]) call.hungUp();
    for (const reaper of this.#reapers.values()) clearTimeout(reaper);
    this.#reapers.clear();
  }

  #create(callSid: string, direction: 'inbound' | 'outbound', known: Person): Call {
    const person = known.active ? known : withoutPersonalData(known);
    const callNumber = this.#callNumbers.get(person.personId) ?? 0;
    this.#callNumbers.set(person.personId, callNumber + 1);
    const { services, settings } = this.#options;
    const at = services.wallClock();
    const identity = {
      callSid,
      direction,
      person,
      greeting: greeting({ person, direction, at, callNumber }),
    };
    const call = new Call(
      identity,
      services,
      () => {
        this.#calls.delete(callSid);
        clearTimeout(this.#reapers.get(callSid));
        this.#reapers.delete(callSid);
      },
      settings,
    );
    this.#calls.set(callSid, call);
    this.#reapers.set(
      callSid,
      setTimeout(() => call.hungUp(), UNANSWERED_MS),
    );
    call.prewarm().catch(() => undefined);
    return call;
  }
}
