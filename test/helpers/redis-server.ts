/**
 * A real Redis for tests: `TEST_REDIS_URL` if set, else a server of our own from a binary on the
 * PATH, in the usual Debian places, or fetched with `apt-get download` into `.cache/debian/`
 * (nothing is installed, no root needed). Throws with the way out where none of that works.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';

const run = promisify(execFile);

export type TestRedis = {
  /** What `createRedisSessionStore` takes: a URL or the path of a unix socket. */
  readonly url: string;
  /** Keeps this test file's keys apart on a shared server. */
  readonly keyPrefix: string;
  stop(): Promise<void>;
};

type Binary = { readonly path: string; readonly libraryPath: string | undefined };

const cacheDir = join(import.meta.dirname, '../../.cache/debian');
const names = ['redis-server', 'valkey-server'];
const downloadTimeoutMs = 120_000;
const startTimeoutMs = 10_000;

export async function startRedis(): Promise<TestRedis> {
  const keyPrefix = `test-${randomBytes(6).toString('hex')}:`;
  const given = process.env['TEST_REDIS_URL'];
  if (given !== undefined && given !== '') {
    await waitUntilAnswering(given, () => undefined);
    return { url: given, keyPrefix, stop: async () => undefined };
  }
  return { keyPrefix, ...(await launch(await findBinary())) };
}

async function launch(binary: Binary): Promise<{ url: string; stop(): Promise<void> }> {
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

async function waitUntilAnswering(url: string, gone: () => string | undefined): Promise<void> {
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

async function findBinary(): Promise<Binary> {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  for (const dir of [...path, '/usr/bin', '/usr/local/bin', '/usr/sbin', '/snap/bin']) {
    for (const name of names) {
      const file = join(dir, name);
      if (dir !== '' && existsSync(file)) return { path: file, libraryPath: undefined };
    }
  }
  const home = join(cacheDir, 'redis');
  if (!existsSync(home)) await underLock(`${home}.lock`, () => fetchFromDebian(home));
  return { path: join(home, 'usr/bin/redis-server'), libraryPath: await libraryPathOf(home) };
}

async function libraryPathOf(home: string): Promise<string> {
  const dirs: string[] = [];
  for (const lib of ['usr/lib', 'lib']) {
    const base = join(home, lib);
    if (!existsSync(base)) continue;
    dirs.push(base);
    for (const entry of await readdir(base, { withFileTypes: true })) {
      if (entry.isDirectory()) dirs.push(join(base, entry.name));
    }
  }
  return dirs.join(':');
}

/**
 * Unpacks the server (a link into redis-tools) and, while the loader misses a library, the
 * packages it depends on. Built beside `home` and renamed, so that `home` is whole or absent.
 */
async function fetchFromDebian(home: string): Promise<void> {
  if (existsSync(home)) return;
  const work = `${home}.${process.pid}`;
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, 'debs'), { recursive: true });
  try {
    const root = join(work, 'root');
    let wanted = ['redis-server', 'redis-tools'];
    const had = new Set<string>();
    for (let round = 0; round < 5 && wanted.length > 0; round += 1) {
      await downloadPackages(wanted, join(work, 'debs'), join(work, 'apt'));
      for (const name of wanted) had.add(name);
      const next = new Set<string>();
      for (const deb of await readdir(join(work, 'debs'))) {
        const file = join(work, 'debs', deb);
        await run('dpkg-deb', ['-x', file, root]);
        for (const name of await dependenciesOf(file)) if (!had.has(name)) next.add(name);
      }
      wanted = (await missingLibraries(root)).length > 0 ? [...next] : [];
    }
    const missing = await missingLibraries(root);
    if (missing.length > 0) throw new Error(`libraries missing: ${missing.join(', ')}`);
    await rename(root, home);
  } catch (error) {
    throw new Error(
      'These tests need a Redis server and there is none: TEST_REDIS_URL is not set, ' +
        `${names.join(' and ')} are not on the PATH, and fetching Debian's failed ` +
        `(${error instanceof Error ? error.message : String(error)}). ` +
        'Install one (apt-get install redis-server) or set TEST_REDIS_URL=redis://host:port.',
      { cause: error },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function downloadPackages(wanted: string[], dir: string, aptDir: string): Promise<void> {
  const options = { cwd: dir, timeout: downloadTimeoutMs };
  // Without root apt cannot step down to its own user; with root it could not write here.
  const sandbox = ['-o', `APT::Sandbox::User=${process.getuid?.() === 0 ? 'root' : ''}`];
  try {
    await run('apt-get', [...sandbox, 'download', ...wanted], options);
  } catch {
    // No package lists, or old ones that name files no longer there: fetch lists of our own.
    await mkdir(join(aptDir, 'lists/partial'), { recursive: true });
    await mkdir(join(aptDir, 'cache/archives/partial'), { recursive: true });
    const own = [
      ...sandbox,
      ...['-o', `Dir::State::Lists=${join(aptDir, 'lists')}`],
      ...['-o', `Dir::Cache=${join(aptDir, 'cache')}`],
      ...['-o', 'Debug::NoLocking=1'],
    ];
    await run('apt-get', [...own, 'update'], options);
    await run('apt-get', [...own, 'download', ...wanted], options);
  }
}

/** The first choice of each dependency. The C library is the machine's own. */
async function dependenciesOf(deb: string): Promise<string[]> {
  const { stdout } = await run('dpkg-deb', ['-f', deb, 'Depends']);
  return stdout
    .split(',')
    .map((dependency) => /^\s*([a-z0-9.+-]+)/.exec(dependency)?.[1] ?? '')
    .filter((name) => name.startsWith('lib') && !name.startsWith('libc6'));
}

async function missingLibraries(root: string): Promise<string[]> {
  const { stdout } = await run('ldd', [join(root, 'usr/bin/redis-server')], {
    env: { ...process.env, LD_LIBRARY_PATH: await libraryPathOf(root) },
  });
  return stdout
    .split('\n')
    .filter((line) => line.includes('not found'))
    .map((line) => line.trim().split(' ')[0] ?? '');
}

/** One process at a time; a lock whose owner is dead is taken over. */
async function underLock(lock: string, work: () => Promise<void>): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const deadline = Date.now() + downloadTimeoutMs;
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch {
      if (await isAbandoned(lock)) await rm(lock, { recursive: true, force: true });
      else if (Date.now() > deadline) throw new Error(`${lock} is held for too long; remove it`);
      else await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  try {
    await writeFile(join(lock, 'pid'), String(process.pid));
    await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

async function isAbandoned(lock: string): Promise<boolean> {
  const pid = Number(await readFile(join(lock, 'pid'), 'utf8').catch(() => ''));
  // No pid yet: its owner is between two steps, or the lock is gone already.
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
