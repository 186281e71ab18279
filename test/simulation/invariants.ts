/**
 * What must hold after every step of every call, whatever goes wrong. Judged from outside: by the
 * facts that were fed, the orders that came back, and what the caller truly heard.
 */
import type { CallState } from '../../src/conversation/state.ts';
import type { Effect, Input } from '../../src/conversation/types.ts';
import { Waiting } from './waiting.ts';
import type { VirtualLine } from '../helpers/virtual-line.ts';

export const INVARIANTS = [
  'words-lost',
  'words-doubled',
  'heard-text',
  'one-mouth',
  'bounded',
  'ends',
  'silence',
  'busy-loop',
  'pure',
  'protocol',
  'alerts',
] as const;
export type Invariant = (typeof INVARIANTS)[number];

export type Violation = {
  readonly invariant: Invariant;
  readonly at: number;
  readonly what: string;
};

const MAX_UTTERANCES = 10;
const MAX_STATE_CHARS = 60_000;
const MAX_EFFECTS = 60;

export type Surroundings = {
  readonly line: VirtualLine;
  readonly networkMs: number;
  /** Marks come in time and the voice tells its timings, so that the heard text is exact. */
  readonly exactHearing: (utterance: number) => boolean;
  readonly draftsPerTurn: number;
  readonly state: () => CallState;
};

type Turn = { text: string; as: 'turn' | 'backchannel' };

/** The words made for a simulation: each of them occurs once. */
export function uniqueWords(text: string): string[] {
  return text.toLowerCase().match(/\b(?:w\d+|u\d+x\d+)\b/g) ?? [];
}

export class Auditor {
  readonly violations: Violation[] = [];
  readonly #s: Surroundings;
  #now = 0;
  /** Words the recogniser has declared final. */
  readonly #finalised = new Set<string>();
  readonly #turns = new Map<string, Turn>();
  readonly #asked = new Set<number>();
  readonly #live = new Set<number>();
  readonly #cancelledAt = new Map<number, number>();
  readonly #released = new Set<number>();
  readonly #concluded = new Map<number, string>();
  readonly #drafts = new Map<string, number>();
  readonly #tools = new Set<string>();
  readonly #alarms = new Set<string>();
  readonly #alarming = new Set<number>();
  #paused = false;
  #hungUp = false;
  #finished = false;
  #attached = false;
  #linesDown = false;
  readonly #waiting = new Waiting();

  constructor(surroundings: Surroundings) {
    this.#s = surroundings;
  }

  get finished(): boolean {
    return this.#finished;
  }

