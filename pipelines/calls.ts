/**
 * Every live call of this process, by its CallSid: who may begin one, which stream belongs to which,
 * what the carrier's webhooks mean for it, and how they all come to an end.
 */
import type { Person } from '../src/companion/person.ts';
import { withoutPersonalData } from '../src/companion/person.ts';
import { greetingParts } from '../src/companion/greeting.ts';
import { monotonicMs } from '../src/events.ts';
import { CallRecorder } from './call-recorder.ts';
import { BoundedMap } from './bounded-map.ts';
import { recordOf } from './call-keeper.ts';
import { Call } from './call.ts';
import type { CallEnd, CallSink, CallStream } from './call-types.ts';
import {
  FIRST_EPOCH,
  type CallsOptions,
  type Direction,
  type NoRoom,
  type PlaceCallResult,
  type TakenOver,
} from './calls-types.ts';

export { FIRST_EPOCH, MAX_RESUMES } from './calls-types.ts';
export type { Direction, PlaceCallResult, ToldElsewhere } from './calls-types.ts';

const RING_TIMEOUT_SECONDS = 40;
/** The carrier's own limit, above ours, in case we are gone. */
const TIME_LIMIT_SECONDS = 15 * 60;
/** A call that was prepared and never got a stream is let go after this. */
const UNANSWERED_MS = 120_000;
/** Calls whose end is remembered, so that a late webhook does not bring them back. */
const MAX_ENDED = 5_000;
/** People of whom it is remembered how they were greeted last. */
const MAX_GREETED = 10_000;

/** Whoever is taken over is on the line already: there may be more of them than calls are taken. */
const TAKEN_OVER_SHARE = 2;

type NewCall = Omit<TakenOver, 'resumed' | 'startedAtMs'> & Partial<TakenOver>;

type Drain = { readonly how: 'move' | 'wind-up'; readonly deadline: number };

export class Calls {
  readonly #options: CallsOptions;
  readonly #calls = new Map<string, Call>();
  /** How many calls a person has had from this process; varies the greeting. */
  readonly #callNumbers = new BoundedMap<string, number>(MAX_GREETED);
  readonly #reapers = new Map<string, NodeJS.Timeout>();
  /** Calls that are over, or not ours any more. */
  readonly #ended = new BoundedMap<string, 'ended' | 'broken' | 'moved'>(MAX_ENDED);
  /** Whom we are dialling: the answer may be quicker than the carrier's reply to us. */
  readonly #dialled = new Set<Person>();
  readonly #turnedAway: Record<NoRoom, number> = { draining: 0, late: 0, limit: 0 };
  #isLeaving = false;
  #drain: Drain | undefined;
  readonly #onIdle = new Set<() => void>();

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  get active(): number {
    return this.#calls.size;
  }

  get isDraining(): boolean {
    return this.#isLeaving || this.#drain !== undefined;
  }

  /** No new calls from now on; those that there are go on. */
  refuseNew(): void {
    this.#isLeaving = true;
  }

  get isFull(): boolean {
    return this.noRoom !== undefined;
  }

  /** Why no more calls are taken; undefined while there is room. */
  get noRoom(): NoRoom | undefined {
    const { maxCalls, isOverloaded } = this.#options;
    if (this.isDraining) return 'draining';
    if (isOverloaded?.() === true) return 'late';
    return this.#calls.size + this.#dialled.size >= maxCalls ? 'limit' : undefined;
  }

  /** Of callers and of those to be called, since the start. */
  get turnedAway(): Readonly<Record<NoRoom, number>> {
    return this.#turnedAway;
  }

  /** Somebody hears that there is no room, or is not rung for it. */
  turnAway(): NoRoom {
    // What was shut a moment ago may have opened since.
    const why = this.noRoom ?? 'limit';
    this.#turnedAway[why] += 1;
    return why;
  }

  get(callSid: string): Call | undefined {
    return this.#calls.get(callSid);
  }

  /**
   * Undefined for a call that this process has not seen end; 'broken' where a defect ended it,
   * 'moved' where it goes on elsewhere.
   */
  endOf(callSid: string): 'ended' | 'broken' | 'moved' | undefined {
    return this.#ended.get(callSid);
  }

