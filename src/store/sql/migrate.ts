/** Brings the schema to a version and tells where it stands. Safe when many instances start at once. */
import { Kysely, PostgresDialect } from 'kysely';
import { Migrator, NO_MIGRATIONS, type MigrationResultSet } from 'kysely/migration';
import pg from 'pg';
import { notReached, translateError } from './database-errors.ts';
import { MIGRATIONS } from './migrations/index.ts';
import { SCOPE_ROLES } from './scope.ts';

export type MigrationState = {
  readonly applied: readonly string[];
  /** Known to us and not applied, in order. */
  readonly pending: readonly string[];
  /** Applied and not known to us: a newer version of the server has been here. */
  readonly unknown: readonly string[];
  /** Roles that the login role cannot step down to; before the first migration, all of them. */
  readonly missingRoles: readonly string[];
};

export type MigrationStep = { readonly name: string; readonly direction: 'Up' | 'Down' };

const CONNECT_TIMEOUT_MS = 5_000;
/** Others may be migrating: they are waited for, and a migration of much data takes its time. */
const LOCK_TIMEOUT_MS = 120_000;

/** Arbitrary, ours, and the same in every version. */
const LOCK_KEY = 7_418_529_630_174_852n;

/** @throws DatabaseUnavailable */
export function migrationState(connection: pg.ClientConfig): Promise<MigrationState> {
  return withClient(connection, readState);
}

/**
 * Applies what is pending, all of it in one transaction or nothing. Whoever comes second waits, and
 * finds nothing left to do.
 * @throws DatabaseUnavailable; Error naming the migration that failed.
 */
export function migrateToLatest(connection: pg.ClientConfig): Promise<MigrationStep[]> {
  return underLock(connection, async (client) => {
    const { pending, unknown } = await readState(client);
    if (pending.length === 0) return [];
    if (unknown.length > 0) {
      throw new Error(
        `a newer version has migrated this database (${unknown.join(', ')}), and it lacks ` +
          `${pending.join(', ')}: use that newer version`,
      );
    }
    return stepsOf(await migratorOn(client).migrateToLatest());
  });
}

/**
 * Takes back the last `count` migrations, with all data in their tables.
 * @throws as `migrateToLatest`.
 */
export function migrateDown(connection: pg.ClientConfig, count: number): Promise<MigrationStep[]> {
  return underLock(connection, async (client) => {
    const { applied } = await readState(client);
    const target = applied[applied.length - 1 - count];
    return stepsOf(await migratorOn(client).migrateTo(target ?? NO_MIGRATIONS));
  });
}

function stepsOf({ error, results = [] }: MigrationResultSet): MigrationStep[] {
  const failed = results.find((each) => each.status === 'Error');
  if (failed !== undefined) {
    throw new Error(`migration ${failed.migrationName} failed: ${messageOf(error)}`);
  }
  if (error !== undefined) throw error instanceof Error ? error : new Error('migrating failed');
  return results.map((each) => ({ name: each.migrationName, direction: each.direction }));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}

/** Kysely takes a lock too, but only after it has made its own tables; ours is around everything. */
function underLock<T>(
  connection: pg.ClientConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  return withClient(connection, async (client) => {
    await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    try {
      return await work(client);
    } finally {
      await client.query('select pg_advisory_unlock($1)', [LOCK_KEY]);
      await client.query('reset lock_timeout');
    }
  });
}

async function withClient<T>(
  connection: pg.ClientConfig,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    ...connection,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'hearthline migrations',
  });
  client.on('error', () => undefined);
  try {
    await client.connect().catch((error: unknown) => {
      throw notReached(error);
    });
    return await work(client);
  } catch (error) {
    throw translateError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function migratorOn(client: pg.Client): Migrator {
  const only = { query: client.query.bind(client), release: () => undefined };
  const db = new Kysely<unknown>({
    dialect: new PostgresDialect({
      pool: { connect: async () => only, end: async () => undefined } as unknown as pg.Pool,
    }),
  });
  return new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
}

async function readState(client: pg.Client): Promise<MigrationState> {
  const names = Object.keys(MIGRATIONS);
  const table = await client.query<{ there: boolean }>(
    `select to_regclass('kysely_migration') is not null as there`,
  );
  const applied =
    table.rows[0]?.there === true
      ? (
          await client.query<{ name: string }>('select name from kysely_migration order by name')
        ).rows.map((row) => row.name)
      : [];
  const roles = await client.query<{ name: string }>(
    `select rolname as name from pg_roles
     where rolname = any ($1) and pg_has_role(current_user, oid, 'member')`,
    [Object.values(SCOPE_ROLES)],
  );
  const held = new Set(roles.rows.map((row) => row.name));
  return {
    applied,
    pending: names.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !names.includes(name)),
    missingRoles: Object.values(SCOPE_ROLES).filter((name) => !held.has(name)),
  };
}
