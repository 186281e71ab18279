import { isRecord } from '../vendor-failure.ts';
import type { SignedCall } from './gemini-messages.ts';
import type { LlmEvent, LlmUsage } from './port.ts';

/** What a chunk came to. `garbage`: the stream broke its protocol and is worthless. */
export type GeminiStep =
  | {
      kind: 'events';
      events: readonly LlmEvent[];
      moved: boolean;
      /** The calls among the events, with what must come back with them. */
      calls: readonly SignedCall[];
    }
  | { kind: 'garbage' };

type Stop = Extract<LlmEvent, { kind: 'done' }>['stop'];

const NOTHING: GeminiStep = { kind: 'events', events: [], moved: false, calls: [] };
const GARBAGE: GeminiStep = { kind: 'garbage' };
/** Far above any spoken reply or tool input; a stream beyond it is broken. */
const MAX_CONTENT_LENGTH = 100_000;
/** Every proper chunk has at least one of these. */
const CHUNK_FIELDS = [
  'candidates',
  'promptFeedback',
  'usageMetadata',
  'responseId',
  'modelVersion',
];

/**
 * Reads the chunks of one `:streamGenerateContent` answer in order, part by part. `take` never
 * throws. Parts of unknown kinds are skipped; a chunk that comes twice counts once, since its
 * token count has not grown; content after the end or of the wrong shape is garbage.
 */
export class GeminiStream {
  readonly #newId: () => string;
  readonly #callIds = new Set<string>();
  #stop: Stop | undefined;
  #lastContent = '';
  #contentLength = 0;
  #toolCalled = false;
  #toolLost = false;
  #usage: LlmUsage = { inputTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
  /** A chunk has come. */
  started = false;
  /** Text or a tool call has come. */
  moving = false;

  /** @param newId makes the id of a call to which the vendor gave none. */
  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** The reason for the end has come; only the end of the body is owed. */
  get stopped(): boolean {
    return this.#stop !== undefined;
  }

  /** `done`, once the stream has ended; undefined when nothing was said. A refusal is an answer. */
  get done(): LlmEvent | undefined {
    const stop = this.#stop;
    if (stop === undefined || (!this.moving && stop !== 'refusal')) return undefined;
    return { kind: 'done', stop, usage: this.#usage };
  }

  take(raw: unknown): GeminiStep {
    if (!isRecord(raw) || !CHUNK_FIELDS.some((field) => raw[field] !== undefined)) return GARBAGE;
    const { candidates, promptFeedback: feedback, usageMetadata: usage } = raw;
    if (candidates !== undefined && !Array.isArray(candidates)) return GARBAGE;
    this.started = true;
    const first: unknown = candidates?.[0];
    if (first !== undefined && !isRecord(first)) return GARBAGE;
    const parts = partsOf(first?.['content']);
    if (parts === undefined) return GARBAGE;
    const step = this.#isRepeated(parts, usage) ? NOTHING : this.#takeParts(parts);
    if (step.kind === 'garbage') return GARBAGE;
    this.#mergeUsage(usage);
    if (isRecord(feedback) && feedback['blockReason'] !== undefined) this.#stop ??= 'refusal';
    const reason = first?.['finishReason'];
    if (reason === undefined) return step;
    if (typeof reason !== 'string') return GARBAGE;
    this.#stop ??= this.#stopOf(reason);
    return step;
  }

  #isRepeated(parts: readonly unknown[], usage: unknown): boolean {
    if (parts.length === 0 || !isRecord(usage)) return false;
    if (typeof usage['candidatesTokenCount'] !== 'number') return false;
    const content = JSON.stringify([parts, usage]);
    if (content === this.#lastContent) return true;
    this.#lastContent = content;
    return false;
  }

  #takeParts(parts: readonly unknown[]): GeminiStep {
    const events: LlmEvent[] = [];
    const calls: SignedCall[] = [];
    for (const part of parts) {
      if (!isRecord(part)) return GARBAGE;
      // A thought is not for the caller's ears.
      if (part['thought'] === true) continue;
      const { text, functionCall } = part;
      if (text !== undefined) {
        if (typeof text !== 'string' || !this.#fits(text.length)) return GARBAGE;
        if (text !== '') events.push({ kind: 'text', text });
      }
      if (functionCall === undefined) continue;
      if (!isRecord(functionCall)) return GARBAGE;
      const call = this.#takeCall(functionCall, part['thoughtSignature']);
      if (call === 'garbage') return GARBAGE;
      if (call === 'lost') continue;
      events.push(call.event);
      calls.push(call.signed);
    }
    if (events.length === 0) return NOTHING;
    if (this.stopped) return GARBAGE;
    this.moving = true;
    return { kind: 'events', events, moved: true, calls };
  }

  #takeCall(
    call: Record<string, unknown>,
    signature: unknown,
  ): { event: LlmEvent; signed: SignedCall } | 'garbage' | 'lost' {
    const { name, args: input = {}, id: given } = call;
    if (typeof name !== 'string' || name === '') return 'garbage';
    if (!isRecord(input) || call['willContinue'] === true) {
      // Half an order must not be carried out.
      this.#toolLost = true;
      return 'lost';
    }
    if (!this.#fits(JSON.stringify(input).length)) return 'garbage';
    const vendorId = typeof given === 'string' && given !== '' ? given : undefined;
    if (vendorId !== undefined && this.#callIds.has(vendorId)) return 'lost';
    const id = vendorId ?? this.#newId();
    this.#callIds.add(id);
    this.#toolCalled = true;
    const signed = {
      id,
      vendorId,
      signature: typeof signature === 'string' ? signature : undefined,
    };
    return { event: { kind: 'tool-call', id, name, input }, signed };
  }

  #fits(length: number): boolean {
    this.#contentLength += length;
    return this.#contentLength <= MAX_CONTENT_LENGTH;
  }

  #stopOf(reason: string): Stop {
    switch (reason) {
      case 'STOP':
        if (this.#toolLost) return 'other';
        return this.#toolCalled ? 'tool' : 'end';
      case 'MAX_TOKENS':
        return 'max-tokens';
      case 'SAFETY':
      case 'RECITATION':
      case 'BLOCKLIST':
      case 'PROHIBITED_CONTENT':
      case 'SPII':
        return 'refusal';
      default:
        return 'other';
    }
  }

  /** Counts are those of the answer so far; a later one replaces an earlier one where given. */
  #mergeUsage(usage: unknown): void {
    if (!isRecord(usage)) return;
    const count = (key: string): number | undefined => {
      const value = usage[key];
      return typeof value === 'number' && value >= 0 ? value : undefined;
    };
    const prompt = count('promptTokenCount');
    const cached = count('cachedContentTokenCount') ?? this.#usage.cachedTokens;
    const said = count('candidatesTokenCount');
    const thought = count('thoughtsTokenCount');
    const before = this.#usage;
    this.#usage = {
      // The vendor counts cached tokens among the prompt's; the port does not.
      inputTokens: prompt === undefined ? before.inputTokens : Math.max(0, prompt - cached),
      cachedTokens: cached,
      cacheWriteTokens: 0,
      outputTokens:
        said === undefined && thought === undefined
          ? before.outputTokens
          : (said ?? 0) + (thought ?? 0),
    };
  }
}

/** The parts of a candidate's content; none when it has no content; undefined for a wrong shape. */
function partsOf(content: unknown): readonly unknown[] | undefined {
  if (content === undefined) return [];
  if (!isRecord(content)) return undefined;
  const { parts } = content;
  if (parts === undefined) return [];
  return Array.isArray(parts) ? parts : undefined;
}
