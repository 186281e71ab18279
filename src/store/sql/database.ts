/**
 * The database: PostgreSQL at `DATABASE_URL`, or the embedded one in DATA_DIR. One code path for
 * both: node-postgres speaks to either over a socket.
 *
 * Nothing here hands out a connection. Work is given to `withScope`, which runs it in a transaction
 * under the role of whoever asks.
 */
import pg from 'pg';
import { DatabaseUnavailable, translateError } from './database-errors.ts';
import { type Embedded, startEmbedded } from './embedded.ts';
import { grantSchemaToService, type SqlExecutor, sqlExecutorOn } from './job-queue-access.ts';
import { migrateToLatest, type MigrationState, migrationState } from './migrate.ts';
import { inScope, type ScopedTransaction } from './scoped-transaction.ts';
import type { Scope } from './scope.ts';

export type DatabaseConfig = {
  /** Undefined: embedded. */
  readonly databaseUrl: string | undefined;
  /** Where the embedded database and its socket live. */
  readonly dataDir: string;
  /** Connections of this process. Embedded they take turns anyway. */
  readonly maxConnections?: number;
  /** How long to wait for a free or new connection. */
  readonly connectTimeoutMs?: number;
  /** The longest a statement may run; on the server, where that can measure it. */
  readonly statementTimeoutMs?: number;
  /** The longest a transaction may take, all told; then its connection is closed. */
  readonly transactionTimeoutMs?: number;
  /**
   * What if the server cannot be reached now. 'start': open all the same, and bring the schema up to
   * date before the first transaction that finds it; writes go to the spool until then.
   */
  readonly whenAway?: 'fail' | 'start';
  /** 'check': refuse to start on a schema that is behind, for who migrates by hand. */
  readonly migrations?: 'apply' | 'check';
  /** Sentences for the operator while something takes long, such as the very first start. */
  readonly onProgress?: (sentence: string) => void;
};

export type DatabaseFigures = {
  readonly connections: number;
  readonly idle: number;
  /** Asking for a connection and not given one yet. */
  readonly waiting: number;
  readonly maxConnections: number;
  /** Since the start. */
  readonly transactions: number;
  readonly failures: number;
};

export type Database = {
  readonly kind: 'server' | 'embedded';
  /**
   * Runs `work` in one transaction under the scope's role. Commits when it resolves, rolls back when
   * it rejects. Inside it use `tx` alone: the embedded database does one transaction at a time, and
   * whatever asks on another connection waits for this one to end.
   * @throws DatabaseUnavailable, QueryRefused, or what `work` threw.
   */
  withScope<T>(scope: Scope, work: (tx: ScopedTransaction) => Promise<T>): Promise<T>;
  /** Never rejects. `detail` says why not, without addresses or values. */
  health(): Promise<{ readonly ok: boolean; readonly latencyMs: number; readonly detail?: string }>;
  figures(): DatabaseFigures;
  /** For the job queue's own tables and nothing else: queries as the login role. */
  readonly jobQueue: SqlExecutor;
  /** Lets the service scope use a schema that the job queue made, so that it can enqueue. */
  allowServiceIn(schema: string): Promise<void>;
  /** Waits for what is running, closes connections, then the embedded database. Idempotent. */
  close(): Promise<void>;
};

const DEFAULTS = {
  /** Enough for a hundred calls that write some rows a second; far below a server's usual 100. */
  maxConnections: 10,
  connectTimeoutMs: 2_000,
  statementTimeoutMs: 5_000,
  transactionTimeoutMs: 10_000,
} as const;

const IDLE_CONNECTION_MS = 30_000;
const HEALTH_TIMEOUT_MS = 1_000;

/**
 * Opens the database, brings its schema up to date (under a lock; six instances may start at once),
 * and resolves when it can be used.
 * @throws DirectoryHeld where another process has the embedded database; DatabaseUnavailable;
 *   Error for a schema that is behind (`migrations: 'check'`) or a role that is missing.
 */
export async function openDatabase(config: DatabaseConfig): Promise<Database> {
  const progress = config.onProgress ?? (() => undefined);
  const embedded =
    config.databaseUrl === undefined
      ? await startEmbedded({ dataDir: config.dataDir, onProgress: progress })
      : undefined;
  try {
    const connection = embedded?.connection ?? { connectionString: config.databaseUrl };
    const prepare = untilItSucceeds(() =>
      prepareSchema(connection, config.migrations ?? 'apply', progress),
    );
    await prepare().catch((error: unknown) => {
      if (config.whenAway !== 'start' || !(error instanceof DatabaseUnavailable)) throw error;
      const why = error.code === undefined ? '' : ` (${error.code})`;
      progress(`the database cannot be reached${why}; starting without it`);
    });
    return databaseOn(connection, config, embedded, prepare);
  } catch (error) {
    await embedded?.stop();
    throw translateError(error);
  }
}

