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
import { type Database, type DatabaseConfig, openDatabase } from './sql/database.ts';
import { peopleIn, type PeopleStore } from './sql/people.ts';
import { type WebhookEvents, webhookEventsIn } from './sql/webhook-events.ts';

export type StoreConfig = Pick<DatabaseConfig, 'databaseUrl' | 'dataDir' | 'onProgress'> & {
  /** 32 bytes each, the current one first. Empty: the key file in `dataDir`. */
  readonly encryptionKeys: readonly Uint8Array[];
  readonly defaultManner: Person['manner'];
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
  const sealer = createSealer(await keysFor(config));
  const spool = await openSpool({ dir: join(config.dataDir, 'spool'), sealer });
  try {
    const database = await openDatabase({ ...config, whenAway: 'start' });
    const writer = createDurableWriter<DurableWrite>({
      database,
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
    return {
      database,
      sealer,
      writer,
      conversations: conversationsIn(sealer),
      alerts: alertsIn(sealer),
      webhooks: webhookEventsIn(sealer),
      people: peopleIn(sealer, config.defaultManner),
      spoolFigures: () => spool.figures(),
      close: () => (closing ??= close()),
    };
  } catch (error) {
    await spool.close();
    throw error;
  }
}

async function keysFor(config: StoreConfig): Promise<readonly Uint8Array[]> {
  if (config.encryptionKeys.length > 0) return config.encryptionKeys;
  const file = await readOrCreateKeyFile(config.dataDir);
  if (file.created) {
    config.onProgress?.(`personal text is encrypted with a key made just now: ${file.path}`);
  }
  return [file.key];
}
