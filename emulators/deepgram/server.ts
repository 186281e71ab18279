/**
 * The Deepgram emulator: `/v2/listen` (Flux) and `/v1/listen` (nova-3) on one loopback port. It
 * hears only the bytes it is sent: words come from the sound itself (speech/inband.ts), so lost,
 * doubled or reordered audio comes out as a wrong transcript. Rules of the wire: Deepgram's
 * documentation as of November 2026.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { FaultScript, type Fault } from '../faults.ts';
import { startLoopbackServer } from '../http-server.ts';
import { EmulatorLog } from '../log.ts';
import { parseFluxQuery, type Verdict } from './flux-settings.ts';
import { serveFlux } from './flux-session.ts';
import { parseNovaQuery } from './nova-settings.ts';
import { serveNova } from './nova-session.ts';
import type { SessionContext } from './session.ts';
import type {
  DeepgramEmulator,
  DeepgramEvent,
  DeepgramOptions,
  DeepgramScript,
  DeepgramSurface,
} from './types.ts';

export type * from './types.ts';

const MAX_MESSAGE_BYTES = 1024 * 1024;
const DEFAULT_INACTIVITY_MS = 20_000;
const DEFAULT_NO_AUDIO_MS = 10_000;

function defaultScript(given: Partial<DeepgramScript> | undefined): DeepgramScript {
  return {
    delayMs: {},
    connectDelayMs: 0,
    onsetMs: 120,
    noise: 'updates',
    idleUpdates: true,
    omitStartOfTurn: false,
    formatDrift: 'none',
    ...given,
  };
}

type Refusal = { status: number; code: string; message: string; retryAfterSeconds?: number };

const NOT_FOUND: Refusal = { status: 404, code: 'NOT_FOUND', message: 'No such resource.' };

const statusTexts: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

function refusalFor(status: number): Omit<Refusal, 'status' | 'retryAfterSeconds'> {
  if (status === 401) return { code: 'INVALID_AUTH', message: 'Invalid credentials.' };
  if (status === 402) return { code: 'ASR_PAYMENT_REQUIRED', message: 'Insufficient credits.' };
  if (status === 403) return { code: 'INSUFFICIENT_PERMISSIONS', message: 'Not permitted.' };
  if (status === 429) return { code: 'TOO_MANY_REQUESTS', message: 'Too many requests.' };
  return { code: 'INTERNAL_SERVER_ERROR', message: `Answered ${status} by fault script.` };
}

function headersOf(refusal: Refusal, body: string, requestId: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
    'dg-error': refusal.message,
    'dg-request-id': requestId,
    ...(refusal.retryAfterSeconds === undefined
      ? {}
      : { 'retry-after': String(refusal.retryAfterSeconds) }),
  };
}

function bodyOf(refusal: Refusal, requestId: string): string {
  return JSON.stringify({
    err_code: refusal.code,
    err_msg: refusal.message,
    request_id: requestId,
  });
}

function refuseUpgrade(socket: Duplex, refusal: Refusal, requestId: string): void {
  const body = bodyOf(refusal, requestId);
  const headers = Object.entries(headersOf(refusal, body, requestId))
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const text = statusTexts[refusal.status] ?? 'Error';
  socket.end(`HTTP/1.1 ${refusal.status} ${text}\r\n${headers}\r\n${body}`);
}

function authorised(request: IncomingMessage, apiKey: string | undefined): boolean {
  const given = /^(?:token|bearer) (\S+)$/iu.exec(request.headers.authorization ?? '')?.[1];
  return given !== undefined && (apiKey === undefined || given === apiKey);
}

function loggedQuery(query: URLSearchParams): Record<string, string[]> {
  return Object.fromEntries([...new Set(query.keys())].map((key) => [key, query.getAll(key)]));
}

function loggedHeaders(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      name === 'authorization' ? `${String(value).split(' ')[0] ?? ''} ***` : String(value),
    ]),
  );
}

type Serve = (context: SessionContext) => void;

function planSession(
  surface: DeepgramSurface,
  query: URLSearchParams,
  options: DeepgramOptions,
): Verdict<Serve> {
  if (surface === 'v2') {
    const verdict = parseFluxQuery(query);
    if (!verdict.ok) return verdict;
    const { forceEndTurn = false, inactivityMs = DEFAULT_INACTIVITY_MS } = options;
    const value: Serve = (context) => {
      serveFlux(context, verdict.value, { forceEndTurn, inactivityMs });
    };
    return { ok: true, value };
  }
  const verdict = parseNovaQuery(query);
  if (!verdict.ok) return verdict;
  const { noAudioMs = DEFAULT_NO_AUDIO_MS } = options;
  return { ok: true, value: (context) => serveNova(context, verdict.value, { noAudioMs }) };
}

/** What one arriving upgrade is worth: a refusal, silence, or a session. */
type Judgement =
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  | { readonly kind: 'destroy' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'serve'; readonly serve: Serve };

