import { randomUUID } from 'node:crypto';
import type { GenerateContentConfig, GoogleGenAI, ThinkingConfig } from '@google/genai';
import { createKeepAliveFetch, KEEP_ALIVE } from '../keep-alive-fetch.ts';
import type { KeepAliveFetch } from '../keep-alive-fetch.ts';
import { failed, vendorErrorOf } from './gemini-errors.ts';
import { isGeneration3, SignedCalls, toGeminiContents } from './gemini-messages.ts';
import { GeminiStream } from './gemini-stream.ts';
import type { LlmEvent, LlmRequest, LlmVendor } from './port.ts';
import { watchedReply } from './watched-reply.ts';

export type GeminiConfig = {
  readonly apiKey: string;
  /** Where the SDK is pointed, e.g. 'http://127.0.0.1:9003'; undefined means the vendor. */
  readonly baseUrl?: string | undefined;
  readonly model: string;
};

export type Gemini = LlmVendor & {
  /** Opens a connection so that the first reply need not wait for one. Never rejects. */
  warm(): Promise<void>;
  /** Destroys the pooled connections. */
  close(): void;
};

const WARM_TIMEOUT_MS = 5_000;
/**
 * A chunk repeats about 400 bytes of counts; a thousand of them are a very long reply. The SDK scans
 * all of an unfinished event anew with each packet: 2 MiB in one event held the process for 30 ms.
 */
const MAX_RESPONSE_BYTES = 1_024 * 1_024;

type World = {
  readonly client: GoogleGenAI;
  readonly model: string;
  readonly pool: KeepAliveFetch;
  readonly thinking: ThinkingConfig;
  readonly calls: SignedCalls;
};

/** Gemini over `:streamGenerateContent`. Loads the SDK (about 0.2 s) once, here. */
export async function createGemini(config: GeminiConfig): Promise<Gemini> {
  const { GoogleGenAI, ThinkingLevel } = await import('@google/genai');
  const pool = createKeepAliveFetch({ ...KEEP_ALIVE, maxResponseBytes: MAX_RESPONSE_BYTES });
  const baseUrl = config.baseUrl ?? 'https://generativelanguage.googleapis.com/';
  // Stated, because the SDK would otherwise look for it in the environment.
  const client = new GoogleGenAI({
    apiKey: config.apiKey,
    vertexai: false,
    httpOptions: { baseUrl, fetch: pool.fetch },
  });
  const thinking = isGeneration3(config.model)
    ? { thinkingLevel: ThinkingLevel.MINIMAL }
    : { thinkingBudget: 0 };
  const world: World = { client, model: config.model, pool, thinking, calls: new SignedCalls() };
  return {
    vendor: 'gemini',
    stream: (request) => streamReply(world, request),
    warm: async () => {
      try {
        const signal = AbortSignal.timeout(WARM_TIMEOUT_MS);
        const response = await pool.fetch(baseUrl, { method: 'HEAD', signal });
        // Read to its end, so that the connection goes back to the pool.
        await response.arrayBuffer();
      } catch {
        // The first reply will meet the same trouble, with its own deadline and error.
      }
    },
    close: () => pool.close(),
  };
}

function streamReply(world: World, request: LlmRequest): AsyncGenerator<LlmEvent, void, undefined> {
  const reader = new GeminiStream(() => `gemini-${randomUUID()}`);
  let headers: Headers | undefined;
  const noteHeaders: KeepAliveFetch['fetch'] = async (input, init) => {
    const response = await world.pool.fetch(input, init);
    headers = response.headers;
    return response;
  };
  return watchedReply({
    request,
    reader,
    take: (raw) => {
      const step = reader.take(raw);
      if (step.kind === 'events') for (const call of step.calls) world.calls.remember(call);
      return step;
    },
    open: async (abortSignal) =>
      world.client.models.generateContentStream({
        model: world.model,
        contents: toGeminiContents(request.messages, world.model, world.calls),
        config: {
          ...configOf(world, request),
          abortSignal,
          httpOptions: { fetch: noteHeaders },
        },
      }),
    failed,
    errorOf: (error) => vendorErrorOf(error, reader.started, headers),
  });
}

function configOf(world: World, request: LlmRequest): GenerateContentConfig {
  const system = request.system.flatMap(({ text }) => (text.trim() === '' ? [] : [{ text }]));
  return {
    maxOutputTokens: request.maxTokens,
    thinkingConfig: world.thinking,
    // The SDK would send further requests of its own where an answer has been interrupted.
    automaticContinuation: false,
    automaticFunctionCalling: { disable: true },
    ...(system.length === 0 ? {} : { systemInstruction: { parts: system } }),
    ...(request.tools.length === 0
      ? {}
      : {
          tools: [
            {
              functionDeclarations: request.tools.map((tool) => ({
                name: tool.name,
                description: tool.description,
                parametersJsonSchema: tool.inputSchema,
              })),
            },
          ],
        }),
  };
}