/** Runs `work` for whoever asks first, again after a failure, and never again after a success. */
export function untilItSucceeds(work: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | undefined;
  return () => {
    current ??= work().catch((error: unknown) => {
      current = undefined;
      throw error;
    });
    return current;
  };
}

async function prepareSchema(
  connection: pg.ClientConfig,
  how: 'apply' | 'check',
  progress: (sentence: string) => void,
): Promise<void> {
  const state = await migrationState(connection);
  if (state.pending.length > 0 && how === 'check') throw new Error(describeBehind(state));
  if (state.pending.length > 0) {
    progress(`applying ${state.pending.length} migration(s) to the database`);
    await migrateToLatest(connection);
  }
  const missing = state.pending.length > 0 ? [] : state.missingRoles;
  if (missing.length > 0) {
    throw new Error(
      `the database user may not act as ${missing.join(', ')}; as the owner of these roles run: ` +
        `grant ${missing.join(', ')} to <that user>`,
    );
  }
}

function describeBehind(state: MigrationState): string {
  return (
    `the database is ${state.pending.length} migration(s) behind (${state.pending.join(', ')}); ` +
    'run: npm run migrate -- up'
  );
}

function databaseOn(
  connection: pg.ClientConfig,
  config: DatabaseConfig,
  embedded: Embedded | undefined,
  prepare: () => Promise<void>,
): Database {
  const pool = newPool(connection, config, embedded !== undefined);
  const transactionTimeoutMs = config.transactionTimeoutMs ?? DEFAULTS.transactionTimeoutMs;
  const health = healthOf(pool);
  let transactions = 0;
  let failures = 0;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await pool.end();
    await embedded?.stop();
  };
  return {
    kind: embedded === undefined ? 'server' : 'embedded',
    async withScope(scope, work) {
      transactions += 1;
      try {
        await prepare();
        return await inScope(pool, scope, transactionTimeoutMs, work);
      } catch (error) {
        failures += 1;
        throw error;
      }
    },
    health,
    figures: () => ({
      connections: pool.totalCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
      maxConnections: pool.options.max,
      transactions,
      failures,
    }),
    jobQueue: sqlExecutorOn(pool),
    allowServiceIn: (schema) => grantSchemaToService(pool, schema),
    close: () => (closing ??= close()),
  };
}

function newPool(connection: pg.ClientConfig, config: DatabaseConfig, embedded: boolean): pg.Pool {
  const statementTimeoutMs = config.statementTimeoutMs ?? DEFAULTS.statementTimeoutMs;
  const transactionTimeoutMs = config.transactionTimeoutMs ?? DEFAULTS.transactionTimeoutMs;
  const pool = new pg.Pool({
    ...connection,
    max: config.maxConnections ?? DEFAULTS.maxConnections,
    connectionTimeoutMillis: config.connectTimeoutMs ?? DEFAULTS.connectTimeoutMs,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    application_name: 'hearthline',
    keepAlive: true,
    // The client's own clock, for a server that no longer answers at all.
    query_timeout: statementTimeoutMs + 1_000,
    ...(embedded
      ? {}
      : {
          statement_timeout: statementTimeoutMs,
          lock_timeout: statementTimeoutMs,
          idle_in_transaction_session_timeout: transactionTimeoutMs,
        }),
  });
  // An idle connection that is lost; the next query opens another one.
  pool.on('error', () => undefined);
  return pool;
}

/**
 * One question is under way at a time, whoever asks: one that nobody waits for any more still has its
 * place in the pool's queue, or one of its connections.
 */
function healthOf(pool: pg.Pool): Database['health'] {
  let asked: Promise<string | undefined> | undefined;
  const ask = async (): Promise<string | undefined> => {
    try {
      await pool.query('select 1');
      return undefined;
    } catch {
      return 'not reachable';
    }
  };
  return async () => {
    const startedAt = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, HEALTH_TIMEOUT_MS, `no answer within ${HEALTH_TIMEOUT_MS} ms`);
    });
    asked ??= ask().finally(() => (asked = undefined));
    const detail = await Promise.race([asked, late]);
    clearTimeout(timer);
    const latencyMs = performance.now() - startedAt;
    return detail === undefined ? { ok: true, latencyMs } : { ok: false, latencyMs, detail };
  };
}