function judge(
  request: IncomingMessage,
  surface: DeepgramSurface,
  query: URLSearchParams,
  fault: Fault | undefined,
  options: DeepgramOptions,
): Judgement {
  if (fault?.kind === 'refuse') return { kind: 'destroy' };
  if (fault?.kind === 'hang') return { kind: 'hang' };
  if (fault?.kind === 'status') {
    return { kind: 'refuse', refusal: { ...fault, ...refusalFor(fault.status) } };
  }
  if (!authorised(request, options.apiKey)) {
    return { kind: 'refuse', refusal: { status: 401, ...refusalFor(401) } };
  }
  const plan = planSession(surface, query, options);
  if (plan.ok) return { kind: 'serve', serve: plan.value };
  const refusal = { status: 400, code: 'INVALID_QUERY_PARAMETER', message: plan.reason };
  return { kind: 'refuse', refusal };
}

/** The part of the emulator that answers upgrades and knows the open sockets. */
class Listener {
  readonly log = new EmulatorLog<DeepgramEvent>();
  readonly faults: FaultScript;
  readonly script: DeepgramScript;
  readonly sockets = new Set<WebSocket>();
  readonly #options: DeepgramOptions;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #upgrader = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  #connections = 0;

  constructor(options: DeepgramOptions) {
    this.#options = options;
    this.faults = options.faults ?? new FaultScript();
    this.script = defaultScript(options.script);
  }

  /** Anything but an upgrade: there is no REST here. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '/';
    this.log.add({ what: 'rejected', path, status: NOT_FOUND.status, reason: NOT_FOUND.message });
    const requestId = randomUUID();
    const body = bodyOf(NOT_FOUND, requestId);
    request.resume();
    response.writeHead(NOT_FOUND.status, headersOf(NOT_FOUND, body, requestId)).end(body);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const requestId = randomUUID();
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const reject = (refusal: Refusal): void => {
      const { status, message: reason } = refusal;
      this.log.add({ what: 'rejected', path: pathname, status, reason });
      refuseUpgrade(socket, refusal, requestId);
    };
    const surface = /^\/(v1|v2)\/listen$/u.exec(pathname)?.[1] as DeepgramSurface | undefined;
    if (surface === undefined) {
      reject(NOT_FOUND);
      return;
    }
    this.#connections += 1;
    const connection = this.#connections;
    const query = loggedQuery(searchParams);
    const headers = loggedHeaders(request);
    this.log.add({ what: 'connect', surface, connection, query, headers });
    const fault = this.faults.next(surface);
    if (fault) this.log.add({ what: 'fault', surface, connection, fault });
    const judgement = judge(request, surface, searchParams, fault, this.#options);
    if (judgement.kind === 'destroy') socket.destroy();
    if (judgement.kind === 'hang') socket.resume();
    if (judgement.kind === 'refuse') reject(judgement.refusal);
    if (judgement.kind !== 'serve') return;
    const delayMs = this.script.connectDelayMs * (fault?.kind === 'slow' ? fault.factor : 1);
    this.#after(delayMs, () => {
      if (socket.destroyed) return;
      const addRequestId = (lines: string[]): number => lines.push(`dg-request-id: ${requestId}`);
      this.#upgrader.on('headers', addRequestId);
      this.#upgrader.handleUpgrade(request, socket, head, (webSocket) => {
        this.sockets.add(webSocket);
        webSocket.on('close', () => this.sockets.delete(webSocket));
        const { log, script } = this;
        const { briefLog = false } = this.#options;
        const socketOf = { socket: webSocket, connection, requestId };
        judgement.serve({ ...socketOf, log, script, fault, briefLog });
      });
      this.#upgrader.off('headers', addRequestId);
    });
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.sockets) socket.terminate();
  }

  #after(delayMs: number, act: () => void): void {
    if (delayMs <= 0) {
      act();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delayMs);
    this.#timers.add(timer);
  }
}

/** Starts the emulator. Rejects when the port is taken. */
export async function startDeepgramEmulator(
  options: DeepgramOptions = {},
): Promise<DeepgramEmulator> {
  const listener = new Listener(options);
  const loopback = await startLoopbackServer(options.port ?? 0, (request, response) => {
    listener.answer(request, response);
  });
  loopback.server.on('upgrade', (request, socket, head) => {
    listener.upgrade(request, socket, head);
  });
  return {
    url: `http://127.0.0.1:${loopback.port}`,
    wsUrl: `ws://127.0.0.1:${loopback.port}`,
    port: loopback.port,
    log: listener.log,
    faults: listener.faults,
    script: listener.script,
    connections: () => listener.sockets.size,
    close: async () => {
      listener.stop();
      await loopback.close();
    },
  };
}
