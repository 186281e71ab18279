import type { Fault } from '../faults.ts';

/** A content block as it arrived, already validated; fields beyond `type` depend on the type. */
export type Block = {
  readonly type: string;
  readonly text?: string;
  readonly id?: string;
  readonly name?: string;
  readonly input?: unknown;
  readonly tool_use_id?: string;
  readonly content?: unknown;
  readonly cache_control?: CacheControl | null;
};

export type CacheControl = { readonly type: 'ephemeral'; readonly ttl?: '5m' | '1h' };

export type RequestMessage = {
  readonly role: 'user' | 'assistant' | 'system';
  /** A string content arrives here as one text block. */
  readonly content: readonly Block[];
};

export type ToolDefinition = {
  readonly name: string;
  readonly description?: string;
  readonly input_schema?: unknown;
  readonly eager_input_streaming?: boolean | null;
  readonly cache_control?: CacheControl | null;
};

/** A validated request to `POST /v1/messages`. */
export type MessagesRequest = {
  readonly model: string;
  readonly maxTokens: number;
  readonly stream: boolean;
  readonly system: readonly Block[];
  readonly messages: readonly RequestMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly toolChoice: { readonly type: string; readonly name?: string } | undefined;
  readonly stopSequences: readonly string[];
  /** How the reply may think; undefined when the request did not say. */
  readonly thinking: { readonly type: string; readonly display?: string | null } | undefined;
  readonly cacheControl: CacheControl | undefined;
  /** True when `output_config.format` asks for JSON. */
  readonly wantsJson: boolean;
};

export type ReplyBlock =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'thinking'; readonly thinking: string }
  | { readonly type: 'tool_use'; readonly name: string; readonly input: unknown };

/** What the emulated model answers, and how fast where it differs from the script. */
export type ReplyScript = {
  readonly blocks: readonly ReplyBlock[];
  /** Derived from the blocks when left out. */
  readonly stopReason?: 'end_turn' | 'tool_use' | 'refusal' | 'pause_turn';
  readonly firstTokenMs?: number;
  readonly tokensPerSecond?: number;
};

/** The emulated model: a pure function of the request. */
export type Brain = (request: MessagesRequest) => ReplyScript | string;

/** The timing of answers. Mutable: a test may change it between requests. */
export type AnthropicScript = {
  /** Request fully received → first token on the wire. */
  firstTokenMs: number;
  tokensPerSecond: number;
  /** Length of the thinking block of a request that leaves thinking on. */
  thinkingTokens: number;
  /** Set: tokens are split at odd places, reproducibly. Unset: at word starts. */
  splitSeed: number | undefined;
};

export type Usage = {
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheCreation5mTokens: number;
  readonly cacheCreation1hTokens: number;
};

export type AnthropicEvent =
  | {
      what: 'request';
      id: string;
      model: string;
      stream: boolean;
      system: readonly Block[];
      messages: readonly RequestMessage[];
      tools: readonly ToolDefinition[];
      usage: Usage;
      /** Text of the last user message. */
      userText: string;
      retryCount: string | undefined;
      apiVersion: string;
      traceparent: string | undefined;
    }
  | { what: 'rejected'; status: number; errorType: string; message: string }
  /** `about`: the request as it came, where it was read, so that the calls can be told apart. */
  | { what: 'fault'; fault: Fault; about?: string }
  /** The answer was decided: what will be said unless the client leaves. */
  | { what: 'reply'; id: string; text: string; plannedTokens: number }
  /** `waitMs` is the actual wait since the request; `scriptedMs` what the script asked for. */
  | { what: 'first-token'; id: string; waitMs: number; scriptedMs: number }
  | { what: 'token'; id: string; index: number; kind: 'text' | 'thinking' | 'json'; text: string }
  | { what: 'complete'; id: string; tokensSent: number; stopReason: string }
  /** The client closed the connection before the end. Everything sent was wasted. */
  | { what: 'aborted'; id: string; tokensSent: number; plannedTokens: number };
