import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** An answer that is no service: the vendor's `err_code` and `err_msg` under an HTTP status. */
export type Refusal = {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds?: number;
};

export const NOT_FOUND: Refusal = {
  status: 404,
  code: 'NOT_FOUND',
  message: 'No such resource.',
};

const statusTexts: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  413: 'Payload Too Large',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** What the vendor says with a status. */
export function refusalFor(status: number): Omit<Refusal, 'status' | 'retryAfterSeconds'> {
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

/** Refuses an HTTP request; the connection may be used again. */
export function refuseRequest(response: ServerResponse, refusal: Refusal): void {
  const requestId = randomUUID();
  const body = bodyOf(refusal, requestId);
  response.writeHead(refusal.status, headersOf(refusal, body, requestId)).end(body);
}

/** Refuses a WebSocket upgrade and closes its connection. */
export function refuseUpgrade(socket: Duplex, refusal: Refusal, requestId: string): void {
  const body = bodyOf(refusal, requestId);
  const headers = Object.entries({ ...headersOf(refusal, body, requestId), connection: 'close' })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const text = statusTexts[refusal.status] ?? 'Error';
  socket.end(`HTTP/1.1 ${refusal.status} ${text}\r\n${headers}\r\n${body}`);
}

/** `Token <key>` or `Bearer <token>`; any non-empty one when no key is asked for. */
export function authorised(request: IncomingMessage, apiKey: string | undefined): boolean {
  const given = /^(?:token|bearer) (\S+)$/iu.exec(request.headers.authorization ?? '')?.[1];
  return given !== undefined && (apiKey === undefined || given === apiKey);
}

export function loggedQuery(query: URLSearchParams): Record<string, string[]> {
  return Object.fromEntries([...new Set(query.keys())].map((key) => [key, query.getAll(key)]));
}

/** The request's headers with the key struck out. */
export function loggedHeaders(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      name === 'authorization' ? `${String(value).split(' ')[0] ?? ''} ***` : String(value),
    ]),
  );
}
