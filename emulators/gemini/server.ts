import type { IncomingMessage, ServerResponse } from 'node:http';
import { companionBrain } from '../anthropic/brain.ts';
import { planReply } from '../anthropic/plan.ts';
import { PromptCache } from '../anthropic/prompt-cache.ts';
import { monotonicMs } from '../clock.ts';
import { FaultScript, type FaultRule } from '../faults.ts';
import { readBody, startLoopbackServer } from '../http-server.ts';
import { EmulatorLog } from '../log.ts';
import { waitForAbort } from '../pace.ts';
import { answer } from './answer.ts';
import type { Answer } from './chunks.ts';
import { BAD_KEY, errorMessage, errorType, sendError, type ErrorExtra } from './errors.ts';
import type {
  GeminiBrain,
  GeminiEvent,
  GeminiReply,
  GeminiScript,
  GenerateRequest,
} from './types.ts';
import { validateRequest } from './validate.ts';

/** The vendor's limit for one request: 20 MB. */
const MAX_BODY_BYTES = 20 * 1024 * 1024;
const SURFACE = 'generate';
const PATH = /^\/(v1|v1beta)\/models\/([^/:]+):streamGenerateContent$/;

export type GeminiOptions = {
  /** 0 or left out: any free port. */
  port?: number;
  /** The only accepted key; any non-empty key when left out. */
  apiKey?: string;
  script?: Partial<GeminiScript>;
  faults?: readonly FaultRule[];
  /** What the model says; the built-in companion when left out. */
  reply?: GeminiBrain;
  /** The clock of the prompt cache's time to live, milliseconds. */
  cacheNowMs?: () => number;
};

export type GeminiEmulator = {
  /** Base URL for the real SDK, e.g. `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly log: EmulatorLog<GeminiEvent>;
  readonly faults: FaultScript;
  /** Timing of the next answers; change it freely. */
  readonly script: GeminiScript;
  /** Replaces the model for the requests that follow. */
  setReply(brain: GeminiBrain): void;
  close(): Promise<void>;
};

type World = {
  readonly options: GeminiOptions;
  readonly log: EmulatorLog<GeminiEvent>;
  readonly faults: FaultScript;
  readonly script: GeminiScript;
  readonly cache: PromptCache;
  brain: GeminiBrain;
  answers: number;
};

/**
 * A server on loopback that speaks Gemini's streaming API (`/v1` and `/v1beta`,
 * `:streamGenerateContent?alt=sse`): strict validation, function calls with signatures, implicit
 * caching, the vendor's errors before and within the stream. The answers come from `reply`.
 */
export async function startGeminiEmulator(options: GeminiOptions = {}): Promise<GeminiEmulator> {
  const world: World = {
    options,
    log: new EmulatorLog<GeminiEvent>(),
    faults: new FaultScript(options.faults),
    script: {
      firstTokenMs: 100,
      tokensPerSecond: 50,
      thinkingTokens: 30,
      splitSeed: undefined,
      chunkTokens: 1,
      ...options.script,
    },
    cache: new PromptCache(options.cacheNowMs ?? monotonicMs),
    brain: options.reply ?? companionBrain(),
    answers: 0,
  };
  const loopback = await startLoopbackServer(options.port ?? 0, (request, response) => {
    handle(request, response, world).catch((error: unknown) => {
      // Either the client left while its body was being read, or the brain threw.
      if (response.headersSent || response.destroyed) return void response.destroy();
      sendError(response, 500, `emulator: ${String(error)}`);
    });
  });
  return {
    url: `http://127.0.0.1:${loopback.port}`,
    log: world.log,
    faults: world.faults,
    script: world.script,
    setReply: (next) => {
      world.brain = next;
    },
    close: loopback.close,
  };
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  world: World,
): Promise<void> {
  const gone = closeSignal(response);
  const refuse = (status: number, message: string, extra: ErrorExtra = {}): void => {
    world.log.add({ what: 'rejected', status, errorType: errorType(status), message });
    sendError(response, status, message, extra);
  };
  const url = new URL(request.url ?? '/', 'http://loopback');
  const path = PATH.exec(url.pathname);
  if (request.method !== 'POST' || path === null) {
    request.resume();
    return refuse(404, errorMessage(404));
  }
  const fault = world.faults.next(SURFACE);
  if (fault?.kind === 'refuse' || fault?.kind === 'stop-reading') {
    world.log.add({ what: 'fault', fault });
    if (fault.kind === 'refuse') return void request.destroy();
    return await waitForAbort(gone);
  }
  const body = await readBody(request, MAX_BODY_BYTES);
  if (fault) world.log.add({ what: 'fault', fault, about: body });
  const receivedAtMs = monotonicMs();
  if (body === 'too-large') return refuse(413, errorMessage(413));
  if (fault?.kind === 'hang') return await waitForAbort(gone);
  if (fault?.kind === 'status') {
    const { status, retryAfterSeconds } = fault;
    return refuse(status, errorMessage(status), { retryAfterSeconds });
  }
  const apiKey = header(request, 'x-goog-api-key') ?? url.searchParams.get('key') ?? '';
  if (apiKey === '') return refuse(403, errorMessage(403));
  const { apiKey: wanted = apiKey } = world.options;
  if (apiKey !== wanted) return refuse(BAD_KEY.status, BAD_KEY.message, BAD_KEY);
  if (url.searchParams.get('alt') !== 'sse') return refuse(400, "only 'alt=sse' is emulated");
  const [, apiVersion = '', model = ''] = path;
  const verdict = validateRequest(decodeURIComponent(model), apiVersion, parseJson(body), isOurs);
  if (!verdict.ok) return refuse(verdict.status, verdict.message);
  const arrived = { request: verdict.request, http: request, apiKey, apiVersion, receivedAtMs };
  await answer({ ...decide(arrived, world), fault, receivedAtMs, response, log: world.log, gone });
}

