/** Real processes that are stopped, killed or starved: what was said before is there afterwards. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { wordDistance } from '../../demo/audit/words.ts';
import { stored, wordsOf } from '../helpers/kept-call.ts';
import { startEmulators, until, type Emulators } from '../helpers/line-under-test.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';
import { postgresThrough } from '../helpers/postgres-through.ts';
import { callTo, launchServer, startServer } from '../helpers/server-process.ts';

const DRAIN_MS = 12_000;
const NOWHERE = 'postgres://nobody@localhost/none?host=/nowhere';

let emulators: Emulators;
let postgres: TestPostgres;
let home: string;

beforeAll(async () => {
  [emulators, postgres, home] = await Promise.all([
    startEmulators(),
    startPostgres(),
    mkdtemp(join(tmpdir(), 'hearthline-kept-')),
  ]);
}, 180_000);
afterAll(async () => {
  await emulators?.close();
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

/** Where a server of its own keeps things, and with which key. */
async function place(databaseUrl?: string) {
  const key = randomBytes(32);
  return {
    dataDir: await mkdtemp(join(home, 'data-')),
    key,
    env: {
      DRAIN_TIMEOUT_MS: String(DRAIN_MS),
      ENCRYPTION_KEY: key.toString('hex'),
      ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
    },
  };
}

const isReady = (output: () => string) => (): boolean => output().includes('"message":"ready"');

