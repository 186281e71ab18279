/**
 * A real Redis for tests: `TEST_REDIS_URL` if set, else a server of our own from a binary on the
 * PATH, in the usual Debian places, or fetched with `apt-get download` into `.cache/debian/`
 * (nothing is installed, no root needed). Throws with the way out where none of that works.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import { debianProgram, libraryPathOf } from './debian-packages.ts';

export type TestRedis = {
  /** What `createRedisSessionStore` takes: a URL or the path of a unix socket. */
  readonly url: string;
  /** Keeps this test file's keys apart on a shared server. */
  readonly keyPrefix: string;
  stop(): Promise<void>;
};

export type RedisBinary = { readonly path: string; readonly libraryPath: string | undefined };

const names = ['redis-server', 'valkey-server'];
const startTimeoutMs = 10_000;

export async function startRedis(): Promise<TestRedis> {
  const keyPrefix = `test-${randomBytes(6).toString('hex')}:`;
  const given = process.env['TEST_REDIS_URL'];
  if (given !== undefined && given !== '') {
    await waitUntilAnswering(given, () => undefined);
    return { url: given, keyPrefix, stop: async () => undefined };
  }
  return { keyPrefix, ...(await launch(await findRedis())) };
}

async function launch(binary: RedisBinary): Promise<{ url: string; stop(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'hearthline-redis-'));
  const url = join(dir, 'redis.sock');
  const settings = ['--port', '0', '--unixsocket', url, '--dir', dir, '--save', ''];
  const env = { ...process.env };
  if (binary.libraryPath !== undefined) env['LD_LIBRARY_PATH'] = binary.libraryPath;
  const child = spawn(binary.path, [...settings, '--appendonly', 'no'], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (part: Buffer): void => {
    output = (output + part.toString()).slice(-4_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.once('error', (error) => keep(Buffer.from(error.message)));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const stop = async (): Promise<void> => {
    process.off('exit', killAtExit);
    child.kill('SIGKILL');
    await exited;
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await waitUntilAnswering(url, () => exitNote(child, binary.path, output));
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** What the server said, once it is gone. */
function exitNote(child: ChildProcess, path: string, output: string): string | undefined {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    return undefined;
  }
  return `${path} ended at once (exit code ${child.exitCode}):\n${output}`;
}

/** Rejects when `gone` says why nobody will answer, or after ten seconds. */
export async function waitUntilAnswering(
  url: string,
  gone: () => string | undefined,
): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => 25,
  });
  client.on('error', () => undefined);
  const deadline = Date.now() + startTimeoutMs;
  try {
    for (;;) {
      const answer = await client.ping().catch((error: unknown) => String(error));
      if (answer === 'PONG') return;
      const note = gone();
      if (note !== undefined) throw new Error(note);
      if (Date.now() > deadline) throw new Error(`no Redis answered at ${url}: ${answer}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  } finally {
    client.disconnect();
  }
}

/** Where the program is; fetched where there is none. */
export async function findRedis(): Promise<RedisBinary> {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  for (const dir of [...path, '/usr/bin', '/usr/local/bin', '/usr/sbin', '/snap/bin']) {
    for (const name of names) {
      const file = join(dir, name);
      if (dir !== '' && existsSync(file)) return { path: file, libraryPath: undefined };
    }
  }
  const home = await fetchRedis();
  return { path: join(home, 'usr/bin/redis-server'), libraryPath: await libraryPathOf(home) };
}

/** The server is a link into redis-tools. */
async function fetchRedis(): Promise<string> {
  try {
    return await debianProgram({
      name: 'redis',
      packages: ['redis-server', 'redis-tools'],
      programs: async (root) => [join(root, 'usr/bin/redis-server')],
    });
  } catch (error) {
    throw new Error(
      'These tests need a Redis server and there is none: TEST_REDIS_URL is not set, ' +
        `${names.join(' and ')} are not on the PATH, and fetching Debian's failed ` +
        `(${error instanceof Error ? error.message : String(error)}). ` +
        'Install one (apt-get install redis-server) or set TEST_REDIS_URL=redis://host:port.',
      { cause: error },
    );
  }
}
