/** Callbacks of the carrier that were acted upon in vain: how they fail, and come again. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { replayWebhook } from '../../src/store/sql/replay-webhook.ts';
import { ROOT } from '../helpers/repository.ts';
import { startPostgres, type TestDatabase, type TestPostgres } from '../helpers/postgres-server.ts';
import { ask, callback, rowsOf, twoInstances, untilRows } from '../helpers/webhook-world.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
}, 180_000);
afterAll(async () => await postgres?.stop());

test('what cannot be opened fails, and holds up nothing behind it', async (test) => {
  const world = await twoInstances(postgres, test);
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
  const world = await twoInstances(postgres, test);
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
  const world = await twoInstances(postgres, test);
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
  const world = await twoInstances(postgres, test);
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
  const world = await twoInstances(postgres, test);
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
