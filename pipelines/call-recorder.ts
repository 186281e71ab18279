/**
 * One call's records: what of its orders must be kept, when it happened, and how long things took.
 *
 * A turn happened when it began: when the caller opened it, or when the first sound of an utterance
 * left for the caller. So a nod in the middle of a sentence comes behind that sentence, and a turn
 * that is told anew keeps its place.
 */
import { accuses } from '../src/companion/accusations.ts';
import type { Effect } from '../src/conversation/types.ts';
import type { CallEvent } from '../src/events.ts';
import { isUuid } from '../src/store/uuid.ts';
import type { CallIdentity } from './call-types.ts';
import type { CallEnding, CallFacts, CallRecords } from './records.ts';

export type CallRecorderOptions = {
  readonly identity: CallIdentity;
  readonly records: CallRecords;
  readonly wallClock: () => Date;
  /** Monotonic milliseconds. */
  readonly now: () => number;
};

type OrderOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>;

/** Of one utterance, monotonic: what is needed until it is recorded. */
type Underway = {
  askedAt?: number;
  tokenAt?: number;
  voiceAskedAt?: number;
  voiceAt?: number;
  audibleAt?: number;
};

/** Turns and utterances of which more than the text is remembered; older ones are long recorded. */
const MAX_UNDERWAY = 64;

export class CallRecorder {
  readonly #options: CallRecorderOptions;
  readonly #call: CallFacts;
  /** Wall clock less monotonic clock: one steps, the other does not. */
  readonly #epochMs: number;
  readonly #utterances = new Map<number, Underway>();
  readonly #openedAt = new Map<string, number>();
  readonly #committedAt = new Map<string, number>();
  #end: CallEnding | undefined;

  constructor(options: CallRecorderOptions) {
    this.#options = options;
    const { callSid, direction, person, startedAtMs } = options.identity;
    this.#epochMs = options.wallClock().getTime() - options.now();
    this.#call = {
      callSid,
      direction,
      // Strangers have no row that this could lead to.
      seniorId: isUuid(person.personId) ? person.personId : undefined,
      startedAtMs: startedAtMs ?? this.#wall(options.now()),
    };
  }

  get call(): CallFacts {
    return this.#call;
  }

  started(): void {
    this.#options.records.started(this.#call);
  }

  resumed(resumeCount: number): void {
    this.#options.records.resumed(this.#call, resumeCount);
  }

  handedOver(): void {
    this.#options.records.handedOver(this.#call);
  }

  /** The line could not be held; the family hears of it. */
  lineTrouble(): void {
    const evidence = 'The connection was lost again and again, and the call was given up.';
    this.alertRaised({
      kind: 'raise-alert',
      turnId: undefined,
      signal: { category: 'line-trouble', severity: 'medium', evidence },
    });
  }

  /** Behind `ended`. */
  callBackDue(): void {
    if (this.#end) this.#options.records.callBackDue(this.#call, this.#end);
  }

  ended(reason: string, resumeCount: number): void {
    const { records, now } = this.#options;
    this.#end = { endedAtMs: this.#wall(now()), reason };
    records.ended(this.#call, this.#end.endedAtMs, reason, resumeCount);
  }

  /** Every event of the call, as it happens: what took how long is read off them. */
  take(event: CallEvent): void {
    switch (event.what) {
      case 'turn-opened':
        put(this.#openedAt, event.turnId, this.#options.now());
        return;
      case 'reply-asked':
        this.#underway(event.utterance).askedAt ??= this.#options.now();
        return;
      case 'reply-first-token':
        this.#underway(event.utterance).tokenAt ??= this.#options.now();
        return;
      case 'voice-asked':
        this.#underway(event.utterance).voiceAskedAt ??= this.#options.now();
        return;
      case 'voice-first-byte':
        this.#underway(event.utterance).voiceAt ??= this.#options.now();
        return;
      case 'first-audio':
        this.#underway(event.utterance).audibleAt ??= this.#options.now();
        return;
      default:
        return;
    }
  }

  callerSaid(order: OrderOf<'record-caller'>): void {
    const { turnId, revision, text } = order;
    const now = this.#options.now();
    const openedAt = this.#openedAt.get(turnId) ?? now;
    put(this.#openedAt, turnId, openedAt);
    put(this.#committedAt, turnId, now);
    this.#options.records.turn(this.#call, {
      speaker: 'caller',
      turnKey: turnId,
      revision,
      kind: order.as,
      answers: undefined,
      heard: text,
      spoken: undefined,
      interrupted: false,
      happenedAtMs: this.#wall(openedAt),
      timings: figures({ speechMs: now - openedAt }),
    });
  }

  companionSaid(order: OrderOf<'record-companion'>): void {
    const { utterance, turnId, heard, interrupted, whole } = order;
    const now = this.#options.now();
    const at = this.#utterances.get(utterance) ?? {};
    this.#utterances.delete(utterance);
    const begunAt = at.audibleAt ?? now;
    const committedAt = turnId === undefined ? undefined : this.#committedAt.get(turnId);
    this.#options.records.turn(this.#call, {
      speaker: 'companion',
      turnKey: `u-${utterance}`,
      revision: 0,
      kind: 'turn',
      answers: turnId,
      heard,
      spoken: whole === heard ? undefined : whole,
      interrupted,
      happenedAtMs: this.#wall(begunAt),
      timings: figures({
        firstTokenMs: between(at.askedAt, at.tokenAt),
        voiceFirstByteMs: between(at.voiceAskedAt, at.voiceAt),
        firstAudioMs: between(committedAt, at.audibleAt),
        audibleMs: between(at.audibleAt, now),
      }),
    });
  }

  /** A fall that somebody close has caused quotes the accusation too: it is held like that one. */
  alertRaised({ turnId, signal }: OrderOf<'raise-alert'>): void {
    const { language } = this.#options.identity.person;
    this.#options.records.alert(this.#call, {
      alertKey: `${this.#call.callSid}/${turnId ?? 'call'}/${signal.category}`,
      turnKey: turnId,
      category: signal.category,
      severity: signal.severity,
      evidence: signal.evidence,
      raisedAtMs: this.#wall(this.#options.now()),
      withheldFrom: [],
      held: accuses(signal.evidence, language),
    });
  }

  /** Unix milliseconds, whole, of a moment on the monotonic clock. */
  #wall(atMs: number): number {
    return Math.round(this.#epochMs + atMs);
  }

  #underway(utterance: number): Underway {
    const known = this.#utterances.get(utterance);
    if (known) return known;
    const begun: Underway = {};
    put(this.#utterances, utterance, begun);
    return begun;
  }
}

function put<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > MAX_UNDERWAY && !oldest.done) map.delete(oldest.value);
}

function between(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : Math.max(0, to - from);
}

/** Those that are known, in whole milliseconds. */
function figures(all: Readonly<Record<string, number | undefined>>): Record<string, number> {
  const known: Record<string, number> = {};
  for (const [name, ms] of Object.entries(all)) if (ms !== undefined) known[name] = Math.round(ms);
  return known;
}
