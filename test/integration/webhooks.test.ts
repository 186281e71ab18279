/** The carrier's callbacks on two instances with one database: kept once, acted upon once. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
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
import { replayWebhook } from '../../src/store/sql/replay-webhook.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { ROOT } from '../helpers/repository.ts';
import { startPostgres, type TestDatabase, type TestPostgres } from '../helpers/postgres-server.ts';

const key = randomBytes(32);
let postgres: TestPostgres;
let home: string;
beforeAll(async () => {
  postgres = await startPostgres();
  home = await mkdtemp(join(tmpdir(), 'hearthline-webhooks-'));
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

type Instance = { readonly store: Store; readonly inbox: WebhookInbox };

type World = {
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
async function twoInstances({ onTestFinished }: TestContext): Promise<World> {
  const database = await postgres.createDatabase();
  const session = createMemorySessionStore();
  const world = { sessionsAway: false, slow: false };
  const acts: string[] = [];
  const lines: World['lines'] = [];
  const outcomes: World['outcomes'] = [];
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
  const [a, b] = await Promise.all([instance('a'), instance('b')]);
  return Object.assign(world, { database, a, b, acts, lines, outcomes });
}

const callback = (eventKey: string, path = '/live', body = 'Word=said&To=%2B15555550142') => ({
  provider: 'twilio',
  eventKey,
  path,
  body,
});

type Row = {
  id: string;
  event_key: string;
  state: string;
  attempts: number;
  error_code: string | null;
  body_sealed: Buffer;
};

async function ask<T extends object>(database: TestDatabase, query: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: database.adminUrl });
  await client.connect();
  try {
    return (await client.query<T>(query)).rows;
  } finally {
    await client.end();
  }
}

const rowsOf = (database: TestDatabase): Promise<Row[]> =>
  ask<Row>(database, 'select * from webhook_events order by event_key');

async function untilRows(
  database: TestDatabase,
  fit: (rows: Row[]) => boolean,
  withinMs = 10_000,
): Promise<Row[]> {
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

const allDone = (count: number) => (rows: Row[]) =>
  rows.length === count && rows.every((row) => row.state === 'done');

async function twentyTimes({ a, b }: World, webhook: ReturnType<typeof callback>) {
  return await Promise.all(
    Array.from({ length: 20 }, async (_, n) => (n % 2 === 0 ? a : b).inbox.take(webhook)),
  );
}

test.for(['/live', '/durable'])(
  'twenty copies at once on two instances: one row, one act (%s)',
  async (path, test) => {
    const world = await twoInstances(test);
    const kept = await twentyTimes(world, callback('CA1/2/completed', path));
    // A database that is slow for a moment has some of them wait on the disk.
    expect(kept.filter((where) => where !== 'database' && where !== 'spool')).toEqual([]);
    const [row] = await untilRows(world.database, allDone(1));
    expect(row).toMatchObject({ event_key: 'CA1/2/completed', attempts: 1 });
    expect(row?.body_sealed.includes('5555550142')).toBe(false);
    expect(world.acts).toEqual(['CA1/2/completed said']);
    // And much later, also on an instance that has forgotten.
    await world.a.inbox.take(callback('CA1/2/completed', path, 'Word=forged'));
    expect(await world.b.inbox.process({ provider: 'twilio', eventKey: 'CA1/2/completed' })).toBe(
      'elsewhere',
    );
    expect(world.acts).toHaveLength(1);
    expect(await rowsOf(world.database)).toHaveLength(1);
  },
);

test('a hundred different ones, five copies each, in any order: each once', async (test) => {
  const world = await twoInstances(test);
  const keys = Array.from({ length: 100 }, (_, n) => `CA${n}/1/ringing`);
  const copies = keys.flatMap((each) => Array.from({ length: 5 }, () => each));
  copies.sort(() => Math.random() - 0.5);
  await Promise.all(
    copies.map(async (each, n) => (n % 2 === 0 ? world.a : world.b).inbox.take(callback(each))),
  );
  // What was too much at once is left to the sweep.
  await untilRows(world.database, (rows) => rows.length === 100);
  await ask(world.database, `update webhook_events set received_at = now() - interval '1 min'`);
  await world.a.inbox.sweep();
  await untilRows(world.database, allDone(100));
  expect(new Set(world.acts.map((act) => act.split(' ')[0]))).toEqual(new Set(keys));
  expect(world.acts).toHaveLength(keys.length);
});

test.skipIf(process.env['TEST_DATABASE_URL'])(
  'with the database away the first copy acts, and nothing is done again when it is back',
  async (test) => {
    const world = await twoInstances(test);
    await twentyTimes(world, callback('CA1/0/initiated'));
    await untilRows(world.database, allDone(1));
    await postgres.stopServer('kill');
    try {
      const kept = await twentyTimes(world, callback('CA1/3/completed'));
      expect(new Set(kept)).toEqual(new Set(['spool']));
      await twentyTimes(world, callback('CA1/0/initiated'));
      await expect.poll(() => world.acts.length).toBe(2);
    } finally {
      await postgres.startServer();
    }
    await Promise.all([world.a.store.writer.flush(20_000), world.b.store.writer.flush(20_000)]);
    await ask(world.database, `update webhook_events set received_at = now() - interval '1 min'`);
    await Promise.all([world.a.inbox.sweep(), world.b.inbox.sweep()]);
    await untilRows(world.database, allDone(2));
    expect(world.acts).toEqual(['CA1/0/initiated said', 'CA1/3/completed said']);
  },
  60_000,
);

test.skipIf(process.env['TEST_DATABASE_URL'])(
  'with database and session store away every instance acts at most once, and not again later',
  async (test) => {
    const world = await twoInstances(test);
    world.sessionsAway = true;
    await postgres.stopServer('kill');
    try {
      await Promise.all(
        Array.from({ length: 20 }, async () => world.a.inbox.take(callback('CA1/3/completed'))),
      );
      await expect.poll(() => world.acts.length).toBe(1);
    } finally {
      await postgres.startServer();
    }
    await world.a.store.writer.flush(20_000);
    await ask(world.database, `update webhook_events set received_at = now() - interval '1 min'`);
    await world.a.inbox.sweep();
    await untilRows(world.database, allDone(1));
    expect(world.acts).toHaveLength(1);
  },
  60_000,
);

test('what was acted upon in vain while the database was slow is acted upon again, what worked is not', async (test) => {
  const world = await twoInstances(test);
  world.outcomes.push({ failed: 'no-such-call' });
  world.slow = true;
  expect(await world.a.inbox.take(callback('CA1/1/failed'))).toBe('spool');
  expect(await world.a.inbox.take(callback('CA1/2/worked'))).toBe('spool');
  await expect.poll(() => world.acts).toEqual(['CA1/1/failed said', 'CA1/2/worked said']);
  world.slow = false;
  // The copies get to the database, and another instance claims them there.
  for (const each of ['CA1/1/failed', 'CA1/2/worked']) {
    const webhook = { ...callback(each), receivedAtMs: Date.now() - 60_000 };
    await world.b.store.writer.write({ kind: 'webhook', webhook });
  }
  expect(await world.b.inbox.sweep()).toBe(2);
  expect(world.acts.slice(2)).toEqual(['CA1/1/failed said']);
  await untilRows(world.database, allDone(2));
});

test('what an instance had claimed when it died, and what it had only kept, another takes up', async (test) => {
  const world = await twoInstances(test);
  const { store } = world.a;
  const service = { kind: 'service' } as const;
  for (const each of ['CA1/claimed', 'CA1/kept', 'CA1/fresh']) {
    await store.writer.write({ kind: 'webhook', webhook: callback(each) });
  }
  const claimed = await store.database.withScope(service, (tx) =>
    store.webhooks.claim(tx, { provider: 'twilio', eventKey: 'CA1/claimed' }, 'dead'),
  );
  expect(claimed?.attempts).toBe(1);
  await ask(
    world.database,
    `update webhook_events set received_at = now() - interval '2 min',
       claimed_at = claimed_at - interval '2 min' where event_key <> 'CA1/fresh'`,
  );
  // Both at once; what has just come is still its receiver's.
  const swept = await Promise.all([world.a.inbox.sweep(), world.b.inbox.sweep()]);
  expect(swept.reduce((sum, count) => sum + count)).toBe(2);
  expect(world.acts.toSorted()).toEqual(['CA1/claimed said', 'CA1/kept said']);
  const rows = await rowsOf(world.database);
  expect(rows.map(({ state, attempts }) => [state, attempts])).toEqual([
    ['done', 2],
    ['received', 0],
    ['done', 1],
  ]);
});

test('what cannot be opened fails, and holds up nothing behind it', async (test) => {
  const world = await twoInstances(test);
  await ask(
    world.database,
    `insert into webhook_events (id, provider, event_key, path, body_sealed, received_at)
     select gen_random_uuid(), 'twilio', 'broken/' || n, '/live', '\\x00', now() - interval '1 min'
     from generate_series(1, 30) n`,
  );
  for (let n = 0; n < 120; n += 1) {
    await world.a.store.writer.write({
      kind: 'webhook',
      webhook: { ...callback(`CA${n}`), receivedAtMs: Date.now() - 30_000 },
    });
  }
  expect(await world.a.inbox.sweep()).toBe(150);
  expect(world.acts).toHaveLength(120);
  const failed = (await rowsOf(world.database)).filter(({ state }) => state === 'failed');
  expect(failed).toHaveLength(30);
  expect(new Set(failed.map((row) => row.error_code))).toEqual(new Set(['unreadable']));
});

test('a failed one is replayed under its key, acted upon again, and audited', async (test) => {
  const world = await twoInstances(test);
  world.outcomes.push({ failed: 'no-such-thing' });
  await world.a.inbox.take(callback('CA1/9/failed'));
  const [failed] = await untilRows(world.database, (rows) => rows[0]?.state === 'failed');
  expect(failed).toMatchObject({ attempts: 1, error_code: 'no-such-thing' });
  // A copy of it does not wake it up.
  await world.b.inbox.take(callback('CA1/9/failed'));
  expect(await world.b.inbox.sweep()).toBe(0);
  expect(world.acts).toHaveLength(1);

  const id = failed?.id ?? '';
  const twice = await Promise.all([
    replayWebhook(world.a.store, id, 'command'),
    replayWebhook(world.b.store, id, 'endpoint'),
  ]);
  expect(twice.filter((each) => each?.isReplayed)).toHaveLength(1);
  expect(await Promise.all([world.a.inbox.process(id), world.b.inbox.process(id)])).toEqual(
    expect.arrayContaining(['done', 'elsewhere']),
  );
  expect(world.acts).toEqual(['CA1/9/failed said', 'CA1/9/failed said']);
  expect((await rowsOf(world.database))[0]).toMatchObject({ state: 'done', attempts: 2 });
  expect(await replayWebhook(world.a.store, id, 'command')).toEqual({
    isReplayed: false,
    state: 'done',
  });
  const audited = await ask<{ actor_kind: string; action: string; entity_id: string }>(
    world.database,
    'select * from audit_log',
  );
  expect(audited).toHaveLength(1);
  expect(audited[0]).toMatchObject({
    actor_kind: 'admin',
    action: 'webhook.replay',
    entity_id: id,
  });
});

/** `npm run webhooks` without npm. */
async function operate(
  database: TestDatabase,
  ...args: string[]
): Promise<{ code: number; printed: { webhooks: { eventId: string }[]; said: string } }> {
  const env = { ...process.env, DATABASE_URL: database.url };
  const script = join(ROOT, 'scripts/webhooks.ts');
  const { code, stdout } = await promisify(execFile)(
    process.execPath,
    [script, ...args, '--json'],
    {
      env,
    },
  ).then(
    (done) => ({ code: 0, stdout: done.stdout }),
    (error: unknown) => error as { code: number; stdout: string },
  );
  return { code, printed: stdout === '' ? undefined : JSON.parse(stdout) };
}

