/**
 * Takes over a call that another process had: gathers what is known of it, claims it under a new
 * epoch, which shuts the process before out, and goes on where that one was.
 */
import { linesFor } from '../src/companion/lines.ts';
import { withoutPersonalData, type Person } from '../src/companion/person.ts';
import { numberedFrom } from '../src/conversation/resume.ts';
import type { SessionStore } from '../src/store/session-store.ts';
import type { Call } from './call.ts';
import { MAX_RESUMES, type Calls, type Direction } from './calls.ts';
import { recall, type Recalled, type RecallOptions } from './recall.ts';

export type TakeoverOptions = Omit<RecallOptions, 'store'> & {
  readonly store: Pick<SessionStore, 'getCall' | 'loadSnapshot' | 'nextEpoch'>;
  readonly calls: Pick<Calls, 'get' | 'endOf' | 'resume' | 'giveUpElsewhere'>;
};

export type TakeoverRequest = {
  readonly callSid: string;
  readonly direction: Direction;
  readonly person: Person;
  /** That it is this person, where nothing is known of how sure that was when the call began. */
  readonly isSure: boolean;
  /**
   * `resume`: its stream is gone and the carrier asks for another. `stream`: the stream that another
   * process let in has come here, so that nothing was lost.
   */
  readonly why: 'resume' | 'stream';
  /** The carrier says that the call is under way. */
  readonly inProgress: boolean;
  /** The highest epoch that the asker knows of. */
  readonly above: number;
};

export type Taken =
  | { readonly kind: 'taken'; readonly call: Call }
  | { readonly kind: 'over' }
  /** Its stream was lost too often. */
  | { readonly kind: 'given-up' }
  | { readonly kind: 'full' };

/** Of one process, the utterances and turns that its numbers have room for. */
const NUMBERS_PER_EPOCH = 1_000;
/** Where the store cannot hand out epochs, they are the whole seconds since then. */
const EPOCHS_SINCE_MS = Date.UTC(2026, 0);

export class Takeover {
  readonly #options: TakeoverOptions;
  /** The carrier may ask twice; both get the same answer. */
  readonly #underWay = new Map<string, Promise<Taken>>();

  constructor(options: TakeoverOptions) {
    this.#options = options;
  }

  /** Never rejects. Quick also where stores are away: somebody is on the line. */
  async take(request: TakeoverRequest): Promise<Taken> {
    const { callSid } = request;
    const known = this.#underWay.get(callSid);
    if (known) return await known;
    const taking = this.#take(request).finally(() => this.#underWay.delete(callSid));
    this.#underWay.set(callSid, taking);
    return await taking;
  }

  async #take(request: TakeoverRequest): Promise<Taken> {
    const { callSid, direction, inProgress } = request;
    const { calls } = this.#options;
    const { filler, checking, voicemail } = linesFor(request.person.language, '');
    const fillers = new Set([...filler, ...checking, ...voicemail]);
    const known = await recall(callSid, this.#options, (text) => fillers.has(text));
    const before = this.#settledHere(callSid);
    if (before) return before;
    if (known.isOver || (!known.isKnown && !inProgress)) return { kind: 'over' };
    const isFresh = request.why === 'stream' && hadNoStream(known);
    const resumeCount = known.resumeCount + (request.why === 'resume' ? 1 : 0);
    const epoch = await this.#claim(request, known);
    const meanwhile = this.#settledHere(callSid);
    if (meanwhile) return meanwhile;
    const { startedAtMs, record } = known;
    const isPlain = record?.isPlain ?? !request.isSure;
    const person = isPlain ? withoutPersonalData(request.person) : request.person;
    const facts = { callSid, direction, person, epoch, startedAtMs };
    if (resumeCount > MAX_RESUMES) {
      calls.giveUpElsewhere(facts);
      return { kind: 'given-up' };
    }
    const snapshot = numberedFrom(known.snapshot, epoch * NUMBERS_PER_EPOCH);
    const call = calls.resume({
      ...facts,
      resumed: isFresh ? undefined : { snapshot, resumeCount },
    });
    return call ? { kind: 'taken', call } : { kind: 'full' };
  }

  /** What this process has come to know of the call while it asked others. */
  #settledHere(callSid: string): Taken | undefined {
    const { calls } = this.#options;
    const call = calls.get(callSid);
    if (call) return { kind: 'taken', call };
    const end = calls.endOf(callSid);
    return end === undefined || end === 'moved' ? undefined : { kind: 'over' };
  }

  /**
   * Without the store there is no fence; but whoever takes a call later has a higher number, and
   * with it turns of its own.
   */
  async #claim({ callSid, above }: TakeoverRequest, { record }: Recalled): Promise<number> {
    const known = Math.max(above, record?.epoch ?? 0, 1);
    try {
      return await this.#options.store.nextEpoch(callSid, known);
    } catch {
      const seconds = Math.floor((this.#options.now() - EPOCHS_SINCE_MS) / 1_000);
      return Math.max(known + 1, seconds);
    }
  }
}

/** Whoever is on the line has heard nothing yet, as far as anybody knows. */
function hadNoStream({ record, stored, snapshot, resumeCount }: Recalled): boolean {
  if (record) return record.phase === 'ringing';
  const turns = stored?.turns.length ?? 0;
  return resumeCount === 0 && turns === 0 && snapshot.history.length === 0;
}
