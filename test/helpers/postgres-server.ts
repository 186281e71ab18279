/**
 * A real PostgreSQL for tests: `TEST_DATABASE_URL` if set (a user who may create databases and
 * roles), else a server of our own from programs on the PATH, in the usual Debian places, or fetched
 * with `apt-get download` into `.cache/debian/` (nothing is installed, no root needed). Throws with
 * the way out where none of that works.
 */
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { debianProgram, libraryPathOf } from './debian-packages.ts';

const run = promisify(execFile);

export type TestPostgres = {
  /** A new database, a copy of `template` where given, owned by a login that is no superuser. */
  createDatabase(template?: string): Promise<TestDatabase>;
  /** Ends the server's processes: 'kill' as a loss of power would. Not with TEST_DATABASE_URL. */
  stopServer(how: 'fast' | 'kill'): Promise<void>;
  startServer(): Promise<void>;
  /** Whether `stopServer` can be used. */
  readonly ours: boolean;
  stop(): Promise<void>;
};

export type TestDatabase = {
  readonly name: string;
  /** As the login that the server would use: owner of the database, no superuser. */
  readonly url: string;
  /** As superuser. */
  readonly adminUrl: string;
};

type Programs = { readonly binDir: string; readonly libraryPath: string | undefined };
type Server = { adminUrl(database: string): string; loginUrl(database: string): string };

const LOGIN = 'hearthline_test_login';
const startTimeoutMs = 20_000;

export async function startPostgres(): Promise<TestPostgres> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given !== undefined && given !== '') return onGivenServer(given);
  const programs = await findPrograms();
  const dir = await mkdtemp(join(tmpdir(), 'hearthline-postgres-'));
  const user = unprivilegedUser();
  const data = join(dir, 'data');
  await mkdir(data);
  if (user !== undefined) for (const each of [dir, data]) await chown(each, user.uid, user.gid);
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  if (programs.libraryPath !== undefined) {
    Object.assign(env, { LD_LIBRARY_PATH: programs.libraryPath });
  }
  const options = { env, cwd: dir, ...user };
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8'];
  await run(join(programs.binDir, 'initdb'), initdb, options);

  let child: ReturnType<typeof spawn> | undefined;
  const clearAtExit = (): void => {
    child?.kill('SIGQUIT');
    try {
      rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    } catch {
      // Its processes are still ending: a folder stays behind, and the exit code is what it was.
    }
  };
  process.once('exit', clearAtExit);
  const server: Server = {
    adminUrl: (database) => `postgres://postgres@localhost/${database}?host=${dir}`,
    loginUrl: (database) => `postgres://${LOGIN}@localhost/${database}?host=${dir}`,
  };
  const startServer = async (): Promise<void> => {
    const settings = { ...SETTINGS, unix_socket_directories: dir };
    const flags = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    const started = spawn(join(programs.binDir, 'postgres'), ['-D', data, ...flags], {
      ...options,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child = started;
    let output = '';
    started.stderr.on('data', (part: Buffer) => {
      output = (output + part.toString()).slice(-4_000);
    });
    started.once('error', (error) => {
      output += error.message;
    });
    await untilAnswering(server.adminUrl('postgres'), () =>
      started.exitCode === null && started.signalCode === null && started.pid !== undefined
        ? undefined
        : `postgres ended at once:\n${output}`,
    );
  };
  const stopServer = async (how: 'fast' | 'kill'): Promise<void> => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null) return;
    const exited = new Promise<void>((resolve) => running.once('close', () => resolve()));
    // SIGQUIT is PostgreSQL's own "at once": its children end too, and nothing is written out.
    running.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await exited;
  };
  const stop = async (): Promise<void> => {
    process.off('exit', clearAtExit);
    await stopServer('kill');
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await startServer();
    await makeLogin(server.adminUrl('postgres'));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ours: true,
    startServer,
    stopServer,
    stop,
    createDatabase: (template) => createDatabase(server, template),
  };
}

/** Unix socket only; no fsync, the tests end processes and not the machine. */
const SETTINGS = {
  listen_addresses: '',
  fsync: 'off',
  jit: 'off',
  max_connections: '100',
  shared_buffers: '32MB',
  logging_collector: 'off',
};

