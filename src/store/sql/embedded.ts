/**
 * The embedded PostgreSQL (PGlite) in a worker thread, behind a unix socket that only this user can
 * reach. In the thread of the calls a heavy query would stop all audio; here it stops other queries.
 *
 * For one machine and for trying things out: one process, no protection against a loss of power
 * (it does not fsync), statements one after another.
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ClientConfig } from 'pg';
import { type DirectoryLock, lockDirectory } from '../directory-lock.ts';
import { DatabaseUnavailable } from './database-errors.ts';
import type { EmbeddedMessage, EmbeddedOrder, EmbeddedSettings } from './embedded-worker.ts';

export type Embedded = {
  readonly connection: ClientConfig;
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  readonly dataDir: string;
  readonly onProgress: (sentence: string) => void;
};

/** A first start unpacks and initialises a whole database; slow disks take a while. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;
/** The longest path that Linux takes for a unix socket, with its closing zero. */
const MAX_SOCKET_PATH_BYTES = 107;
/** Its being there says that the first start came to its end. */
const MADE_FILE = 'made';
const SOCKET_FILE = '.s.PGSQL.5432';
/** A thread that dies is started again, but not for ever. */
const MAX_RESTARTS = 3;
/** Above the sum of all pools on it: what is beyond is refused, not queued. */
const MAX_CONNECTIONS = 40;
/** Above every limit on a transaction of ours (10 s), which end it first. */
const IDLE_IN_TRANSACTION_MS = 15_000;

/** @throws DirectoryHeld, or Error where it does not start. */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const home = resolve(options.dataDir, 'postgres');
  const lock = await lockDirectory(home);
  try {
    return await startUnderLock(home, lock, options.onProgress);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function startUnderLock(
  home: string,
  lock: DirectoryLock,
  onProgress: (sentence: string) => void,
): Promise<Embedded> {
  const socketDir = await privateSocketDir(home);
  const settings: EmbeddedSettings = {
    dataPath: join(home, 'pgdata'),
    socketPath: join(socketDir, SOCKET_FILE),
    maxConnections: MAX_CONNECTIONS,
    idleInTransactionMs: IDLE_IN_TRANSACTION_MS,
  };
  const isNew = !existsSync(join(home, MADE_FILE));
  if (isNew) {
    // What a start that was killed has left is half a database, and nothing was ever written to it.
    await rm(settings.dataPath, { recursive: true, force: true });
    onProgress(`making the embedded database in ${home}; only the first start takes this long`);
  }
  let restarts = 0;
  let stopping = false;
  let worker = await startWorker(settings);
  if (isNew) await writeFile(join(home, MADE_FILE), '');
  const watch = (): void => {
    worker.once('exit', () => {
      if (stopping || restarts >= MAX_RESTARTS) return;
      restarts += 1;
      onProgress('the embedded database stopped by itself and is started again');
      void startAgain();
    });
  };
  const startAgain = async (): Promise<void> => {
    try {
      worker = await startWorker(settings);
      if (stopping) await worker.terminate();
      else watch();
    } catch {
      onProgress('the embedded database does not start again');
    }
  };
  watch();
  return {
    connection: { host: socketDir, port: 5432, user: 'postgres', database: 'postgres' },
    stop: async () => {
      stopping = true;
      await stopWorker(worker);
      await rm(settings.socketPath, { force: true });
      if (!socketDir.startsWith(home)) await rm(socketDir, { recursive: true, force: true });
      await lock.release();
    },
  };
}

/** Inside DATA_DIR, or, where that path is too long for a socket, in a folder of our own under /tmp. */
async function privateSocketDir(home: string): Promise<string> {
  const inside = join(home, 'socket');
  const bytes = Buffer.byteLength(join(inside, SOCKET_FILE));
  if (bytes > MAX_SOCKET_PATH_BYTES) return mkdtemp(join(tmpdir(), 'hearthline-'));
  await mkdir(inside, { recursive: true });
  await chmod(inside, 0o700);
  await rm(join(inside, SOCKET_FILE), { force: true });
  return inside;
}

async function startWorker(settings: EmbeddedSettings): Promise<Worker> {
  await rm(settings.socketPath, { force: true });
  const worker = new Worker(new URL('./embedded-worker.ts', import.meta.url), {
    workerData: settings,
    // What it prints is PostgreSQL's log, and may hold values.
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((done, fail) => {
      timer = setTimeout(() => {
        fail(new DatabaseUnavailable('the embedded database did not start in time'));
      }, START_TIMEOUT_MS);
      worker.on('message', (message: EmbeddedMessage) => {
        if (message.kind === 'ready') done();
        else fail(new DatabaseUnavailable(`the embedded database failed: ${message.reason}`));
      });
      worker.once('error', (error) => fail(error));
      worker.once('exit', () => {
        fail(new DatabaseUnavailable('the embedded database ended while it started'));
      });
    });
  } catch (error) {
    await worker.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  // From here on its end is all that matters; an error without a listener would end the process.
  worker.on('error', () => undefined);
  return worker;
}

async function stopWorker(worker: Worker): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const gone = new Promise<void>((done) => {
    if (worker.threadId === -1) done();
    else worker.once('exit', () => done());
  });
  const late = new Promise<void>((done) => {
    timer = setTimeout(done, STOP_TIMEOUT_MS);
  });
  worker.postMessage('stop' satisfies EmbeddedOrder);
  await Promise.race([gone, late]);
  clearTimeout(timer);
  await worker.terminate();
}
