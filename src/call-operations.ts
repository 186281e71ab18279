/**
 * What took how long in a call, worked out from its events: the operations that metrics count and
 * traces draw. Pure bookkeeping; no clock but the events' own stamps, all monotonic milliseconds.
 */
import type { TimedCallEvent } from './events.ts';
import type { Vendor, VendorFailure } from './errors.ts';

export type Outcome = 'done' | 'cancelled' | 'failed';

export type Usage = {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
};

type Timed = {
  readonly callSid: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Undefined: it belongs to the call, not to one turn of it. */
  readonly turnId: string | undefined;
};

/** One turn's hearing, from the first sign of speech to the recogniser's last word. */
export type SttOperation = Timed & {
  readonly kind: 'stt';
  readonly sttTurn: number;
  readonly vendor: Vendor | undefined;
  /** Audio the recogniser had been given and not yet judged when it ended the turn. */
  readonly lagMs: number | undefined;
  readonly eagerEnds: number;
  readonly backchannel: boolean;
};

/** One request to a model. */
export type LlmOperation = Timed & {
  readonly kind: 'llm';
  readonly vendor: Vendor | undefined;
  readonly utterance: number;
  readonly draft: boolean;
  readonly firstMs: number | undefined;
  readonly outcome: Outcome;
  readonly failure: VendorFailure | undefined;
  readonly usage: Usage | undefined;
};

/** One attempt of one voice at one utterance. */
export type TtsOperation = Timed & {
  readonly kind: 'tts';
  readonly vendor: Vendor;
  readonly utterance: number;
  readonly firstMs: number | undefined;
  readonly outcome: Outcome;
  readonly failure: VendorFailure | undefined;
  readonly characters: number;
  readonly audioMs: number;
};

export type ToolOperation = Timed & {
  readonly kind: 'tool';
  readonly tool: string;
  readonly callId: string;
  readonly outcome: Outcome;
};

export type Operation =
  | SttOperation
  | LlmOperation
  | TtsOperation
  | ToolOperation
  /** From the recogniser's end of turn to the reply's first sound towards the caller. */
  | (Timed & { readonly kind: 'first-audio'; readonly utterance: number })
  /** From the media stream's start to the greeting's first sound. */
  | (Timed & { readonly kind: 'greeting' })
  /** A draft's fate; `usage` where the model had finished it. */
  | (Timed & {
      readonly kind: 'draft';
      readonly fate: 'promoted' | 'wasted';
      readonly usage: Usage | undefined;
    });

type OpenLlm = Omit<LlmOperation, 'endMs' | 'outcome' | 'failure' | 'usage'>;
type OpenTts = { readonly vendor: Vendor; readonly startMs: number; firstMs: number | undefined };
type OpenStt = {
  readonly sttTurn: number;
  readonly startMs: number;
  endMs: number | undefined;
  vendor: Vendor | undefined;
  lagMs: number | undefined;
  eagerEnds: number;
};

/** More of anything in one call than this is a defect elsewhere; it must not grow here. */
const MAX_OPEN = 64;

/** Follows one call. Feed it every event in order; it hands back what an event has completed. */
export class CallOperations {
  readonly #callSid: string;
  readonly #llm = new Map<number, OpenLlm>();
  readonly #tts = new Map<number, OpenTts>();
  readonly #tools = new Map<string, { tool: string; startMs: number }>();
  readonly #turnOf = new Map<number, string>();
  /** Usage of finished drafts whose fate is open. */
  readonly #drafts = new Map<number, Usage | undefined>();
  readonly #lastFailure = new Map<Vendor, VendorFailure>();
  #stt: OpenStt | undefined;
  #turnId: string | undefined;
  #finalMs: number | undefined;
  #answeredTurn: string | undefined;
  #streamMs: number | undefined;
  #done: Operation[] = [];

  constructor(callSid: string) {
    this.#callSid = callSid;
  }

