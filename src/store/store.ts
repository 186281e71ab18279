/**
 * Everything durable, opened together: the database, the seal, the spool, the writer, and the
 * repositories over them. The composition root calls this once.
 */
import { join } from 'node:path';
import type { Person } from '../companion/person.ts';
import { createDurableWriter, type DurableWriter, type WriterTrouble } from './durable-writer.ts';
import {
  durableWritesIn,
  laneOf,
  type DurableWrite,
  type DurableWriteHooks,
} from './durable-writes.ts';
import { readOrCreateKeyFile } from './key-file.ts';
import { createSealer, type Sealer } from './sealed-text.ts';
import { openSpool } from './spool.ts';
import type { SpoolFigures } from './spool-types.ts';
import { type Alerts, alertsIn } from './sql/alerts.ts';
import { type Conversations, conversationsIn } from './sql/conversations.ts';
import { type Database, type DatabaseConfig, untilItSucceeds } from './sql/database.ts';
import { DatabaseUnavailable, QueryRefused } from './sql/database-errors.ts';
import { openDatabaseLate } from './sql/late-database.ts';
import { peopleIn, type PeopleStore } from './sql/people.ts';
import { type WebhookEvents, webhookEventsIn } from './sql/webhook-events.ts';

export type StoreConfig = Pick<DatabaseConfig, 'databaseUrl' | 'dataDir' | 'onProgress'> & {
  /** 32 bytes each, the current one first. Empty: the key file in `dataDir`. */
  readonly encryptionKeys: readonly Uint8Array[];
  readonly defaultManner: Person['manner'];
  /**
   * What must be there before the first durable write, such as the people whom writes refer to. Done
   * once; again where the database was away. It must not use the store's writer.
   */
  readonly beforeWrites?: (
    database: Pick<Database, 'withScope'>,
    sealer: Sealer,
    people: PeopleStore,
  ) => Promise<void>;
  /** What follows from a write, in its transaction: enqueueing jobs. */
  readonly hooks?: DurableWriteHooks;
  readonly onTrouble?: (trouble: WriterTrouble) => void;
};

export type Store = {
  readonly database: Database;
  readonly sealer: Sealer;
  /** For what must not be lost; for all else `database.withScope`. */
  readonly writer: DurableWriter<DurableWrite>;
  readonly conversations: Conversations;
  readonly alerts: Alerts;
  readonly webhooks: WebhookEvents;
  readonly people: PeopleStore;
  spoolFigures(): SpoolFigures;
  /** What is in the spool stays there for the next start; call `writer.flush` first. Idempotent. */
  close(): Promise<void>;
};

/**
 * Opens it all. With a `databaseUrl` that cannot be reached it opens too, and writes are spooled.
 * @throws DirectoryHeld where another process has the spool or the embedded database.
 */
export async function openStore(config: StoreConfig): Promise<Store> {
  const { store, opened } = await beginStore(config);
  try {
    await opened;
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** A store that takes writes, while its database is still being opened. */
export type BegunStore = {
  readonly store: Store;
  /**
   * Resolves when the database is there and `beforeWrites` has been done, or when the database is
   * away and will be looked for by whoever needs it. Rejects where it can never be opened.
   */
  readonly opened: Promise<void>;
};

/**
 * Opens the spool, which takes what is written until the database is there.
 * @throws DirectoryHeld where another process has the spool.
 */
export async function beginStore(config: StoreConfig): Promise<BegunStore> {
  const sealer = createSealer(await keysFor(config));
  const spool = await openSpool({ dir: join(config.dataDir, 'spool'), sealer });
  const database = openDatabaseLate(config);
  const people = peopleIn(sealer, config.defaultManner);
  const prepare = untilItSucceeds(
    async () => await config.beforeWrites?.(database, sealer, people),
  );
  const writer = createDurableWriter<DurableWrite>({
    database: {
      withScope: async (scope, work) => {
        // At once: nothing that is written waits for the opening.
        if (!database.isOpen) throw new DatabaseUnavailable('it is being opened', 'opening');
        await prepare().catch((error: unknown) => {
          throw notPrepared(error);
        });
        return await database.withScope(scope, work);
      },
    },
    spool,
    apply: durableWritesIn(sealer, config.hooks),
    laneOf,
    ...(config.onTrouble === undefined ? {} : { onTrouble: config.onTrouble }),
  });
  const close = async (): Promise<void> => {
    await writer.close();
    await spool.close();
    await database.close();
  };
  let closing: Promise<void> | undefined;
  const opened = database.opened.then(prepare).catch((error: unknown) => {
    if (!(error instanceof DatabaseUnavailable) || !database.isOpen) throw error;
  });
  opened.catch(() => undefined);
  const store: Store = {
    database,
    sealer,
    writer,
    conversations: conversationsIn(sealer),
    alerts: alertsIn(sealer),
    webhooks: webhookEventsIn(sealer),
    people,
    spoolFigures: () => spool.figures(),
    close: () => (closing ??= close()),
  };
  return { store, opened };
}

/** What was to be written has not been tried, whatever it was that kept it from that. */
function notPrepared(error: unknown): DatabaseUnavailable {
  if (error instanceof DatabaseUnavailable) return error;
  const code = error instanceof QueryRefused ? error.code : 'not-prepared';
  return new DatabaseUnavailable('it is not prepared', code);
}

async function keysFor(config: StoreConfig): Promise<readonly Uint8Array[]> {
  if (config.encryptionKeys.length > 0) return config.encryptionKeys;
  const file = await readOrCreateKeyFile(config.dataDir);
  if (file.created) {
    config.onProgress?.(`personal text is encrypted with a key made just now: ${file.path}`);
  }
  return [file.key];
}
