import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import { DirectoryHeld } from '../../src/store/directory-lock.ts';
import { openStore } from '../../src/store/store.ts';
import { type Database, openDatabase } from '../../src/store/sql/database.ts';
import { DatabaseUnavailable, QueryRefused } from '../../src/store/sql/database-errors.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';
import { eventually } from '../helpers/eventually.ts';

const service = { kind: 'service' } as const;

let postgres: TestPostgres;
let home: string;
beforeAll(async () => {
  postgres = await startPostgres();
  home = await mkdtemp(join(tmpdir(), 'hearthline-connection-'));
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

const newFamily = (database: Database, id = uuidv7()) =>
  database.withScope(service, (tx) =>
    tx
      .insertInto('families')
      .values({ id, name_sealed: Buffer.alloc(40) })
      .execute(),
  );

describe.each(['server', 'embedded'] as const)('a connection: %s', (kind) => {
  let database: Database;
  beforeAll(async () => {
    const databaseUrl = kind === 'server' ? (await postgres.createDatabase()).url : undefined;
    const dataDir = join(home, kind);
    database = await openDatabase({
      databaseUrl,
      dataDir,
      maxConnections: 4,
      connectTimeoutMs: 1_000,
      statementTimeoutMs: 1_500,
      transactionTimeoutMs: 2_000,
    });
  }, 60_000);
  afterAll(() => database?.close());

  test('a transaction that takes too long is ended, undone, and holds up nobody after it', async () => {
    const id = uuidv7();
    const slow = database.withScope(service, async (tx) => {
      await tx
        .insertInto('families')
        .values({ id, name_sealed: Buffer.alloc(40) })
        .execute();
      await new Promise((resolve) => setTimeout(resolve, 4_000));
    });
    await expect(slow).rejects.toThrow(DatabaseUnavailable);
    const rows = await database.withScope(service, (tx) =>
      tx.selectFrom('families').selectAll().where('id', '=', id).execute(),
    );
    expect(rows).toEqual([]);
    expect(database.figures().connections).toBeLessThanOrEqual(4);
  });

  test('an error that the work swallowed does not pass for a commit', async () => {
    const id = uuidv7();
    const swallowed = database.withScope(service, async (tx) => {
      await tx
        .insertInto('families')
        .values({ id, name_sealed: Buffer.alloc(40) })
        .execute();
      await sql`select 1 / 0`.execute(tx).catch(() => undefined);
    });
    await expect(swallowed).rejects.toThrow(DatabaseUnavailable);
    await expect(newFamily(database, id)).resolves.toBeDefined();
  });

  test('of many who fail in between, each hears of its own failure and the others succeed', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, async (_each, n) => {
        const done = database.withScope(service, (tx) =>
          n % 3 === 0
            ? sql`select ${'no number'}::int`.execute(tx).then(() => -1)
            : sql<{ n: number }>`select ${n}::int as n`.execute(tx).then(({ rows }) => rows[0]?.n),
        );
        return done.catch((error: unknown) => error);
      }),
    );
    for (const [n, outcome] of outcomes.entries()) {
      if (n % 3 === 0) expect(outcome).toMatchObject({ name: 'QueryRefused', code: '22P02' });
      else expect(outcome).toBe(n);
    }
    expect(outcomes[0]).toBeInstanceOf(QueryRefused);
    expect(String(outcomes[0])).not.toContain('no number');
  });

  test('tells how it is and how full its pool is', async () => {
    const before = database.figures();
    await newFamily(database);
    await newFamily(database, 'not-a-uuid').catch(() => undefined);
    const after = database.figures();
    expect(after.transactions - before.transactions).toBe(2);
    expect(after.failures - before.failures).toBe(1);
    expect(after).toMatchObject({ maxConnections: 4, waiting: 0 });
    expect(await database.health()).toEqual({ ok: true, latencyMs: expect.any(Number) });
  });
});

test('asked how it is while every connection is taken, it keeps one question waiting', async () => {
  const { url } = await postgres.createDatabase();
  const database = await openDatabase({ databaseUrl: url, dataDir: home, maxConnections: 1 });
  const has = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const taken = database.withScope(service, async () => {
    has.resolve();
    await free.promise;
  });
  await has.promise;
  for (let asked = 0; asked < 2; asked += 1) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => database.health()));
    for (const answer of answers) expect(answer.ok).toBe(false);
    expect(database.figures().waiting).toBeLessThanOrEqual(1);
  }
  free.resolve();
  await taken;
  expect(await database.health()).toMatchObject({ ok: true });
  await database.close();
});

