/**
 * A database that is opened behind the door: what needs it waits for a moment, and calls that come
 * meanwhile are answered and written to the spool.
 */
import { type Database, type DatabaseConfig, openDatabase } from './database.ts';
import { DatabaseUnavailable } from './database-errors.ts';

export type LateDatabase = Database & {
  /**
   * Resolves when it has been opened, or when a server that is away will be looked for again by
   * whoever asks. Rejects where it can never be opened.
   */
  readonly opened: Promise<void>;
  readonly isOpen: boolean;
};

/** How long work waits for the opening before it is told that the database is away. */
const WAIT_MS = 2_000;

const NOTHING_YET = {
  connections: 0,
  idle: 0,
  waiting: 0,
  maxConnections: 0,
  transactions: 0,
  failures: 0,
};

export function openDatabaseLate(config: DatabaseConfig): LateDatabase {
  let database: Database | undefined;
  let closing: Promise<void> | undefined;
  const opening = openDatabase({ ...config, whenAway: 'start' }).then((opened) => {
    database = opened;
    return opened;
  });
  const opened = opening.then(() => undefined);
  // Whoever opened it looks at this; nobody else needs to.
  opened.catch(() => undefined);

  const use = async (): Promise<Database> => {
    if (database !== undefined) return database;
    if (closing !== undefined) throw new DatabaseUnavailable('it is closed');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new DatabaseUnavailable('it is being opened', 'opening'));
      }, WAIT_MS);
    });
    try {
      return await Promise.race([opening, late]);
    } catch (error) {
      if (error instanceof DatabaseUnavailable) throw error;
      throw new DatabaseUnavailable('it could not be opened', 'not-opened');
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    kind: config.databaseUrl === undefined ? 'embedded' : 'server',
    opened,
    get isOpen() {
      return database !== undefined;
    },
    withScope: async (scope, work) => (database ?? (await use())).withScope(scope, work),
    health: async () =>
      database === undefined
        ? { ok: false, latencyMs: 0, detail: 'being opened' }
        : await database.health(),
    figures: () => database?.figures() ?? NOTHING_YET,
    jobQueue: {
      executeSql: async (text, values) => (await use()).jobQueue.executeSql(text, values),
    },
    allowServiceIn: async (schema) => (await use()).allowServiceIn(schema),
    close: () =>
      (closing ??= opening.then(
        (open) => open.close(),
        () => undefined,
      )),
  };
}
