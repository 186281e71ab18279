import type { VendorFailure } from '../src/errors.ts';

/** What an HTTP status of a vendor means to us. 402 is a quota: the account has no money left. */
export function failureOfStatus(status: number): VendorFailure {
  if (status === 401 || status === 403) return 'auth';
  if (status === 402 || status === 429) return 'rate-limited';
  if (status === 408 || status >= 500) return 'overloaded';
  if (status >= 400) return 'bad-request';
  return 'garbage';
}

const MAX_RETRY_AFTER_MS = 10 * 60_000;

/**
 * The wait a `retry-after` header asks for, in milliseconds: seconds or an HTTP date. Undefined
 * when absent, unreadable or past; never more than ten minutes.
 */
export function retryAfterMsOf(header: string | null | undefined): number | undefined {
  if (header === null || header === undefined || header.trim() === '') return undefined;
  const seconds = Number(header);
  const waitMs = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(header) - Date.now();
  if (!Number.isFinite(waitMs) || waitMs < 0) return undefined;
  return Math.min(waitMs, MAX_RETRY_AFTER_MS);
}

/**
 * The machine-readable code of a network error, looked for along the `cause` chain: undici and
 * the SDKs wrap it, and happy-eyeballs hides it in an AggregateError.
 */
export function networkCodeOf(error: unknown): string | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < 6; depth += 1) {
    if (typeof current !== 'object' || current === null) return undefined;
    if ('code' in current && typeof current.code === 'string') return current.code;
    if (current instanceof AggregateError && current.errors.length > 0) current = current.errors[0];
    else if ('cause' in current) current = current.cause;
    else return undefined;
  }
  return undefined;
}

/**
 * What may be kept of a vendor's or an SDK's error: its name and code. Their messages quote what was
 * sent, and their fields hold whole requests with credentials; neither may reach a log.
 */
export function safeCause(error: unknown): Error {
  const name = error instanceof Error ? error.name : typeof error;
  const numeric = isRecord(error) && typeof error['code'] === 'number' ? error['code'] : undefined;
  const code = networkCodeOf(error) ?? numeric;
  return new Error(code === undefined ? name : `${name} ${code}`);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
