import { isRecord } from '../vendor-failure.ts';
import type { LlmEvent, LlmUsage } from './port.ts';

/** What a stream event came to. `garbage`: the stream broke its protocol and is worthless. */
export type ClaudeStep =
  { kind: 'events'; events: readonly LlmEvent[]; moved: boolean } | { kind: 'garbage' };

type OpenBlock =
  { kind: 'text' } | { kind: 'tool'; id: string; name: string; json: string } | { kind: 'other' };

const NOTHING: ClaudeStep = { kind: 'events', events: [], moved: false };
const MOVED: ClaudeStep = { kind: 'events', events: [], moved: true };
const GARBAGE: ClaudeStep = { kind: 'garbage' };
/** Far above any spoken reply or tool input; a stream beyond it is broken. */
const MAX_CONTENT_LENGTH = 100_000;

/**
 * Reads the events of one Messages stream in order. `take` never throws. Unknown event and block
 * types are skipped, as the API's versioning asks; events out of order or of the wrong shape are
 * garbage.
 */
export class ClaudeStream {
  #state: 'before' | 'open' | 'stopped' = 'before';
  readonly #blocks = new Map<number, OpenBlock>();
  #lastIndex = -1;
  #contentLength = 0;
  #toolLost = false;
  #stopReason: string | undefined;
  #usage: LlmUsage = { inputTokens: 0, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };
  /** Text or a tool call has come. */
  hasContent = false;

  get started(): boolean {
    return this.#state !== 'before';
  }

  /** `message_stop` has come: `done` was among the events, or `isEmpty` says why not. */
  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  /** A complete stream in which nothing was said; a refusal is an answer, even a silent one. */
  get isEmpty(): boolean {
    return !this.hasContent && this.#stopReason !== 'refusal';
  }

  take(raw: unknown): ClaudeStep {
    if (!isRecord(raw) || typeof raw['type'] !== 'string') return GARBAGE;
    if (this.#state === 'stopped') return NOTHING;
    const { type } = raw;
    if (type === 'ping') return NOTHING;
    if (type === 'message_start') return this.#start(raw);
    if (this.#state === 'before') return GARBAGE;
    switch (type) {
      case 'content_block_start':
        return this.#blockStart(raw);
      case 'content_block_delta':
        return this.#blockDelta(raw);
      case 'content_block_stop':
        return this.#blockStop(raw);
      case 'message_delta':
        return this.#messageDelta(raw);
      case 'message_stop':
        return this.#stop();
      default:
        return NOTHING;
    }
  }

  #start(raw: Record<string, unknown>): ClaudeStep {
    const { message } = raw;
    if (this.#state !== 'before' || !isRecord(message)) return GARBAGE;
    this.#state = 'open';
    this.#mergeUsage(message['usage']);
    return NOTHING;
  }

  #blockStart(raw: Record<string, unknown>): ClaudeStep {
    const { index, content_block: block } = raw;
    if (typeof index !== 'number' || !Number.isInteger(index) || index <= this.#lastIndex) {
      return GARBAGE;
    }
    if (!isRecord(block) || typeof block['type'] !== 'string') return GARBAGE;
    this.#lastIndex = index;
    if (block['type'] === 'text') {
      this.#blocks.set(index, { kind: 'text' });
      return this.#text(block['text']);
    }
    if (block['type'] === 'tool_use') {
      const { id, name } = block;
      if (typeof id !== 'string' || typeof name !== 'string') return GARBAGE;
      this.#blocks.set(index, { kind: 'tool', id, name, json: '' });
      return MOVED;
    }
    this.#blocks.set(index, { kind: 'other' });
    return NOTHING;
  }

  #blockDelta(raw: Record<string, unknown>): ClaudeStep {
    const { index, delta } = raw;
    const block = typeof index === 'number' ? this.#blocks.get(index) : undefined;
    if (block === undefined || !isRecord(delta)) return GARBAGE;
    if (delta['type'] === 'text_delta' && block.kind === 'text') {
      return typeof delta['text'] === 'string' ? this.#text(delta['text']) : GARBAGE;
    }
    if (delta['type'] === 'input_json_delta' && block.kind === 'tool') {
      const part = delta['partial_json'];
      if (typeof part !== 'string' || !this.#fits(part)) return GARBAGE;
      block.json += part;
      return MOVED;
    }
    return NOTHING;
  }

  #blockStop(raw: Record<string, unknown>): ClaudeStep {
    const { index } = raw;
    const block = typeof index === 'number' ? this.#blocks.get(index) : undefined;
    if (block === undefined || typeof index !== 'number') return GARBAGE;
    this.#blocks.delete(index);
    if (block.kind !== 'tool') return NOTHING;
    const input = parseInput(block.json);
    if (input === undefined) {
      // max_tokens or a fault cut the JSON: half an order must not be carried out.
      this.#toolLost = true;
      return MOVED;
    }
    this.hasContent = true;
    const { id, name } = block;
    return { kind: 'events', events: [{ kind: 'tool-call', id, name, input }], moved: true };
  }

  #messageDelta(raw: Record<string, unknown>): ClaudeStep {
    const { delta, usage } = raw;
    if (!isRecord(delta)) return GARBAGE;
    if (typeof delta['stop_reason'] === 'string') this.#stopReason = delta['stop_reason'];
    this.#mergeUsage(usage);
    return NOTHING;
  }

  #stop(): ClaudeStep {
    this.#state = 'stopped';
    if (this.isEmpty) return NOTHING;
    const done: LlmEvent = { kind: 'done', stop: this.#stopOf(), usage: this.#usage };
    return { kind: 'events', events: [done], moved: true };
  }

  #stopOf(): 'end' | 'tool' | 'max-tokens' | 'refusal' | 'other' {
    switch (this.#stopReason) {
      case 'end_turn':
      case 'stop_sequence':
        return 'end';
      case 'tool_use':
        return this.#toolLost ? 'other' : 'tool';
      case 'max_tokens':
        return 'max-tokens';
      case 'refusal':
        return 'refusal';
      default:
        return 'other';
    }
  }

  #text(text: unknown): ClaudeStep {
    if (typeof text !== 'string' || text === '') return NOTHING;
    if (!this.#fits(text)) return GARBAGE;
    this.hasContent = true;
    return { kind: 'events', events: [{ kind: 'text', text }], moved: true };
  }

  #fits(part: string): boolean {
    this.#contentLength += part.length;
    return this.#contentLength <= MAX_CONTENT_LENGTH;
  }

  /** Counts are cumulative; a later one replaces an earlier one where it is given. */
  #mergeUsage(usage: unknown): void {
    if (!isRecord(usage)) return;
    const count = (key: string, before: number): number => {
      const value = usage[key];
      return typeof value === 'number' && value >= 0 ? value : before;
    };
    this.#usage = {
      inputTokens: count('input_tokens', this.#usage.inputTokens),
      cachedTokens: count('cache_read_input_tokens', this.#usage.cachedTokens),
      cacheWriteTokens: count('cache_creation_input_tokens', this.#usage.cacheWriteTokens),
      outputTokens: count('output_tokens', this.#usage.outputTokens),
    };
  }
}

function parseInput(json: string): Record<string, unknown> | undefined {
  if (json.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
