import { randomUUID } from 'node:crypto';
import type { GenerateContentConfig, GoogleGenAI, ThinkingConfig } from '@google/genai';
import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';
import { createKeepAliveFetch, KEEP_ALIVE } from '../keep-alive-fetch.ts';
import type { KeepAliveFetch } from '../keep-alive-fetch.ts';
import { Watchdog } from '../watchdog.ts';
import { failed, vendorErrorOf } from './gemini-errors.ts';
import { isGeneration3, SignedCalls, toGeminiContents } from './gemini-messages.ts';
import { GeminiStream } from './gemini-stream.ts';
import type { LlmEvent, LlmRequest, LlmVendor } from './port.ts';

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
/** How long the end of the body may take after the last chunk. */
const DRAIN_TIMEOUT_MS = 250;
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

async function* streamReply(
  world: World,
  request: LlmRequest,
): AsyncGenerator<LlmEvent, void, undefined> {
  if (request.signal.aborted) throw failed('cancelled');
  const controller = new AbortController();
  const reply = new GeminiStream(() => `gemini-${randomUUID()}`);
  let late: VendorFailure | undefined;
  const watchdog = new Watchdog(() => {
    late = reply.moving ? 'stalled' : 'no-first-byte';
    controller.abort();
  });
  const cancel = (): void => controller.abort();
  request.signal.addEventListener('abort', cancel, { once: true });
  let headers: Headers | undefined;
  const noteHeaders: KeepAliveFetch['fetch'] = async (input, init) => {
    const response = await world.pool.fetch(input, init);
    headers = response.headers;
    return response;
  };
  try {
    watchdog.arm(request.firstTokenTimeoutMs);
    const stream = await world.client.models.generateContentStream({
      model: world.model,
      contents: toGeminiContents(request.messages, world.model, world.calls),
      config: {
        ...configOf(world, request),
        abortSignal: controller.signal,
        httpOptions: { fetch: noteHeaders },
      },
    });
    for await (const raw of stream) {
      const step = reply.take(raw);
      if (step.kind === 'garbage') throw failed('garbage');
      for (const call of step.calls) world.calls.remember(call);
      for (const event of step.events) {
        if (request.signal.aborted) throw failed('cancelled');
        // The time our own consumer takes is not the vendor's.
        watchdog.disarm();
        yield event;
      }
      // After the last chunk only the end of the body is owed; reading it keeps the connection.
      if (reply.stopped) watchdog.arm(DRAIN_TIMEOUT_MS);
      else if (step.moved) watchdog.arm(request.stallTimeoutMs);
    }
    if (request.signal.aborted) throw failed('cancelled');
    // An aborted stream may end without an error; so does one whose sender stopped in the middle.
    if (!reply.stopped) throw failed(late ?? (reply.started ? 'cut' : 'garbage'));
    if (reply.done === undefined) throw failed('empty');
    yield reply.done;
  } catch (error) {
    if (error instanceof VendorError) throw error;
    if (request.signal.aborted) throw failed('cancelled', error);
    // The answer was whole; what broke afterwards does not matter.
    if (reply.done !== undefined) yield reply.done;
    else if (reply.stopped) throw failed('empty', error);
    else if (late !== undefined) throw failed(late, error);
    else throw vendorErrorOf(error, reply.started, headers);
  } finally {
    watchdog.disarm();
    request.signal.removeEventListener('abort', cancel);
    // The SDK leaves the body unread when its consumer leaves in mid-stream.
    if (!reply.stopped || late !== undefined) controller.abort();
  }
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
