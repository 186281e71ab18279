/**
 * The Deepgram emulator: `/v2/listen` (Flux), `/v1/listen` (nova-3) and `POST /v1/speak` (Aura) on
 * one loopback port. It
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
import {
  authorised,
  loggedHeaders,
  loggedQuery,
  NOT_FOUND,
  refusalFor,
  refuseRequest,
  refuseUpgrade,
  type Refusal,
} from './refusal.ts';
import type { SessionContext } from './session.ts';
import { handleSpeak } from './speak.ts';
import type {
  DeepgramEmulator,
  DeepgramEvent,
  DeepgramOptions,
  DeepgramScript,
  ListenSurface,
} from './types.ts';

export type * from './types.ts';

const MAX_MESSAGE_BYTES = 1024 * 1024;
const DEFAULT_INACTIVITY_MS = 20_000;
const DEFAULT_NO_AUDIO_MS = 10_000;

function defaultScript(given: DeepgramOptions['script'] = {}): DeepgramScript {
  return {
    delayMs: {},
    connectDelayMs: 0,
    onsetMs: 120,
    noise: 'updates',
    idleUpdates: true,
    omitStartOfTurn: false,
    formatDrift: 'none',
    ...given,
    speak: { firstByteMs: 90, realTimeFactor: 20, chunkMs: 200, sound: 'speech', ...given.speak },
  };
}

type Serve = (context: SessionContext) => void;

function planSession(
  surface: ListenSurface,
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
  surface: ListenSurface,
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

  /** Requests that are no upgrades: Aura's, and nothing else. */
  answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'POST' && pathname === '/v1/speak') {
      this.#speak(request, response);
      return;
    }
    const { status, message: reason } = NOT_FOUND;
    this.log.add({ what: 'rejected', path: pathname, status, reason });
    request.resume();
    refuseRequest(response, NOT_FOUND);
  }

  #speak(request: IncomingMessage, response: ServerResponse): void {
    this.#connections += 1;
    const { log, faults, script } = this;
    const { apiKey } = this.#options;
    const world = { log, faults, script: script.speak, apiKey, connection: this.#connections };
    handleSpeak(request, response, world).catch(() => {
      // The client left while its request was being read, or synthesis broke.
      if (response.headersSent || response.destroyed) return void response.destroy();
      refuseRequest(response, { status: 500, ...refusalFor(500) });
    });
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const requestId = randomUUID();
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const reject = (refusal: Refusal): void => {
      const { status, message: reason } = refusal;
      this.log.add({ what: 'rejected', path: pathname, status, reason });
      refuseUpgrade(socket, refusal, requestId);
    };
    const surface = /^\/(v1|v2)\/listen$/u.exec(pathname)?.[1] as ListenSurface | undefined;
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
