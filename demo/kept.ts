/** What the server has left in its database, read when it has ended. */
import { DEFAULT_MANNER } from '../src/companion/person.ts';
import { openStore } from '../src/store/store.ts';
import type { KeptCall } from './audit/evidence.ts';

const DELIVERY_MS = 30_000;

/** `dataDir` is the server's; it has ended, and nobody else has the folder. */
export async function readKept(dataDir: string, callSid: string): Promise<KeptCall> {
  const store = await openStore({
    databaseUrl: undefined,
    dataDir,
    encryptionKeys: [],
    defaultManner: DEFAULT_MANNER,
  });
  try {
    // What the server could not deliver before its end waits in the spool.
    await store.writer.flush(DELIVERY_MS);
    return await store.database.withScope({ kind: 'service' }, async (tx) => {
      const turns = await store.conversations.turnsOf(tx, callSid);
      const conversation = await store.conversations.byCallSid(tx, callSid);
      const alerts = await store.alerts.open(tx);
      return {
        state: conversation?.state,
        turns: turns.map(({ speaker, heard, interrupted }) => ({ speaker, heard, interrupted })),
        alerts: alerts.map(({ category }) => category),
      };
    });
  } finally {
    await store.close();
  }
}
