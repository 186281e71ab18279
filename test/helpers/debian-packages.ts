/**
 * Programs out of Debian packages, for tests: `apt-get download` and `dpkg-deb -x` into
 * `.cache/debian/`. Nothing is installed and no root needed.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type DebianProgram = {
  /** The folder's name under `.cache/debian/`. */
  readonly name: string;
  /** Packages to unpack, or a function that finds their names out. */
  readonly packages: readonly string[] | (() => Promise<string[]>);
  /** The programs whose libraries have to be complete, within what was unpacked. */
  readonly programs: (root: string) => Promise<string[]>;
};

const cacheDir = join(import.meta.dirname, '../../.cache/debian');
const downloadTimeoutMs = 120_000;

/**
 * The folder that the packages were unpacked into; from the second time on it is just there.
 * @throws Error saying what failed.
 */
export async function debianProgram(wanted: DebianProgram): Promise<string> {
  const home = join(cacheDir, wanted.name);
  if (!existsSync(home)) await underLock(`${home}.lock`, () => fetchFromDebian(home, wanted));
  return home;
}

/** `LD_LIBRARY_PATH` for programs of that folder. */
export async function libraryPathOf(home: string): Promise<string> {
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
 * Unpacks the packages and, while the loader misses a library, those that they depend on. Built
 * beside `home` and renamed, so that `home` is whole or absent.
 */
async function fetchFromDebian(home: string, { packages, programs }: DebianProgram): Promise<void> {
  if (existsSync(home)) return;
  const work = `${home}.${process.pid}`;
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, 'debs'), { recursive: true });
  try {
    const root = join(work, 'root');
    let wanted = typeof packages === 'function' ? await packages() : [...packages];
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
      wanted = (await missingLibraries(root, await programs(root))).length > 0 ? [...next] : [];
    }
    const missing = await missingLibraries(root, await programs(root));
    if (missing.length > 0) throw new Error(`libraries missing: ${missing.join(', ')}`);
    await rename(root, home);
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

async function missingLibraries(root: string, programs: string[]): Promise<string[]> {
  const env = { ...process.env, LD_LIBRARY_PATH: await libraryPathOf(root) };
  const missing = new Set<string>();
  for (const program of programs) {
    const { stdout } = await run('ldd', [program], { env });
    for (const line of stdout.split('\n')) {
      if (line.includes('not found')) missing.add(line.trim().split(' ')[0] ?? '');
    }
  }
  return [...missing];
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
