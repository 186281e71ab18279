/** The thread of the embedded database. Started by `embedded.ts`; ends on its order or on failure. */
/* oxlint-disable unicorn/no-process-exit -- in a thread it ends the thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { startWireServer } from './embedded-wire.ts';

export type EmbeddedSettings = {
  readonly dataPath: string;
  readonly socketPath: string;
  readonly maxConnections: number;
  readonly idleInTransactionMs: number;
};

export type EmbeddedMessage =
  { readonly kind: 'ready' } | { readonly kind: 'failed'; readonly reason: string };

export type EmbeddedOrder = 'stop';

const settings = workerData as EmbeddedSettings;

async function serve(): Promise<void> {
  const database = await PGlite.create({ dataDir: settings.dataPath });
  endOnBreakage(database);
  const server = await startWireServer({
    engine: database,
    path: settings.socketPath,
    maxConnections: settings.maxConnections,
    idleInTransactionMs: settings.idleInTransactionMs,
  });
  parentPort?.on('message', (order: EmbeddedOrder) => {
    if (order !== 'stop') return;
    void (async () => {
      await server.stop();
      await database.close();
      process.exit(0);
    })();
  });
  tell({ kind: 'ready' });
}

/**
 * When the engine itself throws (SQL errors are answers, not exceptions), it is broken, and whoever
 * waits would wait for ever. Ending the thread lets it be started again.
 */
function endOnBreakage(database: PGlite): void {
  const run = database.execProtocolRawStream.bind(database);
  database.execProtocolRawStream = async (message, options) => {
    try {
      await run(message, options);
    } catch (error) {
      process.exit(1);
      throw error;
    }
  };
}

function tell(message: EmbeddedMessage): void {
  parentPort?.postMessage(message);
}

serve().catch((error: unknown) => {
  tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
  parentPort?.close();
});
