/**
 * A scripted call of the conversation core on virtual time: feed it facts, let time pass, ask what
 * it ordered. The mouth (voice, outlet, carrier) answers by itself unless switched off; the caller's
 * words and the model's are scripted by the test.
 */
import { defaultSettings } from '../../src/conversation/settings.ts';
import type { CallState } from '../../src/conversation/state.ts';
import { startCall, step } from '../../src/conversation/step.ts';
import type {
  Effect,
  EndReason,
  HistoryEntry,
  Input,
  LineId,
  Note,
  Settings,
  UtteranceId,
} from '../../src/conversation/types.ts';
import { GOOD_MANNERS, VirtualLine, type LineManners } from './virtual-line.ts';
import { VirtualTime } from './virtual-time.ts';

export type Kind = Effect['kind'];
export type Of<K extends Kind> = Extract<Effect, { kind: K }>;
export type Ordered = { readonly at: number; readonly effect: Effect };

export const LINES: Readonly<Record<LineId, readonly string[]>> = {
  greeting: ['Good morning this is your companion calling how are you today?'],
  goodbye: ['Goodbye for now and take care.'],
  filler: ['Let me think.'],
  checking: ['Let me look that up.'],
  trouble: ['I am sorry I had trouble thinking just now.'],
  'lost-thread': ['I lost my thread there.'],
  'did-not-catch': ['I did not catch that.'],
  'still-there': ['Are you still there?'],
  'cannot-hear': ['I cannot hear you.'],
  'idle-goodbye': ['I will call again another time goodbye.'],
  'cut-in': ['May I just say something.'],
  'time-goodbye': ['Our time is up goodbye for today.'],
  'drain-goodbye': ['I must go now goodbye and take care.'],
  'lost-you': ['Sorry I lost you for a moment.'],
  keypad: ['Press one if you need help.'],
  'still-with-you': ['I am still with you. Call for help if you can.'],
  'help-coming': ['If it is urgent, call the emergency number.'],
  voicemail: ['Hello this is your companion I will call again.'],
};

/** The shell waits this long before a timer that has come due already counts as a busy loop. */
const MAX_TICKS_AT_ONCE = 50;

export type CallOptions = {
  readonly settings?: Partial<Settings>;
  readonly language?: 'en' | 'es';
  readonly manners?: Partial<LineManners>;
  /** False: no voice, outlet or carrier; the test reports what they would. */
  readonly mouth?: boolean;
  /** Where the monotonic clock begins. */
  readonly origin?: number;
  /** A call that goes on from here; its own settings hold. */
  readonly from?: CallState;
};

export class CoreCall {
  readonly time = new VirtualTime();
  readonly line: VirtualLine;
  readonly settings: Settings;
  readonly ordered: Ordered[] = [];
  #state: CallState;
  readonly #mouth: boolean;
  readonly #origin: number;
  readonly #inbox: Input[] = [];
  #stepping = false;
  #alarm: (() => void) | undefined;
  #ticksAtOnce = 0;
  #sttTurn = 0;

  constructor(options: CallOptions = {}) {
    this.#origin = options.origin ?? 0;
    this.#mouth = options.mouth ?? true;
    this.settings = options.from?.settings ?? {
      ...defaultSettings(LINES, options.language ?? 'en'),
      ...options.settings,
    };
    const manners = { ...GOOD_MANNERS, ...options.manners };
    this.line = new VirtualLine(this.time, manners, (input) => this.feed(input));
    this.#state = deepFreeze(options.from ?? startCall(this.settings, this.#origin));
  }

  get now(): number {
    return this.time.now;
  }

  /** The core's own state, to compare before and after. */
  get state(): unknown {
    return this.#state;
  }

