/** What is in the database, read as its owner would read it: the judge of what was kept. */
import pg from 'pg';
import { createSealer } from '../../src/store/sealed-text.ts';
import type { TurnRecord } from '../../src/store/sql/conversation-types.ts';
import { conversationsIn } from '../../src/store/sql/conversations.ts';
import { openDatabase } from '../../src/store/sql/database.ts';
import type { TestDatabase } from '../helpers/postgres-server.ts';

export type JobRow = { readonly name: string; readonly state: string; readonly data: string };

export type Kept = {
  /** The turns of a call, opened, in the order they happened. */
  turnsOf(callSid: string): Promise<TurnRecord[]>;
  conversationOf(
    callSid: string,
  ): Promise<{ state: string; endReason: string | null; resumeCount: number } | undefined>;
  /** Jobs that name this call, whatever became of them. */
  jobsOf(callSid: string, name: string): Promise<JobRow[]>;
  memoriesOf(callSid: string): Promise<number>;
  webhooksOf(callSid: string): Promise<{ key: string; state: string; attempts: number }[]>;
  /** Work that is due and not done: webhooks and jobs. */
  backlog(): Promise<number>;
  close(): Promise<void>;
};

export async function openKept(database: TestDatabase, key: Uint8Array): Promise<Kept> {
  const opened = await openDatabase({
    databaseUrl: database.url,
    dataDir: '',
    maxConnections: 4,
    migrations: 'check',
  });
  const conversations = conversationsIn(createSealer([key]));
  const admin = new pg.Pool({ connectionString: database.adminUrl, max: 2 });
  // A server that is ended takes the idle connections with it.
  admin.on('error', () => undefined);
  const rows = async <T extends object>(text: string, values: unknown[] = []): Promise<T[]> =>
    (await admin.query<T & pg.QueryResultRow>(text, values)).rows;
  const hasJobs = async (): Promise<boolean> => {
    const [row] = await rows<{ there: boolean }>(
      `select to_regclass('pgboss.job') is not null as there`,
    );
    return row?.there === true;
  };
  return {
    turnsOf: async (callSid) =>
      await opened.withScope({ kind: 'service' }, (tx) => conversations.turnsOf(tx, callSid)),
    conversationOf: async (callSid) => {
      const [row] = await rows<{ state: string; end_reason: string | null; resume_count: number }>(
        'select state, end_reason, resume_count from conversations where call_sid = $1',
        [callSid],
      );
      return row && { state: row.state, endReason: row.end_reason, resumeCount: row.resume_count };
    },
    jobsOf: async (callSid, name) => {
      if (!(await hasJobs())) return [];
      return await rows<JobRow>(
        `select name, state::text, data::text from pgboss.job
         where name = $2 and (data::text like '%' || $1 || '%' or data::text like '%' ||
           coalesce((select id::text from conversations where call_sid = $1), 'none') || '%')`,
        [callSid, name],
      );
    },
    memoriesOf: async (callSid) => {
      const [row] = await rows<{ count: string }>(
        `select count(*) from memories m join conversations c on c.id = m.conversation_id
         where c.call_sid = $1`,
        [callSid],
      );
      return Number(row?.count ?? 0);
    },
    webhooksOf: async (callSid) =>
      await rows(
        `select event_key as key, state, attempts from webhook_events
         where event_key like '%' || $1 || '%'`,
        [callSid],
      ),
    backlog: async () => {
      const [webhooks] = await rows<{ count: string }>(
        `select count(*) from webhook_events where state in ('received', 'processing')`,
      );
      if (!(await hasJobs())) return Number(webhooks?.count ?? 0);
      const [jobs] = await rows<{ count: string }>(
        `select count(*) from pgboss.job
         where state::text = 'active' or (state::text = 'created' and start_after <= now())`,
      );
      return Number(webhooks?.count ?? 0) + Number(jobs?.count ?? 0);
    },
    close: async () => {
      await admin.end();
      await opened.close();
    },
  };
}
