import type { ServerResponse } from 'node:http';

const TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};
const MESSAGES: Record<number, string> = {
  401: 'invalid x-api-key',
  402: 'Your credit balance is too low to access the Anthropic API.',
  403: 'Your API key does not have permission to use the specified resource.',
  404: 'Not found',
  413: 'Request exceeds the maximum size',
  429: 'This request would exceed your rate limit. Please try again later.',
  500: 'Internal server error',
  504: 'Request timed out',
  529: 'Overloaded',
};

export function errorType(status: number): string {
  return TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
}

export function errorMessage(status: number): string {
  return MESSAGES[status] ?? 'Internal server error';
}

/** The vendor's error body; also the data of an in-stream `event: error`. */
export function errorBody(type: string, message: string, requestId: string): object {
  return { type: 'error', error: { type, message }, request_id: requestId };
}

export function sendError(
  response: ServerResponse,
  status: number,
  message: string,
  requestId: string,
  retryAfterSeconds?: number,
): void {
  const body = JSON.stringify(errorBody(errorType(status), message, requestId));
  response.writeHead(status, {
    'content-type': 'application/json',
    'request-id': requestId,
    'content-length': Buffer.byteLength(body),
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
  });
  response.end(body);
}
