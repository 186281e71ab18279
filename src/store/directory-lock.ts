/**
 * One process per directory. PGlite has no lock of its own: two processes on one folder destroyed
 * each other's rows, silently.
 *
 * Two things hold the lock. A listening socket in Linux's abstract name space, named after the
 * directory: the kernel gives it to exactly one process of this machine (more exactly, of this
 * network name space) and takes it back when that process dies, however it dies. And a file `lock`
 * that says who it is, with a time stamp renewed while the owner lives; it covers two containers
 * that share a volume and not a name space.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, realpath, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';

export type DirectoryLock = { release(): Promise<void> };

/** Somebody else has the directory. The message says who, as far as known. */
export class DirectoryHeld extends Error {
  override readonly name = 'DirectoryHeld';
}

const RENEW_MS = 5_000;
/** An owner whose stamp is older than this is dead: four renewals missed. */
const STALE_MS = 20_000;
const FILE = 'lock';

type Owner = { readonly pid: number; readonly host: string };

/**
 * Takes the directory, which is created where it is missing.
 * @throws DirectoryHeld at once where another live process has it.
 */
export async function lockDirectory(dir: string): Promise<DirectoryLock> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = await realpath(dir);
  const file = join(path, FILE);
  const server = await listenOn(`\0hearthline-${createHash('sha256').update(path).digest('hex')}`);
  if (server === undefined) {
    const owner = await readOwner(file);
    throw heldBy(dir, owner);
  }
  try {
    await refuseForeign(dir, file);
    await writeOwner(file);
  } catch (error) {
    await close(server);
    throw error;
  }
  const renew = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, RENEW_MS);
  renew.unref();
  return {
    release: async () => {
      clearInterval(renew);
      await rm(file, { force: true });
      await close(server);
    },
  };
}

function listenOn(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    // Not shared with a cluster's siblings: each of them is a process of its own.
    server.listen({ path: name, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** A fresh stamp of another host (container) than ours: its owner may well be alive. */
async function refuseForeign(dir: string, file: string): Promise<void> {
  const owner = await readOwner(file);
  if (owner === undefined || owner.host === hostname()) return;
  const ageMs = Date.now() - (await stat(file)).mtimeMs;
  if (ageMs < STALE_MS) throw heldBy(dir, owner);
}

async function writeOwner(file: string): Promise<void> {
  const owner: Owner = { pid: process.pid, host: hostname() };
  await writeFile(`${file}.new`, `${JSON.stringify(owner)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { pid, host } = value as Record<string, unknown>;
    return typeof pid === 'number' && typeof host === 'string' ? { pid, host } : undefined;
  } catch {
    return undefined;
  }
}

function heldBy(dir: string, owner: Owner | undefined): DirectoryHeld {
  const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`;
  return new DirectoryHeld(
    `${dir} is in use by ${who}. Stop it, or give this one another DATA_DIR ` +
      '(or a DATABASE_URL, which several instances may share).',
  );
}