  take(event: TimedCallEvent): readonly Operation[] {
    this.#done = [];
    if (event.what === 'call-ended') this.#endAll(event.atMs);
    else if (!this.#takeSpeech(event) && !this.#takeReply(event)) this.#takeVoice(event);
    return this.#done;
  }

  /** The turn that an utterance answers, as far as it is still known. */
  turnOf(utterance: number): string | undefined {
    return this.#turnOf.get(utterance);
  }

  #takeSpeech(event: TimedCallEvent): boolean {
    switch (event.what) {
      case 'stream-attached':
        this.#streamMs = event.resumed ? undefined : event.atMs;
        return true;
      case 'turn-opened':
        this.#turnId = event.turnId;
        return true;
      case 'heard':
        this.#heard(event);
        return true;
      case 'stt-answered':
        if (this.#stt?.sttTurn !== event.sttTurn) return true;
        this.#stt.vendor = event.vendor;
        this.#stt.lagMs = event.lagMs;
        if (event.state === 'eager-end') this.#stt.eagerEnds += 1;
        return true;
      case 'caller-said':
        if (this.#stt?.endMs !== undefined) this.#endStt(event.turnId, event.backchannel);
        return true;
      default:
        return false;
    }
  }

  #heard(event: Extract<TimedCallEvent, { what: 'heard' }>): void {
    const { sttTurn, state, atMs } = event;
    if (this.#stt?.sttTurn !== sttTurn) {
      this.#endStt(this.#turnId, false, atMs);
      const fresh = { endMs: undefined, vendor: undefined, lagMs: undefined, eagerEnds: 0 };
      this.#stt = { sttTurn, startMs: atMs, ...fresh };
    }
    if (state !== 'final') return;
    this.#finalMs = atMs;
    if (this.#stt) this.#stt.endMs = atMs;
  }

  #endStt(turnId: string | undefined, backchannel: boolean, atMs?: number): void {
    const open = this.#stt;
    this.#stt = undefined;
    if (!open) return;
    const endMs = open.endMs ?? atMs ?? open.startMs;
    this.#done.push({ kind: 'stt', callSid: this.#callSid, ...open, endMs, turnId, backchannel });
  }

  #takeReply(event: TimedCallEvent): boolean {
    switch (event.what) {
      case 'reply-asked': {
        const { utterance, turnId, draft, vendor, atMs: startMs } = event;
        // The same model asked again: the try before has failed and is reported already.
        put(this.#turnOf, utterance, turnId);
        if (draft) put(this.#drafts, utterance, undefined);
        const about = { utterance, turnId, draft, vendor, startMs, firstMs: undefined };
        put(this.#llm, utterance, { kind: 'llm', callSid: this.#callSid, ...about });
        return true;
      }
      case 'reply-first-token': {
        const open = this.#llm.get(event.utterance);
        if (open) this.#llm.set(event.utterance, { ...open, firstMs: event.atMs });
        return true;
      }
      case 'reply-done': {
        const { inputTokens, cachedTokens, cacheWriteTokens, outputTokens } = event;
        const usage = { inputTokens, cachedTokens, cacheWriteTokens, outputTokens };
        if (this.#drafts.has(event.utterance)) this.#drafts.set(event.utterance, usage);
        this.#endLlm(event.utterance, event.atMs, 'done', undefined, usage);
        return true;
      }
      case 'reply-cancelled':
        this.#endLlm(event.utterance, event.atMs, 'cancelled');
        return true;
      case 'vendor-failed':
        this.#lastFailure.set(event.vendor, event.failure);
        if (event.utterance === undefined) return true;
        this.#endLlm(event.utterance, event.atMs, 'failed', event.failure);
        return true;
      case 'draft-promoted':
      case 'draft-wasted':
        this.#draftDecided(event);
        return true;
      default:
        return false;
    }
  }

  #draftDecided(event: Extract<TimedCallEvent, { what: 'draft-promoted' | 'draft-wasted' }>): void {
    const { utterance, turnId, atMs } = event;
    const fate = event.what === 'draft-promoted' ? 'promoted' : 'wasted';
    const usage = this.#drafts.get(utterance);
    this.#drafts.delete(utterance);
    const at = { callSid: this.#callSid, startMs: atMs, endMs: atMs, turnId };
    this.#done.push({ kind: 'draft', ...at, fate, usage });
  }

  #endLlm(
    utterance: number,
    endMs: number,
    outcome: Outcome,
    failure?: VendorFailure,
    usage?: Usage,
  ): void {
    const open = this.#llm.get(utterance);
    this.#llm.delete(utterance);
    if (open) this.#done.push({ ...open, endMs, outcome, failure, usage });
  }

  #takeVoice(event: TimedCallEvent): void {
    switch (event.what) {
      case 'voice-asked': {
        const { utterance, vendor, atMs: startMs } = event;
        return put(this.#tts, utterance, { vendor, startMs, firstMs: undefined });
      }
      case 'voice-first-byte': {
        const open = this.#tts.get(event.utterance);
        if (open) open.firstMs = event.atMs;
        return;
      }
      case 'voice-ended':
        return this.#endTts(event);
      case 'first-audio':
        return this.#firstAudio(event);
      case 'tool-started':
        return put(this.#tools, event.callId, { tool: event.tool, startMs: event.atMs });
      case 'tool-settled':
        return this.#endTool(event.callId, event.atMs, event.isError ? 'failed' : 'done');
      default:
        return;
    }
  }

  #endTts(event: Extract<TimedCallEvent, { what: 'voice-ended' }>): void {
    const { utterance, vendor, how: outcome, characters, audioMs, atMs: endMs } = event;
    const open = this.#tts.get(utterance);
    this.#tts.delete(utterance);
    if (!open) return;
    const failure = outcome === 'failed' ? this.#lastFailure.get(vendor) : undefined;
    const turnId = this.#turnOf.get(utterance);
    const { startMs, firstMs } = open;
    const when = { callSid: this.#callSid, startMs, endMs, turnId };
    const made = { firstMs, outcome, failure, characters, audioMs };
    this.#done.push({ kind: 'tts', ...when, ...made, vendor, utterance });
  }

  #firstAudio(event: Extract<TimedCallEvent, { what: 'first-audio' }>): void {
    const { atMs: endMs, utterance, turnId, line } = event;
    const callSid = this.#callSid;
    if (line === 'greeting' && this.#streamMs !== undefined) {
      this.#done.push({ kind: 'greeting', callSid, startMs: this.#streamMs, endMs, turnId });
      this.#streamMs = undefined;
    }
    if (turnId === undefined || line !== undefined || turnId === this.#answeredTurn) return;
    this.#answeredTurn = turnId;
    const startMs = this.#finalMs;
    this.#finalMs = undefined;
    // Without a final the turn was ended by us; there is nothing to measure from.
    if (startMs === undefined) return;
    this.#done.push({ kind: 'first-audio', callSid, startMs, endMs, turnId, utterance });
  }

  #endTool(callId: string, endMs: number, outcome: Outcome): void {
    const open = this.#tools.get(callId);
    this.#tools.delete(callId);
    if (!open) return;
    const { tool, startMs } = open;
    const turnId = this.#turnId;
    const callSid = this.#callSid;
    this.#done.push({ kind: 'tool', callSid, startMs, endMs, turnId, tool, callId, outcome });
  }

  /** What is still open when the call ends was cut off by its end. */
  #endAll(atMs: number): void {
    this.#endStt(this.#turnId, false, atMs);
    for (const utterance of [...this.#llm.keys()]) this.#endLlm(utterance, atMs, 'cancelled');
    for (const callId of [...this.#tools.keys()]) this.#endTool(callId, atMs, 'cancelled');
    for (const [utterance, { vendor }] of [...this.#tts]) {
      const end = { what: 'voice-ended', how: 'cancelled', characters: 0, audioMs: 0 } as const;
      this.#endTts({ ...end, utterance, vendor, callSid: this.#callSid, atMs });
    }
  }
}

/** Adds to a map that forgets its oldest entries. */
function put<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.set(key, value);
  if (map.size <= MAX_OPEN) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
