/**
 * A process that writes turns until it is killed, for tests: it tells each acknowledged one on its
 * standard output. Arguments: the database's URL, the spool's folder, the key in hex, the name of
 * the call, the number of its first turn, and how many to write (0: for ever).
 */
import { createDurableWriter } from '../../src/store/durable-writer.ts';
import { durableWritesIn, laneOf, type DurableWrite } from '../../src/store/durable-writes.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import { openSpool } from '../../src/store/spool.ts';
import { type Database, openDatabase } from '../../src/store/sql/database.ts';
import { DatabaseUnavailable } from '../../src/store/sql/database-errors.ts';

const [databaseUrl, dir = '', key = '', callSid = '', first = '0', count = '0'] =
  process.argv.slice(2);
const sealer = createSealer([Buffer.from(key, 'hex')]);
const spool = await openSpool({ dir, sealer });

let database: Pick<Database, 'withScope'>;
try {
  database = await openDatabase({ databaseUrl, dataDir: dir });
} catch {
  database = {
    withScope: async () => {
      throw new DatabaseUnavailable('it was away when this process started');
    },
  };
}

const writer = createDurableWriter<DurableWrite>({
  database,
  spool,
  apply: durableWritesIn(sealer),
  laneOf,
});
const call = { callSid, seniorId: undefined, direction: 'inbound' as const, startedAtMs: 1_000 };

process.stdout.write('ready\n');
const last = Number(count) === 0 ? Infinity : Number(first) + Number(count);
for (let n = Number(first); n < last; n += 1) {
  const kept = await writer.write({
    kind: 'turn',
    call,
    turn: {
      speaker: 'caller',
      turnKey: `turn-${n}`,
      revision: 0,
      kind: 'turn',
      answers: undefined,
      heard: `words of turn ${n}`,
      spoken: undefined,
      interrupted: false,
      happenedAtMs: 1_000 + n,
      timings: {},
    },
  });
  process.stdout.write(`${n} ${kept}\n`);
}
await writer.close();
await spool.close();
if ('close' in database) await (database as Database).close();
