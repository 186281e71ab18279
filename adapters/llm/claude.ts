import type Anthropic from '@anthropic-ai/sdk';
import type { APIError } from '@anthropic-ai/sdk';
import type { MessageCreateParamsStreaming } from '@anthropic-ai/sdk/resources/messages';
import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';
import { createKeepAliveFetch, KEEP_ALIVE } from '../keep-alive-fetch.ts';
import { failureOfStatus, networkCodeOf, retryAfterMsOf, safeCause } from '../vendor-failure.ts';
import { toClaudeMessages } from './claude-messages.ts';
import { ClaudeStream } from './claude-stream.ts';
import type { LlmEvent, LlmRequest, LlmVendor } from './port.ts';
import { watchedReply } from './watched-reply.ts';

export type ClaudeConfig = {
  readonly apiKey: string;
  /** Where the SDK is pointed, e.g. 'http://127.0.0.1:9002'; undefined means the vendor. */
  readonly baseUrl?: string | undefined;
  readonly model: string;
  /** Lets the SDK emit its own spans and send `traceparent` to the vendor. Off by default. */
  readonly openTelemetry?: boolean | undefined;
};

export type Claude = LlmVendor & {
  prewarm: NonNullable<LlmVendor['prewarm']>;
  /** Destroys the pooled connections. */
  close(): void;
};

const WARM_TIMEOUT_MS = 5_000;

/** Claude over the Messages API, streamed. Loads the SDK (about 0.2 s) once, here. */
export async function createClaude(config: ClaudeConfig): Promise<Claude> {
  const { Anthropic, APIError } = await import('@anthropic-ai/sdk');
  const pool = createKeepAliveFetch(KEEP_ALIVE);
  const client = new Anthropic({
    apiKey: config.apiKey,
    // The SDK would also look for credentials in the environment and in files of the user's home.
    authToken: null,
    ...(config.baseUrl === undefined ? {} : { baseURL: config.baseUrl }),
    maxRetries: 0,
    fetch: pool.fetch,
    // It would print what the model said when it cannot be parsed.
    logLevel: 'off',
    ...(config.openTelemetry === true ? {} : { openTelemetry: false as const }),
  });
  const isApiError = (error: unknown): error is APIError => error instanceof APIError;
  return {
    vendor: 'claude',
    stream: (request) => streamReply(client, isApiError, config.model, request),
    prewarm: async (system, tools) => {
      const signal = AbortSignal.timeout(WARM_TIMEOUT_MS);
      const request = { ...PREWARM_REQUEST, system, tools, signal };
      try {
        // No tokens are asked for: the vendor reads the prompt, caches it, and says nothing.
        for await (const event of streamReply(client, isApiError, config.model, request)) {
          if (event.kind === 'done') return;
        }
      } catch {
        // The first reply will meet the same trouble, with its own deadline and error.
      }
    },
    close: () => pool.close(),
  };
}

const PREWARM_REQUEST = {
  messages: [{ role: 'user', content: [{ kind: 'text', text: '(The telephone rings.)' }] }],
  maxTokens: 0,
  firstTokenTimeoutMs: WARM_TIMEOUT_MS,
  stallTimeoutMs: WARM_TIMEOUT_MS,
} as const;

function streamReply(
  client: Anthropic,
  isApiError: (error: unknown) => error is APIError,
  model: string,
  request: LlmRequest,
): AsyncGenerator<LlmEvent, void, undefined> {
  const reader = new ClaudeStream();
  return watchedReply({
    request,
    reader,
    take: (raw) => reader.take(raw),
    open: async (signal) => client.messages.create(requestBody(model, request), { signal }),
    failed,
    errorOf: (error) => vendorErrorOf(error, isApiError, reader.started),
  });
}

function requestBody(model: string, request: LlmRequest): MessageCreateParamsStreaming {
  const lastCached = request.system.findLastIndex((part) => part.cached);
  const ephemeral = { type: 'ephemeral' } as const;
  return {
    model,
    max_tokens: request.maxTokens,
    stream: true,
    // Thinking is on by default and would cost the caller its length in silence.
    thinking: { type: 'disabled' },
    system: request.system.flatMap((part, index) =>
      part.text.trim() === ''
        ? []
        : [
            {
              type: 'text' as const,
              text: part.text,
              ...(index === lastCached ? { cache_control: ephemeral } : {}),
            },
          ],
    ),
    messages: toClaudeMessages(request.messages),
    // Marks the last block, so that the next turn finds all of the history in the cache.
    cache_control: ephemeral,
    ...(request.tools.length === 0
      ? {}
      : {
          tools: request.tools.map((tool) => ({
            name: tool.name,
            description: tool.description,
            input_schema: { ...tool.inputSchema, type: 'object' as const },
            // Without it the server withholds the input until it is valid: a pause like a stall.
            eager_input_streaming: true,
          })),
        }),
  };
}

function failed(failure: VendorFailure, cause?: unknown): VendorError {
  return new VendorError('claude', failure, {
    cause: cause === undefined ? undefined : safeCause(cause),
  });
}

function vendorErrorOf(
  error: unknown,
  isApiError: (error: unknown) => error is APIError,
  started: boolean,
): VendorError {
  if (isApiError(error)) {
    if (error.status !== undefined) {
      return new VendorError('claude', failureOfStatus(error.status), {
        status: error.status,
        retryAfterMs: retryAfterMsOf(error.headers?.get('retry-after')),
        cause: safeCause(error),
      });
    }
    if (error.type !== null && error.type !== undefined) {
      return failed(failureOfType(error.type), error);
    }
    const code = networkCodeOf(error.cause);
    return failed(code?.startsWith('HPE_') === true ? 'garbage' : 'unreachable', error);
  }
  if (error instanceof SyntaxError || error instanceof RangeError) return failed('garbage', error);
  return failed(started ? 'cut' : 'garbage', error);
}

/** The `type` of an in-stream error, which comes without an HTTP status. */
function failureOfType(type: string): VendorFailure {
  switch (type) {
    case 'authentication_error':
    case 'permission_error':
      return 'auth';
    case 'rate_limit_error':
    case 'billing_error':
      return 'rate-limited';
    case 'invalid_request_error':
    case 'not_found_error':
    case 'request_too_large':
      return 'bad-request';
    default:
      return 'overloaded';
  }
}
