/**
 * A process with the embedded database that writes rows until it is killed, for tests, and tells each
 * committed one on its standard output. Argument: DATA_DIR.
 */
import { openDatabase } from '../../src/store/sql/database.ts';
import { uuidv7 } from '../../src/store/uuid.ts';

const startedAt = performance.now();
try {
  const database = await openDatabase({ databaseUrl: undefined, dataDir: process.argv[2] ?? '' });
  process.stdout.write(`ready ${Math.round(performance.now() - startedAt)}\n`);
  for (;;) {
    const id = uuidv7();
    await database.withScope({ kind: 'service' }, (tx) =>
      tx
        .insertInto('families')
        .values({ id, name_sealed: Buffer.alloc(40) })
        .execute(),
    );
    process.stdout.write(`${id}\n`);
  }
} catch (error) {
  process.stdout.write(`failed ${error instanceof Error ? error.message : ''}\n`);
  process.exitCode = 1;
}
