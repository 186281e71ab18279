/** The carrier's callbacks on two instances with one database: kept once, acted upon once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';
import {
  allDone,
  ask,
  callback,
  rowsOf,
  twoInstances,
  untilRows,
  type WebhookWorld,
} from '../helpers/webhook-world.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
}, 180_000);
afterAll(async () => await postgres?.stop());

async function twentyTimes({ a, b }: WebhookWorld, webhook: ReturnType<typeof callback>) {
  return await Promise.all(
    Array.from({ length: 20 }, async (_, n) => (n % 2 === 0 ? a : b).inbox.take(webhook)),
  );
}

test.for(['/live', '/durable'])(
  'twenty copies at once on two instances: one row, one act (%s)',
  async (path, test) => {
    const world = await twoInstances(postgres, test);
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
  const world = await twoInstances(postgres, test);
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
    const world = await twoInstances(postgres, test);
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
    const world = await twoInstances(postgres, test);
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
  const world = await twoInstances(postgres, test);
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
  const world = await twoInstances(postgres, test);
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

test('a webhook that was answered is kept, and nobody acts on it', async (test) => {
  const world = await twoInstances(postgres, test);
  world.a.inbox.record(callback('CA1/answer'));
  world.b.inbox.record(callback('CA1/answer'));
  await untilRows(world.database, allDone(1));
  expect(await world.a.inbox.sweep()).toBe(0);
  expect(world.acts).toEqual([]);
});

test('it came when it came, however long it waited in the spool', async (test) => {
  const world = await twoInstances(postgres, test);
  const receivedAtMs = Date.now() - 90_000;
  await world.a.inbox.take({ ...callback('CA1/1/ringing'), receivedAtMs });
  await untilRows(world.database, allDone(1));
  const [row] = await ask<{ received_at: Date }>(world.database, 'select * from webhook_events');
  expect(row?.received_at.getTime()).toBe(receivedAtMs);
});
