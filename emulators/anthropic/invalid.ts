import type { CacheControl } from './types.ts';

export type Json = Record<string, unknown>;

/** Thrown inside the validator only; `validateRequest` turns it into a verdict. */
export class Invalid {
  readonly message: string;
  readonly status: 400 | 404;

  constructor(message: string, status: 400 | 404 = 400) {
    this.message = message;
    this.status = status;
  }
}

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function readCacheControl(value: unknown, path: string): CacheControl | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value) || value['type'] !== 'ephemeral') {
    throw new Invalid(
      `${path}: Input tag found does not match any of the expected tags: 'ephemeral'`,
    );
  }
  const ttl = value['ttl'];
  if (ttl !== undefined && ttl !== '5m' && ttl !== '1h') {
    throw new Invalid(`${path}.ephemeral.ttl: Input should be '5m' or '1h'`);
  }
  return ttl === undefined ? { type: 'ephemeral' } : { type: 'ephemeral', ttl };
}
