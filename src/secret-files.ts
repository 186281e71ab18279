/** Secrets from files, as orchestrators mount them: `NAME_FILE=/run/secrets/name` instead of `NAME`. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { ConfigError } from './errors.ts';

/** Variables that may be given as a file. */
export const SECRET_VARIABLES = [
  'DATABASE_URL',
  'REDIS_URL',
  'ENCRYPTION_KEY',
  'TWILIO_AUTH_TOKEN',
  'DEEPGRAM_API_KEY',
  'ANTHROPIC_API_KEY',
  'GEMINI_API_KEY',
  'ELEVENLABS_API_KEY',
  'HONEYCOMB_API_KEY',
  'METRICS_TOKEN',
  'ADMIN_TOKEN',
  'WEBHOOK_SECRET',
  'SENTRY_DSN',
] as const;

/** Secrets are short; whatever is longer is the wrong file. */
const MAX_SECRET_BYTES = 16 * 1024;

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The environment with the contents of every `NAME_FILE` put in place of `NAME`, without white space
 * around them.
 * @throws ConfigError naming every file variable that cannot be used, never a path or a value.
 */
export function resolveSecretFiles(
  env: Env,
  read: (path: string) => Buffer = readBounded,
): Record<string, string | undefined> {
  const resolved = { ...env };
  const problems: string[] = [];
  for (const name of SECRET_VARIABLES) {
    const path = env[`${name}_FILE`]?.trim();
    if (path === undefined || path === '') continue;
    const secret = readSecret(path, read);
    if ((env[name]?.trim() ?? '') !== '') problems.push(`${name} and ${name}_FILE are both set`);
    else if (typeof secret === 'string') resolved[name] = secret;
    else problems.push(`${name}_FILE ${secret.problem}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return resolved;
}

/**
 * A regular file's first bytes, one more than a secret may have: no device, pipe or directory, which
 * could be read for ever or hold up the start.
 */
function readBounded(path: string): Buffer {
  // Opening a pipe that nobody writes to would wait otherwise.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error('not a regular file');
    const bytes = Buffer.alloc(MAX_SECRET_BYTES + 1);
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(file, bytes, length, bytes.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

function readSecret(path: string, read: (path: string) => Buffer): string | { problem: string } {
  try {
    const bytes = read(path);
    if (bytes.length > MAX_SECRET_BYTES) return { problem: 'names a file that is too long' };
    const text = bytes.toString('utf8').trim();
    return text === '' ? { problem: 'names an empty file' } : text;
  } catch {
    return { problem: 'names a file that cannot be read' };
  }
}
