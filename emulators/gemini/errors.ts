import type { ServerResponse } from 'node:http';

/** google.rpc codes by HTTP status. */
const STATUSES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  413: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};
const MESSAGES: Readonly<Record<number, string>> = {
  401: 'Request had invalid authentication credentials.',
  403: "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
  404: 'Requested entity was not found.',
  413: 'Request payload size exceeds the limit: 20971520 bytes.',
  429: 'You exceeded your current quota, please check your plan and billing details.',
  500: 'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
  503: 'The model is overloaded. Please try again later.',
  504: 'The request timed out. Please try again.',
};

export type ErrorDetail = Readonly<Record<string, unknown>>;

export function errorType(status: number): string {
  return STATUSES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'INVALID_ARGUMENT');
}

export function errorMessage(status: number): string {
  return MESSAGES[status] ?? 'An internal error has occurred.';
}

/** The vendor's error body; also the data of an error within the stream. */
export function errorBody(
  status: number,
  message: string,
  details: readonly ErrorDetail[] = [],
): object {
  const error = { code: status, message, status: errorType(status) };
  return { error: details.length === 0 ? error : { ...error, details } };
}

/** A wrong key is a 400 at this vendor; only the detail says what it is about. */
export const BAD_KEY = {
  status: 400,
  message: 'API key not valid. Please pass a valid API key.',
  details: [
    {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: 'API_KEY_INVALID',
      domain: 'googleapis.com',
      metadata: { service: 'generativelanguage.googleapis.com' },
    },
  ],
} as const;

export type ErrorExtra = {
  readonly details?: readonly ErrorDetail[];
  readonly retryAfterSeconds?: number | undefined;
};

export function sendError(
  response: ServerResponse,
  status: number,
  message: string,
  extra: ErrorExtra = {},
): void {
  const { retryAfterSeconds } = extra;
  const details = [...(extra.details ?? [])];
  if (retryAfterSeconds !== undefined) {
    // The vendor names the wait in the body, not in a header.
    details.push({
      '@type': 'type.googleapis.com/google.rpc.RetryInfo',
      retryDelay: `${retryAfterSeconds}s`,
    });
  }
  const body = JSON.stringify(errorBody(status, message, details));
  response.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
