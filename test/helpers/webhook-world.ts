/** Two instances that take the carrier's callbacks into one database, for tests. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestContext } from 'vitest';
import {
  createWebhookInbox,
  type WebhookHandler,
  type WebhookInbox,
  type WebhookOutcome,
} from '../../pipelines/webhooks.ts';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import { createLogger } from '../../src/log.ts';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import { StoreUnavailable } from '../../src/store/session-store.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import type { TestDatabase, TestPostgres } from './postgres-server.ts';

const key = randomBytes(32);

type Instance = { readonly store: Store; readonly inbox: WebhookInbox };

export type WebhookWorld = {
  readonly database: TestDatabase;
  readonly a: Instance;
  readonly b: Instance;
  /** What was acted upon, by any instance. */
  readonly acts: string[];
  /** Lines of the log. */
  readonly lines: { readonly message?: string; readonly reason?: string }[];
  /** How the next acts end; then 'done' again. */
  readonly outcomes: (WebhookOutcome | Error)[];
  /** The session store's marks are out of reach. */
  sessionsAway: boolean;
  /** The database is too slow for what is new: it goes to the spool. */
  slow: boolean;
};

/** Two instances with a spool each, one database and one session store. */
export async function twoInstances(
  postgres: TestPostgres,
  { onTestFinished }: TestContext,
): Promise<WebhookWorld> {
  const database = await postgres.createDatabase();
  const home = await mkdtemp(join(tmpdir(), 'hearthline-webhooks-'));
  const session = createMemorySessionStore();
  const world = { sessionsAway: false, slow: false };
  const acts: string[] = [];
  const lines: WebhookWorld['lines'] = [];
  const outcomes: WebhookWorld['outcomes'] = [];
  const log = createLogger('info', { write: (line: string) => void lines.push(JSON.parse(line)) });
  const handler = (isLive: boolean): WebhookHandler => ({
    isLive,
    act: (fields, { eventKey }) => {
      acts.push(`${eventKey} ${fields['Word'] ?? ''}`.trim());
      const outcome = outcomes.shift() ?? 'done';
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
  });
  const instance = async (name: string): Promise<Instance> => {
    const store = await openStore({
      databaseUrl: database.url,
      dataDir: await mkdtemp(join(home, `${name}-`)),
      encryptionKeys: [key],
      defaultManner: DEFAULT_MANNER,
    });
    const inbox = createWebhookInbox({
      kept: {
        ...store,
        writer: {
          write: async (write) => (world.slow ? 'spool' : await store.writer.write(write)),
        },
      },
      session: {
        seenOnce: async (mark, ttlMs) => {
          if (world.sessionsAway) throw new StoreUnavailable('seenOnce');
          return await session.seenOnce(mark, ttlMs);
        },
      },
      handlers: { '/live': handler(true), '/durable': handler(false) },
      instance: name,
      log,
    });
    onTestFinished(async () => {
      await inbox.close();
      await store.close();
    });
    return { store, inbox };
  };
  // Runs last, when both are closed.
  onTestFinished(async () => rm(home, { recursive: true, force: true }));
  const [a, b] = await Promise.all([instance('a'), instance('b')]);
  return Object.assign(world, { database, a, b, acts, lines, outcomes });
}

export const callback = (
  eventKey: string,
  path = '/live',
  body = 'Word=said&To=%2B15555550142',
) => ({
  provider: 'twilio',
  eventKey,
  path,
  body,
});

export type WebhookRow = {
  id: string;
  event_key: string;
  state: string;
  attempts: number;
  error_code: string | null;
  body_sealed: Buffer;
};

export async function ask<T extends object>(database: TestDatabase, query: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: database.adminUrl });
  await client.connect();
  try {
    return (await client.query<T>(query)).rows;
  } finally {
    await client.end();
  }
}

export const rowsOf = (database: TestDatabase): Promise<WebhookRow[]> =>
  ask<WebhookRow>(database, 'select * from webhook_events order by event_key');

export async function untilRows(
  database: TestDatabase,
  fit: (rows: WebhookRow[]) => boolean,
  withinMs = 10_000,
): Promise<WebhookRow[]> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const rows = await rowsOf(database);
    if (fit(rows)) return rows;
    if (Date.now() > deadline) {
      throw new Error(`rows: ${rows.map((r) => `${r.event_key} ${r.state}`).join(', ')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export const allDone = (count: number) => (rows: WebhookRow[]) =>
  rows.length === count && rows.every((row) => row.state === 'done');
