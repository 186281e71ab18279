import type { IncomingMessage, ServerResponse } from 'node:http';
import { monotonicMs } from '../clock.ts';
import { FaultScript, type Fault, type FaultRule } from '../faults.ts';
import { readBody, startLoopbackServer } from '../http-server.ts';
import { EmulatorLog } from '../log.ts';
import { waitForAbort } from '../pace.ts';
import { answer } from './answer.ts';
import { companionBrain } from './brain.ts';
import { errorMessage, errorType, sendError } from './errors.ts';
import { countPromptTokens, planReply } from './plan.ts';
import { PromptCache } from './prompt-cache.ts';
import type { AnthropicEvent, AnthropicScript, Brain, MessagesRequest } from './types.ts';
import { validateRequest } from './validate.ts';

/** The vendor's limit for one request: 32 MB. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;
const SURFACE = 'messages';

export type AnthropicOptions = {
  /** 0 or left out: any free port. */
  port?: number;
  /** The only accepted key; any non-empty key when left out. */
  apiKey?: string;
  script?: Partial<AnthropicScript>;
  faults?: readonly FaultRule[];
  /** What the model says; the built-in companion when left out. */
  reply?: Brain;
  /** The clock of the prompt cache's time to live, milliseconds. */
  cacheNowMs?: () => number;
};

export type AnthropicEmulator = {
  /** Base URL for the real SDK, e.g. `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly log: EmulatorLog<AnthropicEvent>;
  readonly faults: FaultScript;
  /** Timing of the next answers; change it freely. */
  readonly script: AnthropicScript;
  /** Replaces the model for the requests that follow. */
  setReply(brain: Brain): void;
  close(): Promise<void>;
};

/**
 * A server on loopback that speaks Anthropic's Messages API: streaming and whole answers, strict
 * validation, prompt caching, the vendor's errors. The answers come from `reply`.
 */
export async function startAnthropicEmulator(
  options: AnthropicOptions = {},
): Promise<AnthropicEmulator> {
  const log = new EmulatorLog<AnthropicEvent>();
  const faults = new FaultScript(options.faults);
  const script: AnthropicScript = {
    firstTokenMs: 100,
    tokensPerSecond: 50,
    thinkingTokens: 30,
    splitSeed: undefined,
    ...options.script,
  };
  const cache = new PromptCache(options.cacheNowMs ?? monotonicMs);
  let brain = options.reply ?? companionBrain();
  let counter = 0;

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    counter += 1;
    const serial = String(counter).padStart(6, '0');
    const requestId = `req_emulated${serial}`;
    const gone = closeSignal(response);
    const refuse = (status: number, message: string): void => {
      log.add({ what: 'rejected', status, errorType: errorType(status), message });
      sendError(response, status, message, requestId);
    };
    const path = new URL(request.url ?? '/', 'http://loopback').pathname;
    const counting = path === '/v1/messages/count_tokens';
    if (request.method !== 'POST' || (path !== '/v1/messages' && !counting)) {
      request.resume();
      return refuse(404, 'Not found');
    }
    const fault = counting ? undefined : faults.next(SURFACE);
    if (fault?.kind === 'refuse' || fault?.kind === 'stop-reading') {
      log.add({ what: 'fault', fault });
      if (fault.kind === 'refuse') return void request.destroy();
      return await waitForAbort(gone);
    }
    const body = await readBody(request, MAX_BODY_BYTES);
    if (fault) log.add({ what: 'fault', fault, about: body });
    const receivedAtMs = monotonicMs();
    if (body === 'too-large') return refuse(413, errorMessage(413));
    if (fault?.kind === 'hang') return await waitForAbort(gone);
    if (fault?.kind === 'status') return sendFaultStatus(fault, response, requestId, log);
    const apiKey = readApiKey(request);
    if (!apiKey || (options.apiKey !== undefined && apiKey !== options.apiKey)) {
      return refuse(401, errorMessage(401));
    }
    if (request.headers['anthropic-version'] === undefined) {
      return refuse(400, 'anthropic-version: header is required');
    }
    const parsed = parseJson(body);
    if (counting && typeof parsed === 'object') Object.assign(parsed ?? {}, { max_tokens: 1 });
    const verdict = validateRequest(parsed);
    if (!verdict.ok) return refuse(verdict.status, verdict.message);
    if (counting) return sendJson(response, { input_tokens: countPromptTokens(verdict.request) });

    const id = `msg_${serial}`;
    const cachePlan = cache.plan(apiKey, verdict.request);
    log.add(
      { what: 'request', id, usage: cachePlan.usage, ...seen(verdict.request, request) },
      receivedAtMs,
    );
    const plan = planReply(brain(verdict.request), verdict.request, script);
    log.add({ what: 'reply', id, text: plan.text, plannedTokens: plan.tokens });
    const exchange = { id, requestId, request: verdict.request, plan, cache: cachePlan };
    await answer({ ...exchange, fault, receivedAtMs, response, log, gone });
  };

  const loopback = await startLoopbackServer(options.port ?? 0, (request, response) => {
    handle(request, response).catch((error: unknown) => {
      // Either the client left while its body was being read, or the brain threw.
      if (response.headersSent || response.destroyed) return void response.destroy();
      sendError(response, 500, `emulator: ${String(error)}`, 'req_emulated');
    });
  });
  return {
    url: `http://127.0.0.1:${loopback.port}`,
    log,
    faults,
    script,
    setReply: (next) => {
      brain = next;
    },
    close: loopback.close,
  };
}

function seen(
  request: MessagesRequest,
  http: IncomingMessage,
): Omit<Extract<AnthropicEvent, { what: 'request' }>, 'what' | 'id' | 'usage'> {
  const lastUser = request.messages.findLast((message) => message.role === 'user');
  return {
    model: request.model,
    stream: request.stream,
    system: request.system,
    messages: request.messages,
    tools: request.tools,
    userText: (lastUser?.content ?? []).map((block) => block.text ?? '').join('\n'),
    retryCount: header(http, 'x-stainless-retry-count'),
    apiVersion: header(http, 'anthropic-version') ?? '',
    traceparent: header(http, 'traceparent'),
  };
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function readApiKey(request: IncomingMessage): string | undefined {
  const bearer = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  return bearer ?? header(request, 'x-api-key');
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function sendJson(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

function sendFaultStatus(
  fault: Extract<Fault, { kind: 'status' }>,
  response: ServerResponse,
  requestId: string,
  log: EmulatorLog<AnthropicEvent>,
): void {
  const message = errorMessage(fault.status);
  log.add({ what: 'rejected', status: fault.status, errorType: errorType(fault.status), message });
  sendError(response, fault.status, message, requestId, fault.retryAfterSeconds);
}

/** Aborts when the connection closes before the answer was finished, or after it. */
function closeSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.on('close', () => controller.abort());
  response.on('error', () => controller.abort());
  return controller.signal;
}
