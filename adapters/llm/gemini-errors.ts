import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';
import {
  failureOfStatus,
  isRecord,
  networkCodeOf,
  retryAfterMsOf,
  safeCause,
} from '../vendor-failure.ts';

export function failed(failure: VendorFailure, cause?: unknown): VendorError {
  return new VendorError('gemini', failure, {
    cause: cause === undefined ? undefined : safeCause(cause),
  });
}

/**
 * What an error of the SDK means: its own (an HTTP status, or an error within the stream), the
 * connection's, or that of bytes that could not be read.
 *
 * @param started a chunk had come already
 * @param headers the answer's; undefined when none had come
 */
export function vendorErrorOf(
  error: unknown,
  started: boolean,
  headers: Headers | undefined,
): VendorError {
  if (error instanceof Error && error.name === 'ApiError') {
    const status = 'status' in error && typeof error.status === 'number' ? error.status : 500;
    const details = detailsOf(error.message);
    const isKey = details.some((detail) => detail['reason'] === 'API_KEY_INVALID');
    const delay = details.map((detail) => detail['retryDelay']).find((d) => typeof d === 'string');
    return new VendorError('gemini', isKey ? 'auth' : failureOfStatus(status), {
      status,
      retryAfterMs: retryAfterMsOf(headers?.get('retry-after') ?? delay?.replace(/s$/, '')),
      cause: safeCause(error),
    });
  }
  const code = networkCodeOf(error);
  if (code?.startsWith('HPE_') === true) return failed('garbage', error);
  if (error instanceof SyntaxError || error instanceof RangeError) return failed('garbage', error);
  if (started) return failed('cut', error);
  if (code === undefined) return failed('garbage', error);
  return failed(headers === undefined ? 'unreachable' : 'cut', error);
}

/** The vendor says in the details what the status does not: a wrong key is a 400, a wait is there. */
function detailsOf(message: string): readonly Record<string, unknown>[] {
  const start = message.indexOf('{');
  if (start < 0) return [];
  try {
    const body: unknown = JSON.parse(message.slice(start));
    const error = isRecord(body) ? body['error'] : undefined;
    const details = isRecord(error) ? error['details'] : undefined;
    return Array.isArray(details) ? details.filter(isRecord) : [];
  } catch {
    return [];
  }
}
