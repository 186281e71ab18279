/** One transaction of one scope on one pooled connection, with a limit on all of it. */
import { Kysely, PostgresDialect } from 'kysely';
import type { Pool, PoolClient } from 'pg';
import { DatabaseUnavailable, notReached, translateError } from './database-errors.ts';
import type { Tables } from './schema.ts';
import { beginIn, type Scope } from './scope.ts';

/** Queries inside `withScope`. It must not be kept past the end of the work it was given to. */
export type ScopedTransaction = Kysely<Tables>;

/**
 * Runs `work` between BEGIN and COMMIT under the scope's role; an error rolls back. When the time is
 * up the connection is closed, which ends the transaction on the server as well.
 * @throws DatabaseUnavailable, QueryRefused, or what `work` threw.
 */
export async function inScope<T>(
  pool: Pool,
  scope: Scope,
  timeoutMs: number,
  work: (tx: ScopedTransaction) => Promise<T>,
): Promise<T> {
  const begin = beginIn(scope);
  const client = await pool.connect().catch((error: unknown) => {
    throw notReached(error);
  });
  let timedOut = false;
  let released = false;
  const release = (broken: boolean): void => {
    if (released) return;
    released = true;
    client.release(broken);
  };
  const ignored = (): void => undefined;
  client.on('error', ignored);
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      timedOut = true;
      release(true);
      reject(new DatabaseUnavailable(`a transaction took more than ${timeoutMs} ms`));
    }, timeoutMs);
  });
  const all = async (): Promise<T> => {
    await client.query(begin).catch((error: unknown) => {
      throw notReached(error);
    });
    const result = await work(kyselyOn(client));
    // After an error that `work` swallowed, COMMIT rolls back and says so; that is no success.
    const { command } = await client.query('commit');
    if (command !== 'COMMIT') throw new DatabaseUnavailable('the transaction was rolled back');
    return result;
  };
  try {
    return await Promise.race([all(), limit]);
  } catch (error) {
    if (!timedOut) await client.query('rollback').catch(() => release(true));
    throw translateError(error);
  } finally {
    clearTimeout(timer);
    client.off('error', ignored);
    release(false);
  }
}

const onClients = new WeakMap<PoolClient, ScopedTransaction>();

/** Kysely on this one connection: whatever it asks for, it gets the open transaction. */
function kyselyOn(client: PoolClient): ScopedTransaction {
  const known = onClients.get(client);
  if (known) return known;
  const only = { query: client.query.bind(client), release: () => undefined };
  const made = new Kysely<Tables>({
    dialect: new PostgresDialect({
      pool: { connect: async () => only, end: async () => undefined } as unknown as Pool,
    }),
  });
  onClients.set(client, made);
  return made;
}
