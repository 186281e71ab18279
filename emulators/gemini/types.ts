import type { AnthropicScript, MessagesRequest, ReplyScript, Usage } from '../anthropic/types.ts';
import type { Fault } from '../faults.ts';

/** One part of a `Content`, already validated; exactly one of the first three is set. */
export type Part = {
  readonly text?: string;
  readonly functionCall?: FunctionCall;
  readonly functionResponse?: FunctionResponse;
  readonly thought?: boolean;
  readonly thoughtSignature?: string;
};

export type FunctionCall = {
  readonly id?: string;
  readonly name: string;
  readonly args?: Record<string, unknown>;
};

export type FunctionResponse = {
  readonly id?: string;
  readonly name: string;
  readonly response: Record<string, unknown>;
};

export type Content = { readonly role: 'user' | 'model'; readonly parts: readonly Part[] };

/** A validated request to `:streamGenerateContent`. */
export type GenerateRequest = {
  readonly model: string;
  readonly contents: readonly Content[];
  readonly systemText: string;
  /** Names of the declared functions with their schemas, as sent. */
  readonly functions: readonly Record<string, unknown>[];
  readonly generationConfig: Readonly<Record<string, unknown>>;
  /** The model thinks before it answers, and its thoughts are sent too. */
  readonly thinks: boolean;
  readonly sendsThoughts: boolean;
  /** The same request as the brains of all emulated models read it. */
  readonly conversation: MessagesRequest;
};

/** A reply of any brain; `finishReason` and `blockReason` are Gemini's own. */
export type GeminiReply = ReplyScript & {
  /** Instead of the one that follows from the reply, e.g. 'RECITATION'. */
  readonly finishReason?: string;
  /** The prompt itself is refused: no candidate, only `promptFeedback`. */
  readonly blockReason?: string;
};

/** The emulated model: a pure function of the request. Brains of the other emulators fit. */
export type GeminiBrain = (request: MessagesRequest) => GeminiReply | string;

/** The timing of answers. Mutable: a test may change it between requests. */
export type GeminiScript = AnthropicScript & {
  /** Tokens in one chunk after the first; a chunk leaves when its last token is there. */
  chunkTokens: number;
};

export type GeminiEvent =
  | {
      what: 'request';
      id: string;
      model: string;
      apiVersion: string;
      systemText: string;
      contents: readonly Content[];
      functions: readonly Record<string, unknown>[];
      generationConfig: Readonly<Record<string, unknown>>;
      usage: Usage;
      /** Text of the last user content. */
      userText: string;
      /** What the SDK calls itself. */
      client: string | undefined;
      traceparent: string | undefined;
    }
  | { what: 'rejected'; status: number; errorType: string; message: string }
  /** `about`: the request as it came, where it was read, so that the calls can be told apart. */
  | { what: 'fault'; fault: Fault; about?: string }
  /** The answer was decided: what will be said unless the client leaves. */
  | { what: 'reply'; id: string; text: string; plannedTokens: number }
  /** `waitMs` is the actual wait since the request; `scriptedMs` what the script asked for. */
  | { what: 'first-token'; id: string; waitMs: number; scriptedMs: number }
  /** One chunk of content has left; `index` counts chunks. */
  | { what: 'token'; id: string; index: number; kind: 'text' | 'thinking' | 'json'; text: string }
  | { what: 'complete'; id: string; tokensSent: number; stopReason: string }
  /** The client closed the connection before the end. Everything sent was wasted. */
  | { what: 'aborted'; id: string; tokensSent: number; plannedTokens: number };
