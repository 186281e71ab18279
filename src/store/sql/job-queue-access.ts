/**
 * The two doors through which the job queue (pg-boss) reaches the database: one for its own upkeep,
 * as the login role, and one into a scoped transaction, so that a job is enqueued together with what
 * caused it or not at all. Payloads of jobs are ids only; its tables have no row-level security.
 */
import { CompiledQuery } from 'kysely';
import type { Pool } from 'pg';
import { notReached, QueryRefused, translateError } from './database-errors.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

/** What pg-boss takes as its `db`. */
export type SqlExecutor = {
  executeSql(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ rows: Record<string, unknown>[] }>;
};

/** For `boss.send(name, data, { db })` inside `withScope({ kind: 'service' }, …)`. */
export function sqlExecutorOf(tx: ScopedTransaction): SqlExecutor {
  return {
    executeSql: async (text, values = []) => {
      const { rows } = await tx.executeQuery<Record<string, unknown>>(
        CompiledQuery.raw(text, [...values]),
      );
      return { rows };
    },
  };
}

/**
 * For the queue's own upkeep, as the login role. Several statements in one text give the rows of all
 * of them. Where one fails that had begun a transaction, the connection does not go back open.
 */
export function sqlExecutorOn(pool: Pool): SqlExecutor {
  return {
    executeSql: async (text, values = []) => {
      const client = await pool.connect().catch((error: unknown) => {
        throw notReached(error);
      });
      // A connection that is lost tells its query; without a listener it would end the process.
      const ignored = (): void => undefined;
      client.on('error', ignored);
      try {
        const results: Result | Result[] = await client.query(text, [...values]);
        client.release();
        return { rows: [results].flat().flatMap(({ rows }) => rows) };
      } catch (error) {
        client.release(/\bbegin\b/i.test(text) || !isAnswer(error));
        throw translateError(error);
      } finally {
        client.off('error', ignored);
      }
    },
  };
}

type Result = { readonly rows: Record<string, unknown>[] };

/** The server said no, so the connection itself is well. */
function isAnswer(error: unknown): boolean {
  return translateError(error) instanceof QueryRefused;
}

const NAME = /^[a-z][a-z0-9_]{0,62}$/;

/** @throws Error for anything but a plain name; it becomes part of a statement. */
export async function grantSchemaToService(pool: Pool, schema: string): Promise<void> {
  if (!NAME.test(schema)) throw new Error('not the name of a schema');
  await pool.query(
    `grant usage on schema ${schema} to hearthline_service;
     grant select, insert, update, delete on all tables in schema ${schema} to hearthline_service;
     grant usage on all sequences in schema ${schema} to hearthline_service;
     grant execute on all functions in schema ${schema} to hearthline_service`,
  );
}