test('an operator lists and replays by a command; the next sweep takes it up', async (test) => {
  const world = await twoInstances(test);
  world.outcomes.push({ failed: 'no-such-thing' });
  await world.a.inbox.take(callback('CA1/9/failed'));
  await untilRows(world.database, (rows) => rows[0]?.state === 'failed');
  const { code, printed } = await operate(world.database, 'list');
  expect(code).toBe(0);
  expect(printed.webhooks).toMatchObject([
    { eventKey: 'CA1/9/failed', errorCode: 'no-such-thing' },
  ]);
  const id = printed.webhooks[0]?.eventId ?? '';
  expect((await operate(world.database, 'replay', id)).code).toBe(0);
  expect((await operate(world.database, 'replay', id)).printed.said).toMatch(/has not failed/);
  await ask(world.database, `update webhook_events set received_at = now() - interval '1 min'`);
  expect(await world.b.inbox.sweep()).toBe(1);
  expect(world.acts).toHaveLength(2);
  expect((await operate(world.database, 'list')).printed.webhooks).toEqual([]);
  expect((await operate(world.database, 'replay', 'nonsense')).code).toBe(2);
}, 30_000);

test('what may work later is tried five times, and then it has failed', async (test) => {
  const world = await twoInstances(test);
  world.outcomes.push(...Array.from({ length: 5 }, () => ({ again: 'not-kept' })));
  await world.a.inbox.take(callback('SM1', '/durable'));
  for (let attempt = 2; attempt <= 5; attempt += 1) {
    const [row] = await untilRows(
      world.database,
      (rows) => rows[0]?.attempts === attempt - 1 && rows[0].state === 'received',
    );
    expect(row?.error_code).toBe('not-kept');
    await ask(world.database, `update webhook_events set received_at = now() - interval '1 min'`);
    await world.b.inbox.sweep();
  }
  await untilRows(world.database, (rows) => rows[0]?.state === 'failed');
  expect(world.acts).toHaveLength(5);
  const told = world.lines.filter(({ reason }) => reason === 'not-kept');
  expect(told).toHaveLength(5);
});