test('PostgreSQL stopped and started: unavailable, then well again, with no leftover connection', async () => {
  const { url } = await postgres.createDatabase();
  const database = await openDatabase({ databaseUrl: url, dataDir: home });
  await Promise.all([1, 2, 3].map(() => newFamily(database)));
  await postgres.stopServer('kill');
  const refused = await newFamily(database).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(DatabaseUnavailable);
  expect(await database.health()).toMatchObject({ ok: false });
  expect((await database.health()).detail).not.toContain(home);
  await postgres.startServer();
  await eventually(async () => (await database.health()).ok, 5_000);
  await newFamily(database);
  await database.close();
  await database.close();
  await expect(newFamily(database)).rejects.toThrow();
});

test('a server that is not there refuses to open, and does not tell the address or password', async () => {
  const databaseUrl = 'postgres://someone:hunter2@127.0.0.1:1/nothing';
  const opened = openDatabase({ databaseUrl, dataDir: home });
  const error = await opened.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DatabaseUnavailable);
  expect(String(error)).not.toMatch(/hunter2|someone|127/);
});

test('a server that starts while the database is away takes writes, and delivers them once it is there', async () => {
  const { url } = await postgres.createDatabase();
  await postgres.stopServer('fast');
  const said: string[] = [];
  const dataDir = join(home, 'away');
  const open = () =>
    openStore({
      databaseUrl: url,
      dataDir,
      encryptionKeys: [],
      defaultManner: DEFAULT_MANNER,
      onProgress: (sentence) => said.push(sentence),
    });
  const store = await open();
  expect(said).toEqual([
    expect.stringMatching(
      /^personal text is encrypted with a key made just now: .*encryption\.key$/,
    ),
    expect.stringMatching(/^the database cannot be reached \(ENOENT\); starting without it$/),
  ]);
  await expect(newFamily(store.database)).rejects.toThrow(DatabaseUnavailable);
  const call = {
    callSid: 'CA-away',
    seniorId: undefined,
    direction: 'inbound' as const,
    startedAtMs: 1_000,
  };
  expect(await store.writer.write({ kind: 'conversation-started', call })).toBe('spool');
  await expect(open()).rejects.toThrow(DirectoryHeld);
  await store.close();
  // Another start, still without the database; then it comes, and has no tables yet.
  const again = await open();
  const ended = { kind: 'conversation-ended', call, endedAtMs: 2_000, reason: 'hung-up' } as const;
  expect(await again.writer.write(ended)).toBe('spool');
  expect(again.spoolFigures().pending).toBe(2);
  await postgres.startServer();
  expect(await again.writer.flush(20_000)).toBe(true);
  const found = await again.database.withScope(service, (tx) =>
    again.conversations.byCallSid(tx, 'CA-away'),
  );
  expect(found).toMatchObject({ state: 'ended', endReason: 'hung-up', startedAtMs: 1_000 });
  expect(said.at(-1)).toMatch(/^applying \d+ migration\(s\) to the database$/);
  await again.close();
  await again.close();
}, 60_000);

test('start to ready with a real PostgreSQL and nothing to migrate takes well under 3 s', async () => {
  const { url } = await postgres.createDatabase();
  await (await openDatabase({ databaseUrl: url, dataDir: home })).close();
  const startedAt = performance.now();
  const database = await openDatabase({ databaseUrl: url, dataDir: home });
  const readyMs = performance.now() - startedAt;
  console.info(`PostgreSQL with migrations check: ready in ${readyMs.toFixed(0)} ms`);
  expect(readyMs).toBeLessThan(3_000);
  await database.close();
});

const SCRIPT = join(import.meta.dirname, '../helpers/embedded-process.ts');

