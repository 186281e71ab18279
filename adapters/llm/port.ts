import type { Vendor } from '../../src/errors.ts';

export type LlmBlock =
  | { kind: 'text'; text: string }
  | { kind: 'tool-call'; id: string; name: string; input: unknown }
  | { kind: 'tool-result'; id: string; content: string; isError: boolean };

export type LlmMessage = {
  readonly role: 'user' | 'assistant';
  readonly content: readonly LlmBlock[];
};

export type LlmTool = {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the input object. */
  readonly inputSchema: Record<string, unknown>;
};

export type LlmRequest = {
  /** Stable text first: everything before the last `cached` part is the cacheable prefix. */
  readonly system: readonly { readonly text: string; readonly cached: boolean }[];
  readonly messages: readonly LlmMessage[];
  readonly tools: readonly LlmTool[];
  readonly maxTokens: number;
  /** First content (text or tool) must come within this. */
  readonly firstTokenTimeoutMs: number;
  /** Longest pause between two pieces of a moving stream. */
  readonly stallTimeoutMs: number;
  readonly signal: AbortSignal;
};

export type LlmUsage = {
  readonly inputTokens: number;
  readonly cachedTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
};

export type LlmEvent =
  | { kind: 'text'; text: string }
  | { kind: 'tool-call'; id: string; name: string; input: unknown }
  | {
      kind: 'done';
      stop: 'end' | 'tool' | 'max-tokens' | 'refusal' | 'other';
      usage: LlmUsage;
    };

export interface LlmVendor {
  readonly vendor: Vendor;
  /**
   * Streams one reply. Ends after `done`, or throws VendorError: `cancelled` when the signal was
   * aborted, `empty` when the stream ended without content. Tool input cut in mid-JSON is never
   * reported as a tool call.
   */
  stream(request: LlmRequest): AsyncIterable<LlmEvent>;
  /**
   * Opens the connection and has the vendor read and cache the prompt, so that the first reply waits
   * for neither. Never rejects: whatever is wrong, the first reply meets it with its own deadline.
   */
  prewarm?(system: LlmRequest['system'], tools: LlmRequest['tools']): Promise<void>;
}
