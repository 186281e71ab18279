import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { FaultScript, type FaultRule } from '../faults.ts';
import { startLoopbackServer } from '../http-server.ts';
import { EmulatorLog } from '../log.ts';
import { prepareUnits } from './generation.ts';
import { errorDetail, handleHttp, type HttpWorld } from './http-api.ts';
import { createLedger } from './ledger.ts';
import { serveSocket } from './socket.ts';
import type { ElevenLabsEvent, ElevenLabsScript } from './types.ts';

export type ElevenLabsOptions = {
  /** 0 or left out: any free port. */
  port?: number;
  /** The only accepted key; any non-empty key when left out. */
  apiKey?: string;
  /** Characters that may be spoken before `quota_exceeded`; no limit when left out. */
  quotaChars?: number;
  script?: Partial<ElevenLabsScript>;
  faults?: readonly FaultRule[];
};

export type ElevenLabsEmulator = {
  /** Base URL for the SDK, `http://127.0.0.1:…`. */
  readonly url: string;
  /** The same for the sockets, `ws://127.0.0.1:…`. */
  readonly wsUrl: string;
  readonly log: EmulatorLog<ElevenLabsEvent>;
  readonly faults: FaultScript;
  readonly script: ElevenLabsScript;
  /** Synthesises texts ahead, so that their first use is not slower than the script. */
  prepare(
    texts: readonly string[],
    options?: { speed?: number; languageCode?: string },
  ): Promise<void>;
  close(): Promise<void>;
};

const SOCKET_PATH = /^\/v1\/text-to-speech\/([^/]+)\/(stream-input|multi-stream-input)$/;
const FORMAT = 'ulaw_8000';
/** The vendor's messages are short texts; 1 MiB is far above any of them. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;

/**
 * A server on loopback that speaks ElevenLabs' streaming synthesis over HTTP and both sockets,
 * with real synthesised speech whose words are embedded in-band.
 */
export async function startElevenLabsEmulator(
  options: ElevenLabsOptions = {},
): Promise<ElevenLabsEmulator> {
  const log = new EmulatorLog<ElevenLabsEvent>();
  const faults = new FaultScript(options.faults);
  const script: ElevenLabsScript = {
    firstByteMs: 60,
    realTimeFactor: 20,
    chunkMs: 200,
    sound: 'speech',
    afterClose: 'finish',
    finalDelayMs: 0,
    ...options.script,
  };
  const ledger = createLedger(options.apiKey, options.quotaChars);
  let connections = 0;
  const nextConnection = (): number => (connections += 1);
  const world: HttpWorld = { script, faults, log, ledger, nextConnection };
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
  });

  const loopback = await startLoopbackServer(options.port ?? 0, (request, response) => {
    handleHttp(request, response, world).catch(() => {
      // The client left while its request was being read, or synthesis broke.
      if (response.headersSent || response.destroyed) return void response.destroy();
      response.writeHead(500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ detail: errorDetail(500) }));
    });
  });

  const upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const url = new URL(request.url ?? '/', 'http://loopback');
    const path = SOCKET_PATH.exec(url.pathname);
    const surface = path?.[2] === 'multi-stream-input' ? 'multi' : 'single';
    const refuse = (status: number, detail = errorDetail(status)): void => {
      log.add({ what: 'rejected', surface, status, detail: detail.status });
      refuseUpgrade(stream, status, detail);
    };
    if (!path) return refuse(404);
    const fault = faults.next(surface);
    if (fault) log.add({ what: 'fault', surface, fault });
    if (fault?.kind === 'refuse') return void stream.destroy();
    if (fault?.kind === 'status') return refuse(fault.status);
    const key = request.headers['xi-api-key'];
    const apiKey = Array.isArray(key) ? key[0] : key;
    if (apiKey !== undefined && !ledger.accepts(apiKey)) return refuse(401);
    const format = url.searchParams.get('output_format') ?? 'mp3_44100_128';
    if (format !== FORMAT) {
      const message = `output_format '${format}' is not emulated`;
      return refuse(400, { status: 'invalid_output_format', message });
    }
    sockets.handleUpgrade(request, stream, head, (socket: WebSocket) => {
      const connection = nextConnection();
      const voiceId = decodeURIComponent(path[1] ?? '');
      log.add({ what: 'connected', connection, surface, voiceId, query: url.search });
      const authorised = apiKey !== undefined || url.searchParams.has('single_use_token');
      const query = url.searchParams;
      serveSocket({ socket, surface, connection, query, authorised, fault, ledger, script, log });
      if (fault?.kind === 'stop-reading') socket.pause();
    });
  };
  loopback.server.on('upgrade', upgrade);

  return {
    url: `http://127.0.0.1:${loopback.port}`,
    wsUrl: `ws://127.0.0.1:${loopback.port}`,
    log,
    faults,
    script,
    prepare: async (texts, { speed = 1, languageCode } = {}) => {
      const { sound } = script;
      const units = texts.flatMap((text) => prepareUnits(text, languageCode, { speed }, sound));
      await Promise.all(units);
    },
    close: loopback.close,
  };
}

function refuseUpgrade(
  stream: Duplex,
  status: number,
  detail: { status: string; message: string },
): void {
  const body = JSON.stringify({ detail });
  stream.on('error', () => undefined);
  stream.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