function startProcess(dataDir: string) {
  const child = spawn(process.execPath, [SCRIPT, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  let first: (line: string) => void = () => undefined;
  const said = new Promise<string>((resolve) => {
    first = resolve;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    first(line);
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  return { child, lines, said, ended };
}

describe('the embedded database', () => {
  test('is refused to a second process, which is told who has it; killed, it goes on where it was', async () => {
    const dataDir = join(home, 'killed');
    const committed: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const owner = startProcess(dataDir);
      expect(await owner.said).toMatch(/^ready/);
      if (round === 0) {
        const second = startProcess(dataDir);
        expect(await second.said).toMatch(
          new RegExp(`^failed .*is in use by process ${owner.child.pid} .*DATA_DIR`),
        );
        await second.ended;
      }
      await eventually(async () => owner.lines.length > 20 + round * 7, 10_000);
      owner.child.kill('SIGKILL');
      await owner.ended;
      committed.push(...owner.lines.slice(1));
    }
    const startedAt = performance.now();
    const database = await openDatabase({ databaseUrl: undefined, dataDir });
    const readyMs = performance.now() - startedAt;
    console.info(`embedded, warm, after a kill: ready in ${readyMs.toFixed(0)} ms`);
    const rows = await database.withScope(service, (tx) =>
      tx.selectFrom('families').select('id').execute(),
    );
    const there = new Set(rows.map((row) => row.id));
    expect(committed.filter((id) => !there.has(id))).toEqual([]);
    // At most the one under way at each kill is there besides.
    expect(there.size - committed.length).toBeLessThanOrEqual(4);
    await database.close();
  }, 90_000);

  test('a heavy query does not stop the thread of the calls', async () => {
    const dataDir = join(home, 'embedded-heavy');
    const database = await openDatabase({ databaseUrl: undefined, dataDir });
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const startedAt = performance.now();
    await database.withScope(service, (tx) =>
      sql`select count(*) from generate_series(1, 2000000) a where a % 7 = 3`.execute(tx),
    );
    const tookMs = performance.now() - startedAt;
    delay.disable();
    expect(tookMs).toBeGreaterThan(100);
    expect(delay.percentile(99) / 1e6).toBeLessThan(tookMs / 2);
    await database.close();
  }, 60_000);

  test('works in a folder whose name is too long for a socket', async () => {
    const dataDir = join(home, 'n'.repeat(60), 'm'.repeat(60));
    await mkdir(dataDir, { recursive: true });
    const database = await openDatabase({ databaseUrl: undefined, dataDir });
    await newFamily(database);
    await database.close();
    await expect(
      openDatabase({ databaseUrl: undefined, dataDir }).then((again) => again.close()),
    ).resolves.toBeUndefined();
  }, 60_000);

  test('a client that speaks garbage or vanishes in mid-transaction stops nobody else', async () => {
    const dataDir = join(home, 'embedded');
    const said: string[] = [];
    const onProgress = (sentence: string): void => void said.push(sentence);
    const database = await openDatabase({ databaseUrl: undefined, dataDir, onProgress });
    const path = join(dataDir, 'postgres/socket/.s.PGSQL.5432');
    const talk = (bytes: Buffer) =>
      new Promise<void>((resolve) => {
        const socket = connect(path, () => {
          socket.write(bytes);
          setTimeout(() => {
            socket.destroy();
            resolve();
          }, 50);
        });
        socket.on('error', () => resolve());
      });
    const message = (type: string, body: string) =>
      Buffer.concat([
        Buffer.from([type.charCodeAt(0), 0, 0, 0, body.length + 4]),
        Buffer.from(body),
      ]);
    const startup = Buffer.from('\0\0\0\x17\0\x03\0\0user\0postgres\0\0', 'latin1');
    const begin = message('Q', 'begin\0');
    const badBind = message('B', '\xff\xff');
    const broken = [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.alloc(200, 0xff),
      startup.subarray(0, 12),
      Buffer.concat([startup, begin]),
      // An error whose Sync never comes, inside and outside a transaction.
      Buffer.concat([startup, badBind]),
      Buffer.concat([startup, begin, badBind]),
      Buffer.concat([startup, begin, message('P', '\0select 1\0\0\0')]),
      // A length that is never filled, one that is too small, a type that there is not.
      Buffer.concat([startup, Buffer.from([0x51, 0, 0, 1, 0, 0x41])]),
      Buffer.concat([startup, Buffer.from([0x51, 0, 0, 0, 0, 0x41])]),
      Buffer.concat([startup, begin, Buffer.from([0x21, 0, 0, 0, 4])]),
      Buffer.concat([startup, message('Q', 'begin; select 1/0\0'), message('S', '')]),
    ];
    for (const bytes of broken) {
      await talk(bytes);
      await newFamily(database);
    }
    await Promise.all(broken.flatMap((bytes) => [talk(bytes), newFamily(database)]));
    // None of it needed the engine to be started again.
    expect(said).toEqual([]);
    expect(database.figures()).toMatchObject({ failures: 0, transactions: 2 * broken.length });
    await database.close();
  }, 60_000);

  test('an engine that dies is started again by itself, with all that was committed', async () => {
    const dataDir = join(home, 'embedded');
    const said: string[] = [];
    const onProgress = (sentence: string): void => void said.push(sentence);
    const database = await openDatabase({ databaseUrl: undefined, dataDir, onProgress });
    const id = uuidv7();
    await newFamily(database, id);
    // The engine cannot COPY from a client: it takes it for a loss of the protocol and ends.
    const died = database.jobQueue.executeSql('copy families from stdin');
    await expect(died).rejects.toThrow();
    await eventually(async () => (await database.health()).ok, 15_000);
    expect(said).toEqual(['the embedded database stopped by itself and is started again']);
    const rows = await database.withScope(service, (tx) =>
      tx.selectFrom('families').select('id').where('id', '=', id).execute(),
    );
    expect(rows).toEqual([{ id }]);
    await database.close();
  }, 60_000);
});
