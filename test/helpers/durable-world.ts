/** A writer over a real database and a real spool, for tests of what must not be lost. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDurableWriter, type WriterTrouble } from '../../src/store/durable-writer.ts';
import {
  durableWritesIn,
  laneOf,
  type DurableWrite,
  type DurableWriteHooks,
} from '../../src/store/durable-writes.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import { openSpool } from '../../src/store/spool.ts';
import { conversationsIn } from '../../src/store/sql/conversations.ts';
import { openDatabase, type Database } from '../../src/store/sql/database.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import { startPostgres, type TestDatabase } from './postgres-server.ts';

export const key = randomBytes(32);
export const sealer = createSealer([key]);
export const conversations = conversationsIn(sealer);

export type DurableWorld = Awaited<ReturnType<typeof startDurableWorld>>;

type WorldOptions = {
  readonly hooks?: DurableWriteHooks;
  readonly patienceMs?: number;
  readonly made?: TestDatabase;
  /** Another way to the database. */
  readonly url?: string;
};

/** A PostgreSQL of its own, and a folder for spools. */
export async function startDurableWorld() {
  const postgres = await startPostgres();
  const home = await mkdtemp(join(tmpdir(), 'hearthline-durable-'));
  return {
    postgres,
    home,
    /** Database, spool and writer on a new database, or one that was made. */
    async openAll(options: WorldOptions = {}) {
      const made = options.made ?? (await postgres.createDatabase());
      const databaseUrl = options.url ?? made.url;
      const database = await openDatabase({ databaseUrl, dataDir: home });
      const spool = await openSpool({ dir: join(home, uuidv7()), sealer });
      const troubles: WriterTrouble[] = [];
      const writer = createDurableWriter<DurableWrite>({
        database,
        spool,
        apply: durableWritesIn(sealer, options.hooks),
        laneOf,
        onTrouble: (trouble) => troubles.push(trouble),
        ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
      });
      const close = async (): Promise<void> => {
        await writer.close();
        await spool.close();
        await database.close();
      };
      return { made, database, spool, writer, troubles, close };
    },
    async stop(): Promise<void> {
      await postgres.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

export const callOf = (callSid: string, seniorId?: string) => ({
  callSid,
  seniorId,
  direction: 'inbound' as const,
  startedAtMs: 1_000,
});

export function turnWrite(callSid: string, n: number, revision = 0): DurableWrite {
  return {
    kind: 'turn',
    call: callOf(callSid),
    turn: {
      speaker: n % 2 === 0 ? 'caller' : 'companion',
      turnKey: `t-${n}`,
      revision,
      kind: 'turn',
      answers: undefined,
      heard: `turn ${n} revision ${revision}`,
      spoken: n % 2 === 0 ? undefined : `turn ${n} in full`,
      interrupted: false,
      happenedAtMs: 1_000 + n,
      timings: { firstAudioMs: 12 },
    },
  };
}

export async function heardIn(database: Database, callSid: string): Promise<string[]> {
  const turns = await database.withScope({ kind: 'service' }, (tx) =>
    conversations.turnsOf(tx, callSid, 100_000),
  );
  return turns.map((turn) => turn.heard);
}