describe('the process ends', () => {
  it('by SIGTERM, in a call, on the embedded database: the goodbye is in it', async ({
    expect,
    onTestFinished,
  }) => {
    const { env, ...where } = await place();
    const server = await startServer(
      { onTestFinished },
      { emulators, env, dataDir: where.dataDir },
    );
    const leg = await callTo(emulators, server, '+15005550031');
    await until(isReady(server.output), 30_000, server.output);
    server.child.kill('SIGTERM');
    expect(await server.exited, server.output()).toBe(0);
    const { turns, conversation } = await stored(where, leg.callSid, undefined);
    expect(conversation).toMatchObject({ state: 'ended', endReason: 'drain' });
    const heard = turns.map((turn) => turn.heard).join(' ');
    expect(heard).toMatch(/I have to stop here.*Goodbye\.$/);
    // The end cut the greeting off; what is heard of a sentence that is cut is known to within a word.
    const inEar = wordsOf(leg.playout.heardText());
    expect(wordDistance(wordsOf(heard), inEar), leg.playout.heardText()).toBeLessThanOrEqual(1);
  }, 90_000);

  it('by SIGTERM while the database hangs: in time, with 0, and the next start delivers', async ({
    expect,
    onTestFinished,
  }) => {
    const made = await postgres.createDatabase();
    const { url, proxy } = await postgresThrough(made.url, home);
    onTestFinished(async () => proxy.close());
    const { env, ...where } = await place(url);
    const start = { emulators, env, dataDir: where.dataDir };
    const server = await startServer({ onTestFinished }, start);
    await until(isReady(server.output), 30_000, server.output);
    proxy.set('hang');
    const leg = await callTo(emulators, server, '+15005550032');
    const stoppedAt = performance.now();
    server.child.kill('SIGTERM');
    expect(await server.exited, server.output()).toBe(0);
    expect(performance.now() - stoppedAt).toBeLessThan(DRAIN_MS + 2_000);
    expect(server.output()).toContain('stopping while records wait in the spool');
    proxy.set('pass');
    proxy.cut();
    const next = await startServer({ onTestFinished }, start);
    await until(() => next.output().includes('the spool is drained'), 30_000, next.output);
    next.child.kill('SIGTERM');
    expect(await next.exited).toBe(0);
    const { turns, conversation } = await stored(where, leg.callSid, made.url);
    expect(conversation).toMatchObject({ state: 'ended', endReason: 'drain' });
    expect(turns.map((turn) => turn.heard).join(' ')).toMatch(/Goodbye\.$/);
  }, 90_000);

  it('by kill -9 while the database is away: what was heard until then is delivered', async ({
    expect,
    onTestFinished,
  }) => {
    const made = await postgres.createDatabase();
    const { url, proxy } = await postgresThrough(made.url, home);
    onTestFinished(async () => proxy.close());
    proxy.set('refuse');
    const { env, ...where } = await place(url);
    const start = { emulators, env, dataDir: where.dataDir };
    const server = await startServer({ onTestFinished }, start);
    const leg = await callTo(emulators, server, '+15005550033');
    await leg.waitForSilence();
    // The greeting's record is on the disk a moment after its last mark came back.
    await until(() => server.output().includes('database away'), 10_000, server.output);
    const pending = async (): Promise<number> => {
      const health = (await (await fetch(`${server.url}/health`)).json()) as {
        spool: { pending: number };
      };
      return health.spool.pending;
    };
    while ((await pending()) < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    server.child.kill('SIGKILL');
    await server.exited;
    proxy.set('pass');
    const next = await startServer({ onTestFinished }, start);
    await until(() => next.output().includes('the spool is drained'), 30_000, next.output);
    next.child.kill('SIGTERM');
    expect(await next.exited).toBe(0);
    const { turns } = await stored(where, leg.callSid, made.url);
    expect(turns[0]?.heard).toMatch(/AI companion/);
  }, 90_000);

  it('by itself, with a goodbye, when the database comes back under a key that it has not got', async ({
    expect,
    onTestFinished,
  }) => {
    const made = await postgres.createDatabase();
    const first = await place(made.url);
    const people = [{ personId: 'tom', name: 'Tom', phone: '+15555550143' }];
    await writeFile(join(first.dataDir, 'people.json'), JSON.stringify(people));
    const filling = await startServer(
      { onTestFinished },
      { emulators, env: first.env, dataDir: first.dataDir },
    );
    await until(isReady(filling.output), 30_000, filling.output);
    filling.child.kill('SIGTERM');
    await filling.exited;

    const { url, proxy } = await postgresThrough(made.url, home);
    onTestFinished(async () => proxy.close());
    proxy.set('refuse');
    const { env, dataDir } = await place(url);
    const server = await startServer({ onTestFinished }, { emulators, env, dataDir });
    const leg = await callTo(emulators, server, '+15005550034');
    proxy.set('pass');
    expect(await server.exited, server.output()).toBe(1);
    const heard = leg.playout.heardWords().map(({ text }) => text);
    expect(heard.join(' ')).toMatch(/Goodbye\.$/);
    expect(server.output()).toContain('hearthline: ENCRYPTION_KEY lacks a key');
    expect(server.output()).not.toContain('refused a record');
  }, 90_000);
});

describe('the process has no room', () => {
  it('disk full and database away: said loudly, and the call goes on to its goodbye', async ({
    expect,
    onTestFinished,
  }) => {
    const { env, dataDir } = await place(NOWHERE);
    const quiet = { ...env, NODE_DISABLE_COMPILE_CACHE: '1' };
    const start = { emulators, env: quiet, dataDir, fileLimitKb: 1 };
    const server = await startServer({ onTestFinished }, start);
    const leg = await callTo(emulators, server, '+15005550034');
    await until(
      () => server.output().includes('a record could not be kept'),
      20_000,
      server.output,
    );
    const health = (await (await fetch(`${server.url}/health`)).json()) as Record<string, unknown>;
    expect(health).toMatchObject({ status: 'degraded', calls: { active: 1 } });
    expect((health['writes'] as { refused: number }).refused).toBeGreaterThan(0);
    server.child.kill('SIGTERM');
    await leg.waitForWords(/I have to stop here.*Goodbye\./, { timeoutMs: DRAIN_MS });
    expect(await server.exited, server.output()).toBe(0);
  }, 60_000);

  it('a data directory that another process has: one clear line, and an exit code', async ({
    expect,
    onTestFinished,
  }) => {
    const { env, dataDir } = await place();
    await startServer({ onTestFinished }, { emulators, env, dataDir });
    const second = launchServer({ ...env, PORT: '0', DATA_DIR: dataDir });
    expect(await second.exited).toBe(1);
    const lines = second
      .output()
      .split('\n')
      .filter((line) => line.startsWith('hearthline:'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/is in use by process \d+ .*DATA_DIR/);
    expect(second.output()).not.toMatch(/\n\s+at /);
  }, 60_000);

  it('a database in which it may do nothing: one clear line, and an exit code', async ({
    expect,
    onTestFinished,
  }) => {
    const made = await postgres.createDatabase();
    const admin = new pg.Client({ connectionString: made.adminUrl });
    await admin.connect();
    await admin.query(`create role hearthline_test_stranger login`);
    await admin.query(`revoke all on schema public from public`);
    await admin.end();
    const url = new URL(made.url);
    url.username = 'hearthline_test_stranger';
    const { env, dataDir } = await place(url.href);
    const server = await startServer({ onTestFinished }, { emulators, env, dataDir });
    expect(await server.exited).toBe(1);
    const lines = server
      .output()
      .split('\n')
      .filter((line) => line.startsWith('hearthline: the database could not be opened'));
    expect(lines, server.output()).toHaveLength(1);
    expect(server.output()).not.toMatch(/\n\s+at /);
    expect(server.output()).not.toContain('"message":"ready"');
  }, 60_000);

  it('a database that takes connections and says nothing: calls are taken soon all the same', async ({
    expect,
    onTestFinished,
  }) => {
    const { url, proxy } = await postgresThrough((await postgres.createDatabase()).url, home);
    onTestFinished(async () => proxy.close());
    proxy.set('hang');
    const { env, dataDir } = await place(url);
    const server = await startServer({ onTestFinished }, { emulators, env, dataDir });
    const status = async (): Promise<number> => (await fetch(`${server.url}/health/ready`)).status;
    expect(await status()).toBe(503);
    const beganAt = performance.now();
    while ((await status()) !== 200 && performance.now() - beganAt < 20_000) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(performance.now() - beganAt).toBeLessThan(7_000);
  }, 60_000);

  it('a port that another process has: it says so and ends', async ({ expect, onTestFinished }) => {
    const first = await place();
    const server = await startServer(
      { onTestFinished },
      { emulators, env: first.env, dataDir: first.dataDir },
    );
    const second = launchServer({
      ...first.env,
      PORT: new URL(server.url).port,
      DATA_DIR: await mkdtemp(join(home, 'data-')),
    });
    onTestFinished(async () => void second.child.kill('SIGKILL'));
    expect(await second.exited).toBe(1);
  }, 60_000);

  it('a first start that was killed half way does not spoil the next', async ({
    expect,
    onTestFinished,
  }) => {
    const { env, dataDir } = await place();
    // As a start leaves it that is killed while it unpacks.
    await mkdir(join(dataDir, 'postgres', 'pgdata', 'base'), { recursive: true });
    const server = await startServer({ onTestFinished }, { emulators, env, dataDir });
    await until(isReady(server.output), 40_000, server.output);
    expect(await readdir(join(dataDir, 'postgres', 'pgdata'))).toContain('PG_VERSION');
  }, 60_000);
});