  /** Feeds one fact, performs what is ordered, and returns what this fact led to. */
  feed(input: Input): readonly Effect[] {
    this.#inbox.push(input);
    if (this.#stepping) return [];
    const from = this.ordered.length;
    this.#stepping = true;
    for (let next = this.#inbox.shift(); next; next = this.#inbox.shift()) this.#step(next);
    this.#stepping = false;
    return this.ordered.slice(from).map((o) => o.effect);
  }

  #step(input: Input): void {
    const now = this.#origin + this.time.now;
    const result = step(this.#state, deepFreeze(input), now);
    this.#state = deepFreeze(result.state);
    if (this.#mouth && input.kind === 'stream-attached') this.line.attach();
    if (this.#mouth && input.kind === 'stream-closed') this.line.lose();
    if (this.#mouth && input.kind === 'hung-up') this.line.lose();
    for (const effect of result.effects) {
      this.ordered.push({ at: this.time.now, effect });
      if (this.#mouth) this.line.perform(effect);
    }
    this.#alarm?.();
    this.#alarm = undefined;
    if (result.wakeAt === undefined) return;
    if (Number.isNaN(result.wakeAt)) throw new Error('wakeAt is not a number');
    this.#ticksAtOnce = input.kind === 'tick' && result.wakeAt <= now ? this.#ticksAtOnce + 1 : 0;
    if (this.#ticksAtOnce > MAX_TICKS_AT_ONCE) throw new Error('the core asks for ticks for ever');
    if (!Number.isFinite(result.wakeAt)) return;
    this.#alarm = this.time.at(result.wakeAt - this.#origin, () => this.feed({ kind: 'tick' }));
  }

  /** Lets time pass; returns what was ordered meanwhile. */
  advance(ms: number): readonly Effect[] {
    const from = this.ordered.length;
    this.time.runUntil(this.time.now + ms);
    return this.ordered.slice(from).map((o) => o.effect);
  }

  /** Every order of a kind so far, oldest first. */
  all<K extends Kind>(kind: K): Of<K>[] {
    return pick(
      this.ordered.map((o) => o.effect),
      kind,
    );
  }

  last<K extends Kind>(kind: K): Of<K> {
    const found = this.all(kind).at(-1);
    if (!found) throw new Error(`no ${kind} was ordered`);
    return found;
  }

  /** When the newest order of a kind was given. */
  lastAt(kind: Kind): number {
    const found = this.ordered.findLast((o) => o.effect.kind === kind);
    if (!found) throw new Error(`no ${kind} was ordered`);
    return found.at;
  }

  notes<W extends Note['what']>(what: W): Extract<Note, { what: W }>[] {
    return this.all('note')
      .map((n) => n.note)
      .filter((n): n is Extract<Note, { what: W }> => n.what === what);
  }

  lines(line: LineId): Of<'say-line'>[] {
    return this.all('say-line').filter((e) => e.line === line);
  }

  /** The history that the newest request showed to the model. */
  get history(): readonly HistoryEntry[] {
    return this.last('ask-model').history;
  }

  // What callers do.

  /** Connects the stream and, with a mouth, lets the greeting play to its end. */
  connect(): this {
    this.feed({ kind: 'stream-attached', resumed: false });
    if (this.#mouth) this.settle();
    return this;
  }

  /** Lets time pass until nothing is audible any more and all marks are back. */
  settle(limitMs = 30_000): void {
    const end = this.time.now + limitMs;
    do {
      this.advance(20);
      if (this.time.now > end) throw new Error('the line never falls silent');
    } while (this.line.audibleUntil > this.time.now || this.line.size > 0);
    this.advance(20);
  }

  /** Opens a new turn of the STT and returns its number. */
  begins(text = ''): number {
    this.#sttTurn += 1;
    this.feed({ kind: 'caller-started', sttTurn: this.#sttTurn, text });
    return this.#sttTurn;
  }

  partial(text: string, sttTurn = this.#sttTurn): readonly Effect[] {
    return this.feed({ kind: 'caller-partial', sttTurn, text });
  }

  eager(text: string, sttTurn = this.#sttTurn): readonly Effect[] {
    return this.feed({ kind: 'caller-eager-end', sttTurn, text });
  }

  resumes(text: string, sttTurn = this.#sttTurn): readonly Effect[] {
    return this.feed({ kind: 'caller-resumed', sttTurn, text });
  }

  final(text: string, sttTurn = this.#sttTurn): readonly Effect[] {
    return this.feed({ kind: 'caller-final', sttTurn, text });
  }

  /** A whole plain turn at one instant. */
  says(text: string): readonly Effect[] {
    const from = this.ordered.length;
    this.begins(text.split(' ')[0] ?? '');
    this.partial(text);
    this.final(text);
    return this.ordered.slice(from).map((o) => o.effect);
  }

  // What the model does.

  /** The newest request is answered in whole. */
  replies(text: string, utterance: UtteranceId = this.last('ask-model').utterance): void {
    this.clause(text, utterance);
    this.feed({ kind: 'reply-done', utterance });
  }

  clause(text: string, utterance: UtteranceId = this.last('ask-model').utterance): void {
    this.feed({ kind: 'reply-clause', utterance, text });
  }

  /** The caller says something, the model answers, and all of it is heard. */
  exchange(said: string, reply: string): UtteranceId {
    this.says(said);
    const { utterance } = this.last('ask-model');
    this.replies(reply);
    this.settle();
    return utterance;
  }

  /** What the history shows of one side, as texts. */
  shown(role: 'caller' | 'companion'): string[] {
    return this.history.flatMap((e) => (e.role === role ? [e.text] : []));
  }
}

export function pick<K extends Kind>(effects: readonly Effect[], kind: K): Of<K>[] {
  return effects.filter((e): e is Of<K> => e.kind === kind);
}

export function kinds(effects: readonly Effect[]): Kind[] {
  return effects.map((e) => e.kind);
}

export function reasonOf(call: CoreCall): EndReason {
  return call.last('finish').reason;
}

/** Freezes a value and all it holds; what is frozen already is not visited again. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
