/**
 * The kinds of value that the environment contract knows, as zod schemas over strings. Messages
 * complete the sentence "NAME …" and never repeat the value.
 */
import { isIP } from 'node:net';
import { z } from 'zod';

export type Environment = 'production' | 'development' | 'test';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A whole number in a range, both ends included. `unit` is shown in the problem. */
export function integer(min: number, max: number, unit: string) {
  const error = `must be a whole number from ${min} to ${max}${unit}`;
  return z
    .string()
    .regex(/^\d{1,12}$/, { error, abort: true })
    .transform(Number)
    .refine((n) => n >= min && n <= max, { error });
}

/** A secret that travels in an HTTP header: printable ASCII without spaces. */
export const secret = z
  .string()
  .regex(/^[\x21-\x7e]+$/, { error: 'must be printable ASCII without spaces' });

/** A secret that stands in a URL as it is. */
export const urlSecret = z
  .string()
  .regex(/^[A-Za-z0-9._~-]+$/, { error: 'may hold only letters, digits, dots, _, ~ and -' });

/** Addresses and CIDR ranges, separated by commas. */
export const addressRanges = z
  .string()
  .transform((value) => value.split(',').map((range) => range.trim()))
  .refine((ranges) => ranges.every(isAddressRange), {
    error: 'must be addresses or ranges such as 10.0.0.0/8, separated by commas',
  });

function isAddressRange(range: string): boolean {
  const [address = '', bits, ...rest] = range.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return (
    bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 6 ? 128 : 32))
  );
}

/** Where Sentry takes a project's errors: `https://KEY@HOST/PROJECT`. */
export const sentryDsn = z.string().regex(/^https?:\/\/[^@/\s]+@[^@\s?#]+\/\d+$/, {
  error: 'must be a DSN: https://KEY@HOST/PROJECT',
});

/** A name that becomes part of a URL's path. */
export const pathName = z
  .string()
  .regex(/^[A-Za-z0-9._-]+$/, { error: 'may hold only letters, digits, dots, _ and -' });

function parseUrl(value: string): URL | undefined {
  return URL.canParse(value) ? new URL(value) : undefined;
}

/** Whether a URL points to this machine. */
export function isLoopback(url: URL): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
}

/** Lower-case scheme, no slash at the end: what is put before a path, and signed. */
function normalised(url: string): string {
  return url.replace(/^https?/i, (scheme) => scheme.toLowerCase()).replace(/\/+$/, '');
}

const httpUrl = z.string().refine(
  (value) => {
    // The parser forgives blanks and backslashes; signatures over the same text would not.
    const url = /^https?:\/\/[^\s\\]+$/i.test(value) ? parseUrl(value) : undefined;
    if (!url) return false;
    return url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  },
  { error: 'must be an http(s) URL without user, query or fragment' },
);

/** Where an SDK is pointed. Keys travel to it, so in production only TLS will do, or this machine. */
export function baseUrl(environment: Environment) {
  return httpUrl
    .refine(
      (value) => {
        const url = parseUrl(value);
        if (environment !== 'production' || !url) return true;
        return url.protocol !== 'http:' || isLoopback(url);
      },
      { error: 'must be https in production, unless it points to this machine' },
    )
    .transform(normalised);
}

/** Where the world reaches us. */
export function publicUrl(environment: Environment) {
  return httpUrl
    .refine((value) => environment !== 'production' || parseUrl(value)?.protocol !== 'http:', {
      error: 'must be https in production: Twilio streams to wss only',
    })
    .transform(normalised);
}

/** The address of a data store, with one of the given schemes. */
export function serverUrl(schemes: readonly string[]) {
  return z
    .string()
    .refine((value) => schemes.includes(parseUrl(value)?.protocol.replace(':', '') ?? ''), {
      error: `must be a ${schemes.map((s) => `${s}://`).join(' or ')} URL`,
    });
}

/** 64 hexadecimal digits or base64 (either alphabet); undefined for anything else. */
function decodeKey(value: string): Uint8Array | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(value)) return Uint8Array.from(Buffer.from(value, 'hex'));
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(value)) return undefined;
  const bytes = Uint8Array.from(Buffer.from(value, 'base64'));
  return bytes.length === 32 ? bytes : undefined;
}

/** A random key has fewer different bytes than this once in 10^25; one that was typed in a hurry, as a rule. */
const MIN_DIFFERENT_BYTES = 12;

/** As many as a sealer takes: while a key is changed there are two. */
const MAX_KEYS = 8;

/**
 * Keys of 32 bytes for AES-256, with commas or white space between them: the first seals, all open.
 * In production none that somebody made up.
 */
export function encryptionKeys(environment: Environment) {
  return z.string().transform((value, context): readonly Uint8Array[] => {
    const refuse = (message: string): never => {
      context.issues.push({ code: 'custom', message, input: undefined });
      return z.NEVER;
    };
    const keys = value
      .trim()
      .split(/[\s,]+/)
      .map((each) => decodeKey(each));
    if (!keys.every((key) => key !== undefined)) {
      return refuse('must be 32 bytes as base64 or as 64 hexadecimal digits');
    }
    if (keys.length > MAX_KEYS) return refuse(`must hold at most ${MAX_KEYS} keys`);
    if (new Set(keys.map(String)).size < keys.length) return refuse('must hold no key twice');
    const isMadeUp = keys.some((key) => new Set(key).size < MIN_DIFFERENT_BYTES);
    if (environment === 'production' && isMadeUp) {
      return refuse('must be random: openssl rand -hex 32 makes one');
    }
    return keys;
  });
}

/** One of a fixed set of words. */
export function oneOf<const T extends string>(values: readonly T[]) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}