type Arrived = {
  readonly request: GenerateRequest;
  readonly http: IncomingMessage;
  readonly apiKey: string;
  readonly apiVersion: string;
  readonly receivedAtMs: number;
};

/** Asks the brain and plans its whole answer. */
function decide(arrived: Arrived, world: World): Answer & { blockReason: string | undefined } {
  const { request, apiVersion } = arrived;
  world.answers += 1;
  const id = `gen${String(world.answers).padStart(6, '0')}`;
  const cachePlan = world.cache.plan(arrived.apiKey, request.conversation);
  const { usage } = cachePlan;
  world.log.add(
    { what: 'request', id, apiVersion, usage, ...seen(request, arrived.http) },
    arrived.receivedAtMs,
  );
  const reply = asReply(world.brain(request.conversation));
  const plan = planReply(reply, request.conversation, world.script);
  world.log.add({ what: 'reply', id, text: plan.text, plannedTokens: plan.tokens });
  cachePlan.commit();
  return {
    id,
    request,
    plan,
    usage,
    finishReason: reply.finishReason ?? finishReasonOf(plan.stopReason),
    blockReason: reply.blockReason,
    chunkTokens: world.script.chunkTokens,
  };
}

/** Signatures that an emulator gave; any of them, since calls may move between instances. */
function isOurs(signature: string): boolean {
  return Buffer.from(signature, 'base64').toString().startsWith('signature ');
}

function asReply(reply: GeminiReply | string): GeminiReply {
  return typeof reply === 'string' ? { blocks: [{ type: 'text', text: reply }] } : reply;
}

/** A function call and a stop sequence are an ordinary end at this vendor. */
function finishReasonOf(stopReason: string): string {
  if (stopReason === 'max_tokens') return 'MAX_TOKENS';
  return stopReason === 'refusal' ? 'SAFETY' : 'STOP';
}

function seen(
  request: GenerateRequest,
  http: IncomingMessage,
): Omit<Extract<GeminiEvent, { what: 'request' }>, 'what' | 'id' | 'usage' | 'apiVersion'> {
  const { model, contents, systemText, functions, generationConfig } = request;
  const lastUser = contents.findLast((content) => content.role === 'user');
  return {
    model,
    systemText,
    contents,
    functions,
    generationConfig,
    userText: (lastUser?.parts ?? []).map((part) => part.text ?? '').join('\n'),
    client: header(http, 'x-goog-api-client'),
    traceparent: header(http, 'traceparent'),
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Aborts when the connection closes before the answer was finished, or after it. */
function closeSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => controller.abort());
  response.on('error', () => controller.abort());
  return controller.signal;
}