  fail(invariant: Invariant, what: string): void {
    if (this.violations.length < 20) this.violations.push({ invariant, at: this.#now, what });
  }

  /** The process is gone: what it was doing is over, what it had written down is not. */
  died(now: number): void {
    this.#now = now;
    this.#attached = false;
    this.#paused = false;
    this.#hungUp = false;
    this.#live.clear();
    this.#waiting.over();
    for (const utterance of this.#released) this.#cancelledAt.set(utterance, now);
  }

  /** Before a fact is fed. */
  before(input: Input, now: number): void {
    this.#now = now;
    if (input.kind === 'stream-attached') this.#attached = true;
    if (input.kind === 'stream-closed' || input.kind === 'hung-up') {
      this.#attached = false;
      this.#waiting.over();
    }
    if (input.kind === 'audio-failed') this.#linesDown ||= !this.#asked.has(input.utterance);
    if (input.kind === 'drain' || input.kind === 'answered-by') this.#waiting.over();
    if (input.kind === 'reply-done' || input.kind === 'reply-failed') {
      this.#live.delete(input.utterance);
    }
    if (input.kind !== 'caller-final' || !this.#attached || this.#finished || this.#hungUp) return;
    for (const word of uniqueWords(input.text)) this.#finalised.add(word);
  }

  /** After its orders were given. */
  after(input: Input, effects: readonly Effect[], state: CallState): void {
    if (effects.length > MAX_EFFECTS) this.fail('bounded', `${effects.length} effects in one step`);
    for (const effect of effects) this.#judge(effect);
    if (input.kind === 'caller-final') this.#judgeAlarm(input, effects, state);
    this.#judgeSize(state);
    if (state.caller.at === 'quiet' || this.#finished) this.#judgeWords();
    this.#judgeMouth();
  }

  #judge(effect: Effect): void {
    if (this.#finished) this.fail('ends', `${effect.kind} after finish`);
    switch (effect.kind) {
      case 'ask-model':
        return this.#judgeAsk(effect);
      case 'cancel-model':
        if (!this.#asked.has(effect.utterance))
          this.fail('protocol', 'cancel of an unknown request');
        this.#live.delete(effect.utterance);
        return;
      case 'say':
        if (this.#cancelledAt.has(effect.utterance)) this.fail('protocol', 'say after cancel');
        return;
      case 'release':
        if (this.#released.has(effect.utterance)) this.fail('protocol', 'released twice');
        if (this.#cancelledAt.has(effect.utterance)) this.fail('protocol', 'release after cancel');
        this.#released.add(effect.utterance);
        return;
      case 'cancel-speech':
        if (this.#cancelledAt.has(effect.utterance))
          this.fail('protocol', 'speech cancelled twice');
        this.#cancelledAt.set(effect.utterance, this.#now);
        return;
      case 'pause':
      case 'unpause':
        if (this.#paused === (effect.kind === 'pause'))
          this.fail('protocol', `${effect.kind} twice`);
        this.#paused = effect.kind === 'pause';
        return;
      case 'record-caller':
        return this.#judgeCaller(effect);
      case 'record-companion':
        return this.#judgeHeard(effect);
      case 'run-tool':
        if (this.#tools.has(effect.callId))
          this.fail('protocol', `tool ${effect.callId} run twice`);
        this.#tools.add(effect.callId);
        return;
      case 'hang-up':
        if (this.#hungUp) this.fail('ends', 'hang-up twice');
        if (!['drain', 'fax'].includes(effect.reason) && this.#s.line.audibleNow() !== undefined) {
          this.fail('ends', `hang-up (${effect.reason}) into our own words`);
        }
        this.#hungUp = true;
        this.#waiting.over();
        return;
      case 'move-call':
        this.#waiting.over();
        return;
      case 'finish':
        this.#finished = true;
        this.#waiting.over();
        return;
      case 'say-line':
        if (!['filler', 'checking', 'lost-you', 'greeting', 'cut-in'].includes(effect.line)) {
          this.#waiting.answeredBy(effect.utterance);
        }
        return;
      case 'note':
        if (effect.note.what === 'draft-promoted') this.#waiting.answeredBy(effect.note.utterance);
        if (effect.note.what === 'utterance-played') this.#waiting.heard(effect.note.utterance);
        if (effect.note.what === 'barge-in') this.#waiting.heard(effect.note.utterance);
        return;
      default:
        return;
    }
  }

  #judgeAsk(ask: Extract<Effect, { kind: 'ask-model' }>): void {
    if (this.#asked.has(ask.utterance)) this.fail('protocol', `asked twice for ${ask.utterance}`);
    this.#asked.add(ask.utterance);
    this.#live.add(ask.utterance);
    if (this.#live.size > 1) {
      this.fail('bounded', `requests at once: ${[...this.#live].join(' ')}`);
    }
    if (!ask.draft) this.#waiting.askedFor(ask.turnId, ask.utterance);
    if (ask.draft) {
      const drafts = (this.#drafts.get(ask.turnId) ?? 0) + 1;
      this.#drafts.set(ask.turnId, drafts);
      // One more may be made for a final whose end-silence is waited for.
      if (drafts > this.#s.draftsPerTurn) this.fail('bounded', `${drafts} drafts of ${ask.turnId}`);
    }
    const shown = ask.history.flatMap((e) => (e.role === 'caller' ? uniqueWords(e.text) : []));
    const twice = shown.filter((word, at) => shown.indexOf(word) !== at);
    if (twice.length > 0) this.fail('words-doubled', `the model is shown ${twice.join(' ')} twice`);
    const given = new Set(shown);
    for (const [turnId, turn] of this.#turns) {
      if (turn.as === 'backchannel' || turnId === ask.turnId) continue;
      const missing = uniqueWords(turn.text).filter((word) => !given.has(word));
      if (missing.length > 0)
        this.fail('words-lost', `the model is not shown ${missing.join(' ')}`);
    }
    const own = this.#turns.get(ask.turnId);
    const missing = uniqueWords(own?.as === 'turn' ? own.text : '').filter((w) => !given.has(w));
    if (missing.length > 0) this.fail('words-lost', `the model is not shown ${missing.join(' ')}`);
    for (const entry of ask.history) {
      if (entry.role === 'companion' && !entry.open) {
        const heard = this.#concluded.get(entry.utterance);
        if (heard !== entry.text)
          this.fail('heard-text', `history has "${entry.text}", not "${heard}"`);
      }
      if (entry.role === 'tool' && entry.result === undefined && !ask.draft) {
        this.fail('protocol', `request with an unsettled tool ${entry.callId}`);
      }
    }
  }

  #judgeCaller(record: Extract<Effect, { kind: 'record-caller' }>): void {
    const known = this.#turns.get(record.turnId);
    const fresh = uniqueWords(record.text);
    const gone = uniqueWords(known?.text ?? '').filter((word) => !fresh.includes(word));
    if (gone.length > 0) this.fail('words-lost', `a new revision drops ${gone.join(' ')}`);
    this.#turns.set(record.turnId, { text: record.text, as: record.as });
    const all = [...this.#turns.values()].flatMap((turn) => uniqueWords(turn.text));
    const twice = all.filter((word, at) => all.indexOf(word) !== at);
    if (twice.length > 0) this.fail('words-doubled', `recorded twice: ${twice.join(' ')}`);
    if (record.text.trim() === '') this.fail('protocol', 'an empty caller turn');
    if (record.as === 'turn' && this.#attached && !this.#hungUp) {
      this.#waiting.begin(record.turnId, this.#now);
    }
  }

  /** Nobody talks, so everything that is final must be on record. */
  #judgeWords(): void {
    if (this.#finalised.size === 0) return;
    const recorded = new Set([...this.#turns.values()].flatMap((t) => uniqueWords(t.text)));
    for (const word of this.#finalised) {
      if (!recorded.has(word)) this.fail('words-lost', `${word} was final and is not on record`);
    }
    this.#finalised.clear();
  }

  #judgeHeard(record: Extract<Effect, { kind: 'record-companion' }>): void {
    const { utterance, heard, interrupted } = record;
    if (this.#concluded.has(utterance))
      this.fail('heard-text', `utterance ${utterance} recorded twice`);
    this.#concluded.set(utterance, heard);
    const said = heard.split(/\s+/).filter((w) => w !== '');
    const truth = this.#s.line.heardWords(utterance);
    const prefix = this.#s.line.wordsOf(utterance).slice(0, said.length);
    if (prefix.map((w) => w.text).join(' ') !== said.join(' ')) {
      this.fail('heard-text', `"${heard}" is no beginning of utterance ${utterance}`);
    }
    const off = Math.abs(said.length - truth.length);
    const slack = this.#s.exactHearing(utterance) ? 1 : 3 + 0.4 * truth.length;
    if (off > slack) {
      const how = interrupted ? 'cut' : 'played';
      this.fail(
        'heard-text',
        `${utterance} ${how}: ${said.length} words heard, truly ${truth.length}`,
      );
    }
  }

  /** Danger is told of at once, and once per turn. */
  #judgeAlarm(
    input: Extract<Input, { kind: 'caller-final' }>,
    effects: readonly Effect[],
    state: CallState,
  ): void {
    const told = effects.flatMap((e) => (e.kind === 'raise-alert' ? [e.turnId ?? ''] : []));
    for (const turnId of told) {
      if (this.#alarms.has(turnId)) this.fail('alerts', `two alerts for turn ${turnId}`);
      this.#alarms.add(turnId);
    }
    const fresh = input.observed !== undefined && !this.#alarming.has(input.sttTurn);
    if (!fresh || !this.#attached || this.#finished) return;
    this.#alarming.add(input.sttTurn);
    const turn = state.caller.at === 'quiet' ? state.lastTurn?.turnId : state.caller.turn.turnId;
    if (told.length === 0 && !this.#alarms.has(turn ?? '')) {
      this.fail('alerts', `no alert for the recogniser's turn ${input.sttTurn}`);
    }
  }

  #judgeSize(state: CallState): void {
    if (state.utterances.length > MAX_UTTERANCES) {
      this.fail('bounded', `${state.utterances.length} utterances at once`);
    }
    if (state.tools.length > 4) this.fail('bounded', `${state.tools.length} tools at once`);
    if (this.#s.line.size > 80) this.fail('bounded', `the line holds ${this.#s.line.size} things`);
    if (state.history.length > 400) this.fail('bounded', 'history');
  }

  /** Nothing of an utterance is audible after its cancellation has reached the carrier. */
  #judgeMouth(): void {
    const audible = this.#s.line.audibleNow();
    if (audible === undefined) return;
    const since = this.#cancelledAt.get(audible);
    if (since !== undefined && this.#now > since + this.#s.networkMs + 1) {
      this.fail(
        'one-mouth',
        `utterance ${audible} is audible ${this.#now - since} ms after its end`,
      );
    }
    if (!this.#released.has(audible)) this.fail('one-mouth', `${audible} was never released`);
  }

  /** As time passes: a caller who waits must not hear silence for long. `callerTalks`: for the core. */
  watch(now: number, callerTalks: boolean): void {
    this.#now = now;
    this.#judgeMouth();
    const sound = callerTalks || this.#linesDown || this.#s.line.audibleNow() !== undefined;
    const silence = this.#waiting.silence(now, sound);
    if (silence !== undefined) this.fail('silence', silence);
  }

  /** When nothing more will happen. */
  conclude(now: number): void {
    this.#now = now;
    if (!this.#finished) this.fail('ends', 'the call never finished');
    this.#judgeWords();
    if (JSON.stringify(this.#s.state()).length > MAX_STATE_CHARS)
      this.fail('bounded', 'state size');
    for (const nonsense of this.#s.line.nonsense) this.fail('protocol', nonsense);
    this.#judgeRepeats();
  }

  /** No part of a reply is heard twice, and its parts are heard in order. */
  #judgeRepeats(): void {
    const reached = new Map<number, number>();
    for (const { utterance, fromMs, toMs, fromAt } of this.#s.line.heard) {
      if (!this.#asked.has(utterance)) continue;
      if (fromMs + 1 < (reached.get(utterance) ?? 0)) {
        this.fail('one-mouth', `utterance ${utterance} repeats itself at ${fromAt}`);
      }
      reached.set(utterance, toMs);
    }
  }
}
