/** Text messages and their replay, on the whole server with a real store. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import {
  MARGARET,
  OUR_NUMBER,
  postSigned,
  startEmulators,
  startLine,
  until,
  type Emulators,
  type LineOptions,
  type LineUnderTest,
} from '../helpers/line-under-test.ts';
import { startPostgres, type TestDatabase, type TestPostgres } from '../helpers/postgres-server.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';

const ADMIN_TOKEN = randomBytes(24).toString('hex');

let postgres: TestPostgres;
let emulators: Emulators;
let redis: TestRedis;
let home: string;
beforeAll(async () => {
  [postgres, emulators, redis] = await Promise.all([
    startPostgres(),
    startEmulators(),
    startRedis(),
  ]);
  home = await mkdtemp(join(tmpdir(), 'hearthline-messages-'));
}, 180_000);
afterAll(async () => {
  await Promise.all([postgres?.stop(), emulators?.close(), redis?.stop()]);
  if (home) await rm(home, { recursive: true, force: true });
});

const key = randomBytes(32).toString('hex');

async function instanceOn(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  database: TestDatabase,
  options: LineOptions = {},
): Promise<LineUnderTest> {
  const line = await startLine({
    emulators,
    keepsIn: await mkdtemp(join(home, 'data-')),
    ...options,
    env: { DATABASE_URL: database.url, ENCRYPTION_KEY: key, ADMIN_TOKEN, ...options.env },
  });
  onTestFinished(async () => line.close());
  await line.app.durability?.settled;
  return line;
}

async function rows<T extends object>(database: TestDatabase, query: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: database.adminUrl });
  await client.connect();
  try {
    return (await client.query<T>(query)).rows;
  } finally {
    await client.end();
  }
}

function message(body: string, from = MARGARET.phone): Record<string, string> {
  const sid = `SM${randomBytes(16).toString('hex')}`;
  return {
    MessageSid: sid,
    SmsSid: sid,
    AccountSid: `AC${'0'.repeat(32)}`,
    From: from,
    To: OUR_NUMBER,
    Body: body,
    NumMedia: '0',
    NumSegments: '1',
    ApiVersion: '2010-04-01',
  };
}

async function place(line: LineUnderTest): Promise<number> {
  const response = await fetch(`${line.url}/dev/call`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ to: MARGARET.phone }),
  });
  await response.text();
  return response.status;
}

describe('a text message', () => {
  it('that says stop: consent is withdrawn once, and nobody is called any more, at once', async (test) => {
    const database = await postgres.createDatabase();
    const shared = { redisUrl: redis.url };
    const [a, b] = [
      await instanceOn(test, database, shared),
      await instanceOn(test, database, shared),
    ];
    const form = message('Please stop calling me!');
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, n) =>
        postSigned(`${(n % 2 === 0 ? a : b).url}/messages/inbound`, form),
      ),
    );
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).toMatch(/<Response\s*\/>$/);
    }
    const knows = (line: LineUnderTest): boolean =>
      line.app.durability?.people.byPhone(MARGARET.phone).active === false;
    await until(() => knows(a) && knows(b), 2_000);
    expect(await place(a)).toBe(409);
    expect(await place(b)).toBe(409);
    expect(emulators.twilio.calls()).toEqual([]);
    // And when they have read it from the database.
    await expect.poll(async () => (await rows(database, 'select 1 from consents')).length).toBe(1);
    await Promise.all([a, b].map(async (line) => line.app.durability?.directory.refresh()));
    expect(await place(a)).toBe(409);
    expect(await place(b)).toBe(409);

    const consents = await rows<{ kind: string; state: string; source: string }>(
      database,
      'select * from consents',
    );
    expect(consents).toHaveLength(1);
    expect(consents[0]).toMatchObject({ kind: 'calls', state: 'withdrawn', source: 'senior' });
    const kept = await rows<{ meaning: string; senior_id: string; body_sealed: Buffer }>(
      database,
      'select * from messages',
    );
    expect(kept).toHaveLength(1);
    expect(kept[0]?.meaning).toBe('stop');
    expect(kept[0]?.senior_id).not.toBeNull();
    expect(kept[0]?.body_sealed.includes('stop')).toBe(false);
    const events = await rows<{ state: string; attempts: number; event_key: string }>(
      database,
      'select * from webhook_events',
    );
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ state: 'done', attempts: 1, event_key: form['MessageSid'] });
    const text = JSON.stringify([a.logLines, b.logLines]);
    expect(text).not.toMatch(/stop calling|5555550142/);

    // START gives no leave to call: nobody has said that they want to be called.
    await postSigned(`${a.url}/messages/inbound`, message('START'));
    await until(() => a.logLines.some((line) => line['what'] === 'start'), 2_000);
    await a.app.durability?.directory.refresh();
    expect(await place(a)).toBe(409);
  });

  it('that says something else is kept, whoever sent it', async (test) => {
    const database = await postgres.createDatabase();
    const line = await instanceOn(test, database);
    await postSigned(`${line.url}/messages/inbound`, message('My roses are out.'));
    await postSigned(`${line.url}/messages/inbound`, message('STOP', '+15555550999'));
    const all = () =>
      rows<{ meaning: string; senior_id: string | null }>(
        database,
        'select * from messages order by meaning',
      );
    await expect.poll(async () => (await all()).length).toBe(2);
    expect(await all()).toMatchObject([
      { meaning: 'other', senior_id: expect.any(String) as unknown },
      { meaning: 'stop', senior_id: null },
    ]);
    expect(await rows(database, 'select * from consents')).toEqual([]);
    expect(await place(line)).toBe(202);
  });

  it('without a sid, or unsigned, is nobody’s', async (test) => {
    const database = await postgres.createDatabase();
    const line = await instanceOn(test, database);
    const url = `${line.url}/messages/inbound`;
    const { MessageSid: _gone, ...nameless } = message('STOP');
    expect((await postSigned(url, nameless)).status).toBe(400);
    expect((await postSigned(url, message('STOP'), { signature: 'x' })).status).toBe(403);
    expect(await rows(database, 'select * from webhook_events')).toEqual([]);
    expect(line.app.durability?.people.byPhone(MARGARET.phone).active).toBe(true);
  });
});

describe('/admin', () => {
  const asAdmin = { authorization: `Bearer ${ADMIN_TOKEN}` };

  it('shows how webhooks fared, and replays one that failed', async (test) => {
    const database = await postgres.createDatabase();
    const line = await instanceOn(test, database);
    const sid = `CA${randomBytes(16).toString('hex')}`;
    // Signed, and yet no status at all.
    const form = { CallSid: sid, CallStatus: 'x'.repeat(50), SequenceNumber: '1' };
    expect((await postSigned(`${line.url}/voice/status`, form)).status).toBe(204);
    const failed = async () => {
      const response = await fetch(`${line.url}/admin/webhooks?state=failed`, { headers: asAdmin });
      expect(response.status).toBe(200);
      return ((await response.json()) as { webhooks: { eventId: string }[] }).webhooks;
    };
    await expect.poll(async () => (await failed()).length).toBe(1);
    const [event] = await failed();
    expect(event).toMatchObject({ path: '/voice/status', attempts: 1, errorCode: 'bad-form' });
    expect(JSON.stringify(event)).not.toContain('body');

    const replayOf = (id: string) =>
      fetch(`${line.url}/admin/webhooks/${id}/replay`, { method: 'POST', headers: asAdmin });
    const replayed = await replayOf(event?.eventId ?? '');
    expect(replayed.status).toBe(200);
    expect(await replayed.json()).toEqual({ eventId: event?.eventId, outcome: 'failed' });
    expect(await failed()).toMatchObject([{ attempts: 2 }]);
    const audited = await rows<{ action: string; entity_id: string }>(
      database,
      'select * from audit_log',
    );
    expect(audited).toMatchObject([{ action: 'webhook.replay', entity_id: event?.eventId }]);

    await postSigned(`${line.url}/voice/status`, { ...form, CallStatus: 'ringing' });
    const [done] = await expect
      .poll(() =>
        rows<{ id: string }>(database, `select id from webhook_events where state = 'done'`),
      )
      .toHaveLength(1)
      .then(() =>
        rows<{ id: string }>(database, `select id from webhook_events where state = 'done'`),
      );
    expect((await replayOf(done?.id ?? '')).status).toBe(409);
    expect((await replayOf('0190f3a0-0000-7000-8000-000000000000')).status).toBe(404);
    expect((await replayOf('nonsense')).status).toBe(404);
    const odd = await fetch(`${line.url}/admin/webhooks?state=odd`, { headers: asAdmin });
    expect(odd.status).toBe(400);
  });

  it('lets nobody in without its token, and is not there where none is set', async (test) => {
    const database = await postgres.createDatabase();
    const line = await instanceOn(test, database);
    const wrong = [
      undefined,
      'Bearer',
      `Bearer ${ADMIN_TOKEN}x`,
      `Basic ${ADMIN_TOKEN}`,
      ADMIN_TOKEN,
    ];
    for (const authorization of wrong) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      const response = await fetch(`${line.url}/admin/webhooks`, { headers });
      expect(response.status).toBe(401);
      expect(await response.text()).not.toContain('eventId');
    }
    const attempts = Array.from({ length: 100 }, async () =>
      fetch(`${line.url}/admin/webhooks`, { headers: { authorization: 'Bearer x' } }),
    );
    const statuses = (await Promise.all(attempts)).map(({ status }) => status);
    expect(statuses).toContain(429);
    expect(line.logLines.filter((each) => each['message'] === 'admin refused').length).toBeLessThan(
      70,
    );
    // Who has the token is let in all the same.
    expect((await fetch(`${line.url}/admin/webhooks`, { headers: asAdmin })).status).toBe(200);

    const without = await instanceOn(test, database, { env: { ADMIN_TOKEN: '' } });
    const gone = await fetch(`${without.url}/admin/webhooks`, { headers: asAdmin });
    expect(gone.status).toBe(404);
  });
});
