import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/store/sql/database.ts';
import { migrateDown, migrateToLatest, migrationState } from '../../src/store/sql/migrate.ts';
import { MIGRATIONS } from '../../src/store/sql/migrations/index.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '../../scripts/migrate.ts');
const NAMES = Object.keys(MIGRATIONS);

let postgres: TestPostgres;
let dir: string;
beforeAll(async () => {
  postgres = await startPostgres();
  dir = await mkdtemp(join(tmpdir(), 'hearthline-migrate-'));
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
});

type Printed = { pass: boolean; steps: { name: string; direction: string }[]; error?: string };

/** The script as a process of its own, on `databaseUrl`, or embedded in `dir`. */
async function migrate(
  args: string[],
  databaseUrl: string | undefined,
): Promise<{ code: number; printed: Printed }> {
  const env = { ...process.env, DATA_DIR: dir, DATABASE_URL: databaseUrl ?? '' };
  const done = await run(process.execPath, [SCRIPT, ...args, '--json'], { env }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: unknown) => {
      const { code, stdout } = error as { code: number; stdout: string };
      return { code, stdout };
    },
  );
  return { code: done.code, printed: JSON.parse(done.stdout) as Printed };
}

async function tablesOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select c.relkind::text || ' ' || c.relname as name from pg_class c
       where relnamespace = 'public'::regnamespace and relname not like 'kysely%'
       union all select 'f ' || proname from pg_proc where pronamespace = 'public'::regnamespace
       union all select 'p ' || policyname from pg_policies order by 1`,
    );
    return rows.map((row) => row.name);
  } finally {
    await client.end();
  }
}

test('six processes that start together migrate once and all succeed', async () => {
  const { url } = await postgres.createDatabase();
  const results = await Promise.all(Array.from({ length: 6 }, () => migrate(['up'], url)));
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
  const steps = results.flatMap(({ printed }) => printed.steps.map((step) => step.name));
  expect(steps).toEqual(NAMES);
}, 60_000);

test('twenty servers that open one empty database together all get it', async () => {
  const { url } = await postgres.createDatabase();
  const databases = await Promise.all(
    Array.from({ length: 20 }, () =>
      openDatabase({ databaseUrl: url, dataDir: dir, maxConnections: 1 }),
    ),
  );
  const counts = await Promise.all(
    databases.map((database) =>
      database.withScope({ kind: 'service' }, (tx) => tx.selectFrom('turns').selectAll().execute()),
    ),
  );
  expect(counts).toEqual(Array.from({ length: 20 }, () => []));
  await Promise.all(databases.map((database) => database.close()));
}, 60_000);

test('two databases of one server are migrated at the same time, though roles are shared', async () => {
  const made = await Promise.all([1, 2, 3, 4].map(() => postgres.createDatabase()));
  const steps = await Promise.all(
    made.map(({ url }) => migrateToLatest({ connectionString: url })),
  );
  expect(steps.map((each) => each.length)).toEqual(made.map(() => NAMES.length));
}, 60_000);

test('down takes back each migration whole, and up brings the same schema again', async () => {
  const { url } = await postgres.createDatabase();
  const connection = { connectionString: url };
  await migrateToLatest(connection);
  const whole = await tablesOf(url);
  expect(whole.length).toBeGreaterThan(60);
  for (let left = NAMES.length - 1; left >= 0; left -= 1) {
    const [step] = await migrateDown(connection, 1);
    expect(step).toEqual({ name: NAMES[left], direction: 'Down' });
  }
  expect(await tablesOf(url)).toEqual([]);
  await migrateToLatest(connection);
  expect(await tablesOf(url)).toEqual(whole);
  expect((await migrateDown(connection, 99)).length).toBe(NAMES.length);
  expect(await tablesOf(url)).toEqual([]);
});

test('check says what is pending, changes nothing, and fails until it is applied', async () => {
  const { url } = await postgres.createDatabase();
  expect(await migrate(['check'], url)).toMatchObject({
    code: 1,
    printed: { pass: false, state: { applied: [], pending: NAMES } },
  });
  expect(await tablesOf(url)).toEqual([]);
  expect((await migrate(['up'], url)).code).toBe(0);
  expect(await migrate(['check'], url)).toMatchObject({ code: 0, printed: { pass: true } });
  // Taking data away is not done by mistake.
  const refused = await run(process.execPath, [SCRIPT, 'down', '1'], {
    env: { ...process.env, DATABASE_URL: url },
  }).catch((error: unknown) => (error as { code: number }).code);
  expect(refused).toBe(2);
  const down = await migrate(['down', '1', '--yes'], url);
  expect(down).toMatchObject({ code: 0, printed: { steps: [{ name: NAMES.at(-1) }] } });
}, 60_000);

test('the embedded database is migrated and checked by the same command', async () => {
  expect((await migrate(['up'], undefined)).printed.steps.map((step) => step.name)).toEqual(NAMES);
  expect((await migrate(['check'], undefined)).code).toBe(0);
  expect(
    (await migrate(['down', String(NAMES.length), '--yes'], undefined)).printed.steps.length,
  ).toBe(NAMES.length);
  expect((await migrate(['up'], undefined)).printed.steps.length).toBe(NAMES.length);
}, 90_000);

test('a server that is told to check only does not start on a schema that is behind', async () => {
  const { url } = await postgres.createDatabase();
  const opened = openDatabase({ databaseUrl: url, dataDir: dir, migrations: 'check' });
  await expect(opened).rejects.toThrow(
    /^the database is \d+ migration\(s\) behind .*npm run migrate -- up/,
  );
  expect(await tablesOf(url)).toEqual([]);
});

test('a server of an older version starts on a newer schema, and does not touch it', async () => {
  const { url } = await postgres.createDatabase();
  await migrateToLatest({ connectionString: url });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`insert into kysely_migration values ('0999-later', now()::text)`);
  await client.end();
  const state = await migrationState({ connectionString: url });
  expect(state).toMatchObject({ pending: [], unknown: ['0999-later'] });
  const database = await openDatabase({ databaseUrl: url, dataDir: dir });
  expect(await database.health()).toMatchObject({ ok: true });
  await database.close();
});

test('a login that may not step down to the roles is told which, and how to get them', async () => {
  const { url, adminUrl } = await postgres.createDatabase();
  await migrateToLatest({ connectionString: url });
  const login = `stranger_${Date.now()}`;
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`create role ${login} login; grant select on kysely_migration to ${login}`);
  const strange = url.replace('hearthline_test_login', login);
  const opened = openDatabase({ databaseUrl: strange, dataDir: dir });
  await expect(opened).rejects.toThrow(/may not act as hearthline_service.*grant/);
  await admin.query(`drop owned by ${login}; drop role ${login}`);
  await admin.end();
});

test('every time stamp has a zone, every foreign key an index, every key is a UUID', async () => {
  const { url } = await postgres.createDatabase();
  await migrateToLatest({ connectionString: url });
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const query = async (text: string): Promise<unknown[]> => (await client.query(text)).rows;
  expect(
    await query(
      `select table_name, column_name from information_schema.columns
       where table_schema = 'public' and data_type = 'timestamp without time zone'`,
    ),
  ).toEqual([]);
  expect(
    await query(
      `select c.conrelid::regclass::text as on_table, c.conname from pg_constraint c
       where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists (
         select 1 from pg_index i where i.indrelid = c.conrelid
           and (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey)
       and not exists (
         select 1 from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = any (c.conkey))`,
    ),
  ).toEqual([]);
  expect(
    await query(
      `select c.relname, format_type(a.atttypid, null) as type
       from pg_index i join pg_class c on c.oid = i.indrelid
       join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
       where i.indisprimary and c.relnamespace = 'public'::regnamespace
         and c.relname not like 'kysely%' and format_type(a.atttypid, null) <> 'uuid'`,
    ),
  ).toEqual([]);
  await client.end();
});
