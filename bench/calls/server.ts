/** The server under test: the real one, in a process of its own on a core of its own. */
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, ROOT, spawnPinned, type Spawned } from './children.ts';

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 5;
/**
 * As the container image starts it: the young generation may not grow at every burst, the old one is
 * collected when it has grown by two fifths and not fourfold (nor, where little gets there, by less), one
 * thread helps with that but not with the young one, for which the calls' thread would have to wait,
 * and no module's path is looked through for links, of which there are none.
 */
export const NODE_FLAGS: readonly string[] = [
  '--max-semi-space-size=16',
  '--max-old-space-size=512',
  '--v8-pool-size=1',
  '--no-parallel-scavenge',
  '--heap-growing-percent=40',
  '--preserve-symlinks',
  '--preserve-symlinks-main',
];
/** Far above any level: what is measured is the server, not its admission. */
const MAX_CALLS = 5_000;

const COLLECTOR = join(import.meta.dirname, 'collect-on-signal.mjs');

/** As there too: glibc gives back what is free, and keeps no pool of its own for every thread. */
export const ALLOCATOR: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '131072',
};

export type ServerOptions = {
  readonly core: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Where its data, log and profile go. */
  readonly folder: string;
  /** A checkout other than this one. */
  readonly root?: string | undefined;
  readonly profile?: boolean;
  /** A signal makes it collect its garbage: see `collectGarbage`. */
  readonly collects?: boolean;
};

export type Server = {
  readonly url: string;
  readonly pid: number;
  /** Spawn → first readiness. */
  readonly startMs: number;
  /** SIGTERM; rejects when it does not end with 0. */
  stop(): Promise<void>;
};

export async function startServer(options: ServerOptions): Promise<Server> {
  const { core, environment, folder, root = ROOT, profile = false, collects = false } = options;
  mkdirSync(join(folder, 'data'), { recursive: true });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const logFile = join(folder, 'server.log');
  const log = openSync(logFile, 'w');
  const profiling = profile ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [];
  const collecting = collects ? ['--expose-gc', `--import=${COLLECTOR}`] : [];
  const beganAt = performance.now();
  const flags = [...NODE_FLAGS, ...profiling, ...collecting];
  const spawned = spawnPinned(core, [...flags, 'src/main.ts'], {
    cwd: root,
    output: log,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '',
      ...ALLOCATOR,
      NODE_COMPILE_CACHE: join(root, '.cache/compile'),
      NODE_ENV: 'development',
      LOG_LEVEL: 'info',
      DRAIN_TIMEOUT_MS: '1000',
      MAX_CALLS: String(MAX_CALLS),
      PORT: String(port),
      PUBLIC_URL: url,
      DATA_DIR: join(folder, 'data'),
      ...environment,
    },
  });
  closeSync(log);
  try {
    await untilReady(url, spawned);
  } catch (error) {
    await end(spawned, 'SIGKILL');
    const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-10).join('\n');
    throw new Error(`the server did not start\n${tail}`, { cause: error });
  }
  const startMs = performance.now() - beganAt;
  return {
    url,
    // taskset replaces itself by the program, so this is the server's own.
    pid: spawned.child.pid ?? 0,
    startMs,
    stop: async () => {
      await end(spawned);
      if (spawned.child.exitCode !== 0) {
        throw new Error(
          `the server ended with ${spawned.child.exitCode ?? spawned.child.signalCode}`,
        );
      }
    },
  };
}

async function untilReady(url: string, { child }: Spawned): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended');
    const ready = await fetch(`${url}/health/ready`).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
    if (ready) return;
    await sleep(READY_POLL_MS);
  }
  throw new Error('it was not ready in time');
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