  /** The person behind a number that is being dialled just now. */
  dialledPerson(phone: string): Person | undefined {
    for (const person of this.#dialled) if (person.phone === phone) return person;
    return undefined;
  }

  /**
   * A call that is about to have a stream; undefined when no more can be taken, or it is over. One
   * that another process answered as well is let go of again as soon as the store says so.
   */
  answer(callSid: string, direction: Direction, person: Person): Call | undefined {
    const known = this.#calls.get(callSid);
    if (known) return known;
    // Its place was taken when we began to dial.
    const isOurs = direction === 'outbound' && this.#dialled.has(person);
    const end = this.#ended.get(callSid);
    if ((end !== undefined && end !== 'moved') || (this.isFull && !isOurs)) return undefined;
    // One that we did not dial has another process behind it, which is shut out by this.
    const epoch = direction === 'outbound' && !isOurs ? FIRST_EPOCH + 1 : FIRST_EPOCH;
    return this.#create({ callSid, direction, person, epoch });
  }

  /** A call that another process had. Undefined: there is no room even so. */
  resume(taken: TakenOver): Call | undefined {
    const { maxCalls } = this.#options;
    if (this.#calls.size >= maxCalls * TAKEN_OVER_SHARE) return undefined;
    this.#ended.delete(taken.callSid);
    const call = this.#create(taken);
    if (taken.resumed) call.awaitStream();
    return call;
  }

  /** A call that another process had, whose stream was lost too often. */
  giveUpElsewhere(taken: Omit<TakenOver, 'resumed'>): void {
    const { records, wallClock, keep } = this.#options.services;
    const identity = { ...taken, greeting: [] };
    const recorder = new CallRecorder({ identity, records, wallClock, now: monotonicMs });
    recorder.lineTrouble();
    recorder.ended('stream-lost', Number.MAX_SAFE_INTEGER);
    recorder.callBackDue();
    keep(recordOf(identity), () => undefined).ended();
    this.#ended.set(taken.callSid, 'ended');
  }

  /** Dials a person at their stored number. Rejects with VendorError when the carrier refuses. */
  async place(person: Person): Promise<PlaceCallResult> {
    if (!person.active) return { refused: 'inactive' };
    if (this.isFull) {
      this.turnAway();
      return { refused: 'full' };
    }
    const { answer, status, amd } = this.#options.urls();
    const { telephony } = this.#options.services;
    const dialled = { ...person };
    this.#dialled.add(dialled);
    try {
      const callSid = await telephony.placeCall({
        to: person.phone,
        answerUrl: answer,
        statusUrl: status,
        amdUrl: amd,
        ringTimeoutSeconds: RING_TIMEOUT_SECONDS,
        timeLimitSeconds: TIME_LIMIT_SECONDS,
      });
      // Both may have been quicker than the carrier's own reply: the answer, and even the end.
      if (this.#calls.has(callSid) || this.#ended.has(callSid)) return { callSid };
      if (this.isDraining) {
        await telephony.cancel(callSid);
        return { refused: 'full' };
      }
      this.#create({ callSid, direction: 'outbound', person, epoch: FIRST_EPOCH });
      return { callSid };
    } finally {
      this.#dialled.delete(dialled);
      this.#tellIfIdle();
    }
  }

  /**
   * A stream whose token was good and was given out under `epoch`. Undefined: the call is over, or
   * somebody else's by now.
   */
  attach(callSid: string, stream: CallStream, epoch: number): CallSink | undefined {
    const call = this.#calls.get(callSid);
    if (!call || call.isEnding || call.identity.epoch !== epoch) return undefined;
    this.#stopReaper(callSid);
    return call.attach(stream);
  }

  /** The carrier says that a call is over, whether we knew it or not. `told`: by another process. */
  over(callSid: string, from: 'carrier' | 'told' = 'carrier'): void {
    const call = this.#calls.get(callSid);
    if (call) return call.hungUp();
    const wasKnown = this.#ended.get(callSid);
    if (wasKnown !== 'broken') this.#ended.set(callSid, 'ended');
    if (from === 'carrier' && (wasKnown === undefined || wasKnown === 'moved')) {
      this.#options.onElsewhere?.({ what: 'over', callSid });
    }
  }

  /** Who picked up, as far as the carrier can tell. */
  answeredBy(
    callSid: string,
    who: 'human' | 'machine' | 'fax' | 'unknown',
    from: 'carrier' | 'told' = 'carrier',
  ): void {
    const call = this.#calls.get(callSid);
    if (call) call.answeredBy(who);
    else if (from === 'carrier') this.#options.onElsewhere?.({ what: 'answered-by', callSid, who });
  }

  /** Another process holds the call under this epoch: unless ours is higher, it is not ours. */
  overtaken(callSid: string, epoch: number): void {
    const call = this.#calls.get(callSid);
    if (call && call.identity.epoch < epoch) call.overtaken();
  }

  /** A sign of life of every call, and a look whether each is still ours. */
  keepAlive(): void {
    for (const call of this.#calls.values()) call.keepAlive();
  }

  /**
   * Ends every call: by moving it at the next boundary, or with a spoken goodbye. Phones that still
   * ring are hung up. Resolves when no call is left or the deadline (monotonic) has passed.
   */
  async drain(how: 'move' | 'wind-up', deadline: number): Promise<void> {
    this.#drain = { how, deadline };
    for (const call of [...this.#calls.values()]) this.#drainCall(call, { how, deadline });
    if (this.#isIdle) return;
    const { promise: idle, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.max(0, deadline - monotonicMs()));
    this.#onIdle.add(resolve);
    await idle;
    clearTimeout(timer);
    this.#onIdle.delete(resolve);
  }

  /** Ends what is left without a word; `move`: or lets it go, since another process can go on. */
  close(how: Drain['how'] = this.#drain?.how ?? 'wind-up'): void {
    this.#drain ??= { how, deadline: monotonicMs() };
    for (const call of [...this.#calls.values()]) {
      if (how === 'move' && call.wasAnswered) call.overtaken();
      else call.cutOff();
    }
    for (const callSid of [...this.#reapers.keys()]) this.#stopReaper(callSid);
  }

  get #isIdle(): boolean {
    return this.#calls.size === 0 && this.#dialled.size === 0;
  }

  #tellIfIdle(): void {
    if (!this.#isIdle) return;
    for (const tell of this.#onIdle) tell();
  }

  #drainCall(call: Call, { how, deadline }: Drain): void {
    const isRinging = call.identity.direction === 'outbound' && !call.wasAnswered;
    if (isRinging) call.cancel();
    else call.drain(how, deadline);
  }

  #create(begun: NewCall): Call {
    const { callSid, direction, person: known, epoch, startedAtMs, resumed } = begun;
    const person = known.active ? known : withoutPersonalData(known);
    const { services, settings } = this.#options;
    const at = services.wallClock();
    const callNumber = this.#nextCallNumber(person.personId);
    const greeting = greetingParts({ person, direction, at, callNumber });
    const call = new Call(
      { callSid, direction, person, greeting, epoch, startedAtMs, resumed },
      services,
      (end) => this.#finished(callSid, end),
      settings,
    );
    this.#calls.set(callSid, call);
    this.#reapers.set(
      callSid,
      setTimeout(() => call.endHere(), UNANSWERED_MS),
    );
    // Owned here: it never rejects, and a call without its greeting in the cache speaks it live.
    void call.prewarm();
    if (this.#drain) call.drain(this.#drain.how, this.#drain.deadline);
    return call;
  }

  #nextCallNumber(personId: string): number {
    const callNumber = this.#callNumbers.get(personId) ?? 0;
    this.#callNumbers.set(personId, callNumber + 1);
    return callNumber;
  }

  #finished(callSid: string, { broken, reason }: CallEnd): void {
    this.#calls.delete(callSid);
    this.#stopReaper(callSid);
    this.#ended.set(callSid, broken ? 'broken' : reason === 'moved' ? 'moved' : 'ended');
    this.#tellIfIdle();
  }

  #stopReaper(callSid: string): void {
    clearTimeout(this.#reapers.get(callSid));
    this.#reapers.delete(callSid);
  }
}
