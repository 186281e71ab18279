/**
 * A receiver of OTLP over HTTP, as Honeycomb and every collector is one: `POST /v1/traces`,
 * `/v1/metrics`, `/v1/logs`, protobuf or JSON, plain or gzip. It decodes what arrives with a reader
 * of its own, so that a sender cannot be right only by agreement with itself.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { startLoopbackServer } from '../http-server.ts';
import { EmulatorLog } from '../log.ts';
import { decodeRequest, logRecordsOf, metricsOf, spansOf, type Signal } from './decode.ts';
import type { OtlpEvent, ReceivedMetric, ReceivedSpan } from './types.ts';

export type OtlpEmulatorOptions = {
  readonly port?: number;
  /** When set, requests need it as `x-honeycomb-team`; others get 401. */
  readonly honeycombKey?: string;
};

export type OtlpEmulator = {
  readonly url: string;
  readonly log: EmulatorLog<OtlpEvent>;
  /** Answers with this status instead of taking anything; undefined: works. */
  refuseWith: number | undefined;
  spans(): ReceivedSpan[];
  metrics(): ReceivedMetric[];
  close(): Promise<void>;
};

const MAX_BODY_BYTES = 16 * 1024 * 1024;
const SIGNALS: Readonly<Record<string, Signal>> = {
  '/v1/traces': 'traces',
  '/v1/metrics': 'metrics',
  '/v1/logs': 'logs',
};

export async function startOtlpEmulator(options: OtlpEmulatorOptions = {}): Promise<OtlpEmulator> {
  const log = new EmulatorLog<OtlpEvent>();
  const server = await startLoopbackServer(options.port ?? 0, (request, response) => {
    take(request, response).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      refuse(response, 400, reason);
    });
  });

  const refuse = (response: ServerResponse, status: number, reason: string): void => {
    log.add({ what: 'refused', status, reason });
    if (!response.headersSent) response.writeHead(status, { 'content-type': 'application/json' });
    response.end('{}');
  };

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBytes(request);
    const signal = SIGNALS[request.url ?? ''];
    if (!signal || request.method !== 'POST') return refuse(response, 404, 'no such path');
    if (emulator.refuseWith !== undefined) return refuse(response, emulator.refuseWith, 'scripted');
    const { honeycombKey } = options;
    if (honeycombKey !== undefined && request.headers['x-honeycomb-team'] !== honeycombKey) {
      return refuse(response, 401, 'unknown API key');
    }
    const type = request.headers['content-type'] ?? '';
    const encoding = type.startsWith('application/json') ? 'json' : 'protobuf';
    if (encoding === 'protobuf' && type !== 'application/x-protobuf') {
      return refuse(response, 415, type);
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const decoded = decodeRequest(body, signal, encoding);
    log.add({ what: 'request', signal, encoding, bytes: body.length, headers });
    for (const span of spansOf(decoded)) log.add({ what: 'span', span });
    for (const metric of metricsOf(decoded)) log.add({ what: 'metric', metric });
    for (const record of logRecordsOf(decoded)) log.add({ what: 'log-record', record });
    const answerType = encoding === 'json' ? 'application/json' : 'application/x-protobuf';
    response.writeHead(200, { 'content-type': answerType });
    response.end(encoding === 'json' ? '{}' : '');
  }

  const emulator: OtlpEmulator = {
    url: `http://127.0.0.1:${server.port}`,
    log,
    refuseWith: undefined,
    spans: () => log.all('span').map(({ span }) => span),
    metrics: () => log.all('metric').map(({ metric }) => metric),
    close: async () => await server.close(),
  };
  return emulator;
}

async function readBytes(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += (part as Buffer).length;
    if (bytes > MAX_BODY_BYTES) throw new Error('too large');
    parts.push(part as Buffer);
  }
  const body = Buffer.concat(parts);
  if (request.headers['content-encoding'] !== 'gzip') return body;
  return gunzipSync(body, { maxOutputLength: MAX_BODY_BYTES });
}