test('a handler that throws, and a path without one, fail by a code and tell nothing', async (test) => {
  const world = await twoInstances(test);
  world.outcomes.push(new Error('Margaret, +15555550142'));
  await world.a.inbox.take(callback('CA1/1'));
  await world.a.inbox.take(callback('CA1/2', '/nowhere'));
  const rows = await untilRows(
    world.database,
    (all) => all.length === 2 && all.every((row) => row.state === 'failed'),
  );
  expect(rows.map((row) => row.error_code)).toEqual(['defect', 'no-handler']);
  expect(JSON.stringify(world.lines)).not.toMatch(/Margaret|5555550142/);
});

test('a webhook that was answered is kept, and nobody acts on it', async (test) => {
  const world = await twoInstances(test);
  world.a.inbox.record(callback('CA1/answer'));
  world.b.inbox.record(callback('CA1/answer'));
  await untilRows(world.database, allDone(1));
  expect(await world.a.inbox.sweep()).toBe(0);
  expect(world.acts).toEqual([]);
});

test('it came when it came, however long it waited in the spool', async (test) => {
  const world = await twoInstances(test);
  const receivedAtMs = Date.now() - 90_000;
  await world.a.inbox.take({ ...callback('CA1/1/ringing'), receivedAtMs });
  await untilRows(world.database, allDone(1));
  const [row] = await ask<{ received_at: Date }>(world.database, 'select * from webhook_events');
  expect(row?.received_at.getTime()).toBe(receivedAtMs);
});