async function onGivenServer(url: string): Promise<TestPostgres> {
  const made: string[] = [];
  const withPath = (database: string, user?: string): string => {
    const parsed = new URL(url);
    parsed.pathname = `/${database}`;
    if (user !== undefined) {
      parsed.username = user;
      parsed.password = LOGIN;
    }
    return parsed.href;
  };
  const server: Server = {
    adminUrl: (database) => withPath(database),
    loginUrl: (database) => withPath(database, LOGIN),
  };
  await untilAnswering(url, () => undefined);
  await makeLogin(url);
  return {
    ours: false,
    startServer: async () => undefined,
    stopServer: async () => {
      throw new Error('the server of TEST_DATABASE_URL is not stopped by tests');
    },
    stop: async () => {
      for (const name of made) await query(url, `drop database if exists ${name} with (force)`);
    },
    createDatabase: async (template) => {
      const database = await createDatabase(server, template);
      made.push(database.name);
      return database;
    },
  };
}

/** CREATEROLE, as the users of hosted databases have: the first migration makes the roles. */
async function makeLogin(url: string): Promise<void> {
  await query(
    url,
    `do $$ begin
       create role ${LOGIN} login createrole nosuperuser nobypassrls password '${LOGIN}';
     exception when duplicate_object or unique_violation then null;
     end $$`,
  );
}

async function createDatabase(server: Server, template?: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const from = template === undefined ? '' : ` template ${template}`;
  await query(server.adminUrl('postgres'), `create database ${name} owner ${LOGIN}${from}`);
  if (template === undefined) {
    await query(server.adminUrl(name), `grant all on schema public to ${LOGIN}`);
  }
  return { name, url: server.loginUrl(name), adminUrl: server.adminUrl(name) };
}

async function query(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

async function untilAnswering(url: string, gone: () => string | undefined): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    try {
      await query(url, 'select 1');
      return;
    } catch (error) {
      const note = gone();
      if (note !== undefined) throw new Error(note, { cause: error });
      if (Date.now() > deadline) throw new Error('no PostgreSQL answered', { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}

/** initdb refuses root: `nobody` then, whose number is the same on every Debian. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  return process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined;
}

async function findPrograms(): Promise<Programs> {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  for (const binDir of [...path, ...(await debianBinDirs('/'))]) {
    if (binDir !== '' && ['initdb', 'postgres'].every((name) => existsSync(join(binDir, name)))) {
      return { binDir, libraryPath: undefined };
    }
  }
  const home = await fetchPostgres();
  const [binDir] = await debianBinDirs(home);
  if (binDir === undefined) throw new Error(`${home} holds no PostgreSQL; remove it`);
  return { binDir, libraryPath: await libraryPathOf(home) };
}

/** The newest version first. */
async function debianBinDirs(root: string): Promise<string[]> {
  const versions = await readdir(join(root, 'usr/lib/postgresql')).catch(() => []);
  return versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, 'usr/lib/postgresql', version, 'bin'));
}

async function fetchPostgres(): Promise<string> {
  try {
    return await debianProgram({
      name: 'postgresql',
      packages: newestPackage,
      programs: async (root) =>
        (await debianBinDirs(root)).flatMap((dir) =>
          ['initdb', 'postgres'].map((name) => join(dir, name)),
        ),
    });
  } catch (error) {
    throw new Error(
      'These tests need a PostgreSQL server and there is none: TEST_DATABASE_URL is not set, ' +
        'initdb and postgres are neither on the PATH nor in /usr/lib/postgresql/*/bin, and ' +
        `fetching Debian's failed (${error instanceof Error ? error.message : String(error)}). ` +
        'Install one (apt-get install postgresql).',
      { cause: error },
    );
  }
}

/** Debian numbers the package by version; which one there is depends on the release. */
async function newestPackage(): Promise<string[]> {
  const { stdout } = await run('apt-cache', ['pkgnames', 'postgresql-']);
  const versions = stdout
    .split('\n')
    .map((name) => Number(/^postgresql-(\d+)$/.exec(name)?.[1]))
    .filter((version) => version >= 14)
    .sort((a, b) => b - a);
  return [`postgresql-${versions[0] ?? 15}`];
}
