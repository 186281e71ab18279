import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompiledQuery, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import { alertsIn } from '../../src/store/sql/alerts.ts';
import { conversationsIn } from '../../src/store/sql/conversations.ts';
import { type Database, openDatabase } from '../../src/store/sql/database.ts';
import { QueryRefused } from '../../src/store/sql/database-errors.ts';
import { sqlExecutorOf } from '../../src/store/sql/job-queue-access.ts';
import { type NewSenior, peopleIn } from '../../src/store/sql/people.ts';
import { webhookEventsIn } from '../../src/store/sql/webhook-events.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

const sealer = createSealer([randomBytes(32)]);
const conversations = conversationsIn(sealer);
const alerts = alertsIn(sealer);
const webhooks = webhookEventsIn(sealer);
const people = peopleIn(sealer, DEFAULT_MANNER);
const service = { kind: 'service' } as const;

let postgres: TestPostgres;
let dataDir: string;
beforeAll(async () => {
  postgres = await startPostgres();
  dataDir = await mkdtemp(join(tmpdir(), 'hearthline-sql-'));
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

let unique = 0;
const newSid = () => `CA${(unique += 1)}x${Date.now()}`;
const newPhone = () => `+4930${String(1_000_000 + (unique += 1))}`;

describe.each(['server', 'embedded'] as const)('the repositories: %s', (kind) => {
  let database: Database;
  beforeAll(async () => {
    const databaseUrl = kind === 'server' ? (await postgres.createDatabase()).url : undefined;
    database = await openDatabase({ databaseUrl, dataDir, transactionTimeoutMs: 20_000 });
  }, 60_000);
  afterAll(() => database?.close());

  const senior = (change: Partial<NewSenior> = {}): NewSenior => ({
    familyId: undefined,
    status: 'prospect',
    name: 'Erna',
    phone: newPhone(),
    language: 'en',
    timeZone: 'Europe/Berlin',
    profile: { facts: ['She has a cat called Mitzi.'], people: [], followUps: ['the dentist'] },
    manner: { speechSpeed: 0.8 },
    ...change,
  });
  const callOf = (callSid: string, seniorId?: string) => ({
    callSid,
    seniorId,
    direction: 'inbound' as const,
    startedAtMs: 1_700_000_000_000,
  });
  const turn = (n: number, change: object = {}) => ({
    speaker: 'caller' as const,
    turnKey: `turn-${n}`,
    revision: 0,
    kind: 'turn' as const,
    answers: undefined,
    heard: `words ${n}`,
    spoken: undefined,
    interrupted: false,
    happenedAtMs: 1_700_000_000_000 + n,
    timings: { lagMs: n },
    ...change,
  });

  test('somebody is found by number, with all that a call needs, in one query', async () => {
    const erna = senior();
    const id = await database.withScope(service, (tx) => people.add(tx, erna));
    await database.withScope(service, async (tx) => {
      for (const [importance, text] of [
        [40, 'She likes rain.'] as const,
        [90, 'Her knee hurts.'] as const,
      ]) {
        const memoryId = uuidv7();
        await tx
          .insertInto('memories')
          .values({
            id: memoryId,
            senior_id: id,
            kind: 'fact',
            importance,
            text_sealed: sealer.seal(
              { table: 'memories', row: memoryId, column: 'text_sealed' },
              text,
            ),
            text_fingerprint: sealer.fingerprint('memories.text', text),
          })
          .execute();
      }
      await conversations.start(tx, callOf(newSid(), id));
    });
    for (const scope of [service, { kind: 'senior-call', seniorId: id } as const]) {
      const found = await database.withScope(scope, (tx) => people.byPhone(tx, erna.phone));
      expect(found).toEqual({
        status: 'prospect',
        spoiltMemories: 0,
        callConsent: undefined,
        lastCallAtMs: 1_700_000_000_000,
        memories: [
          expect.objectContaining({ text: 'Her knee hurts.', importance: 90 }),
          expect.objectContaining({ text: 'She likes rain.', importance: 40 }),
        ],
        person: {
          personId: id,
          name: 'Erna',
          phone: erna.phone,
          language: 'en',
          timeZone: 'Europe/Berlin',
          ...erna.profile,
          active: true,
          manner: { ...DEFAULT_MANNER, speechSpeed: 0.8 },
        },
      });
    }
    const stranger = await database.withScope(service, (tx) => people.byPhone(tx, newPhone()));
    expect(stranger).toBeUndefined();
  });

  test('case 72: "stop calling me" holds from the next question on, and so does taking it back', async () => {
    const id = await database.withScope(service, (tx) => people.add(tx, senior()));
    const call = { kind: 'senior-call', seniorId: id } as const;
    const consent = { kind: 'calls', source: 'senior', recordedBy: undefined } as const;
    for (const state of ['given', 'withdrawn', 'given', 'withdrawn'] as const) {
      await database.withScope(call, (tx) =>
        people.recordConsent(tx, id, { ...consent, state, evidence: 'do not call me' }),
      );
      const found = await database.withScope(call, (tx) => people.byId(tx, id));
      expect(found).toMatchObject({ callConsent: state, person: { active: state === 'given' } });
    }
  });

  test('nobody can have the number of another, and the error does not say which it was', async () => {
    const erna = senior();
    await database.withScope(service, (tx) => people.add(tx, erna));
    const again = database.withScope(service, (tx) =>
      people.add(tx, senior({ phone: erna.phone })),
    );
    const error = await again.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(QueryRefused);
    expect(error).toMatchObject({ code: '23505', table: 'seniors' });
    expect(JSON.stringify(error) + String(error) + (error as Error).stack).not.toContain('\\x');
    expect((error as Error).cause).toBeUndefined();
  });

  test('a turn told twice, late and out of order is there once, in its newest form', async () => {
    const call = callOf(newSid());
    const tell = (one: ReturnType<typeof turn>) =>
      database.withScope(service, (tx) => conversations.putTurn(tx, call, one));
    await tell(turn(2));
    await tell(turn(1, { revision: 3, heard: 'newest' }));
    await tell(turn(1, { revision: 2, heard: 'older' }));
    await tell(turn(1, { revision: 3, heard: 'newest' }));
    await Promise.all(Array.from({ length: 8 }, () => tell(turn(3))));
    const said = turn(4, {
      speaker: 'companion',
      spoken: 'all of it',
      heard: 'all',
      answers: 'turn-3',
    });
    await tell({ ...said, interrupted: true });
    const turns = await database.withScope(service, (tx) =>
      conversations.turnsOf(tx, call.callSid),
    );
    expect(turns).toEqual([
      turn(1, { revision: 3, heard: 'newest' }),
      turn(2),
      turn(3),
      { ...said, interrupted: true },
    ]);
  });

  test('a call ends once; what comes after it is still written down', async () => {
    const call = callOf(newSid());
    const ends = await Promise.all(
      [1, 2, 3, 4].map((n) =>
        database.withScope(service, (tx) =>
          conversations.end(tx, call, { endedAtMs: 1_700_000_100_000 + n, reason: `r${n}` }),
        ),
      ),
    );
    expect(ends.filter(Boolean)).toEqual([true]);
    await database.withScope(service, (tx) => conversations.putTurn(tx, call, turn(1)));
    await database.withScope(service, (tx) => conversations.resumed(tx, call, { resumeCount: 2 }));
    await database.withScope(service, (tx) => conversations.resumed(tx, call, { resumeCount: 1 }));
    const found = await database.withScope(service, (tx) =>
      conversations.byCallSid(tx, call.callSid),
    );
    expect(found).toMatchObject({ state: 'ended', resumeCount: 2, seniorId: undefined });
  });

  test('a call of one senior cannot be written into from the call of another', async () => {
    const [erna, karl] = await database.withScope(service, async (tx) => [
      await people.add(tx, senior()),
      await people.add(tx, senior()),
    ]);
    const call = callOf(newSid(), erna);
    await database.withScope({ kind: 'senior-call', seniorId: erna }, (tx) =>
      conversations.putTurn(tx, call, turn(1)),
    );
    const foreign = { kind: 'senior-call', seniorId: karl } as const;
    const written = database.withScope(foreign, (tx) => conversations.putTurn(tx, call, turn(2)));
    await expect(written).rejects.toMatchObject({ code: '42501' });
    expect(
      await database.withScope(foreign, (tx) => conversations.turnsOf(tx, call.callSid)),
    ).toEqual([]);
  });

  test('an alert that is raised twenty times at once is one alert, acknowledged once', async () => {
    const call = callOf(newSid());
    const alert = {
      alertKey: `${call.callSid}/turn-1/health`,
      turnKey: 'turn-1',
      category: 'health',
      severity: 'high' as const,
      evidence: 'I fell in the bathroom yesterday',
      raisedAtMs: 1_700_000_000_500,
      withheldFrom: [],
    };
    const raised = await Promise.all(
      Array.from({ length: 20 }, () =>
        database.withScope(service, (tx) => alerts.raise(tx, call, alert)),
      ),
    );
    expect(raised.filter(Boolean)).toEqual([true]);
    const open = await database.withScope(service, (tx) => alerts.open(tx, 1_000));
    const [mine, ...others] = open.filter((each) => each.alertKey === alert.alertKey);
    expect(others).toEqual([]);
    expect(mine).toMatchObject({ ...alert, state: 'open' });
    const acknowledged = await Promise.all(
      [1, 2, 3].map((n) =>
        database.withScope(service, (tx) => alerts.acknowledge(tx, mine!.alertId, n, undefined)),
      ),
    );
    expect(acknowledged.filter(Boolean)).toEqual([true]);
  });

  test('case 60: the same webhook twenty times at once has one effect', async () => {
    const webhook = {
      provider: 'twilio',
      eventKey: `${newSid()}/1`,
      path: '/voice/status',
      body: 'From=%2B4930123456&CallStatus=completed',
    };
    let effects = 0;
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_each, n) => {
        const { eventId } = await database.withScope(service, (tx) => webhooks.record(tx, webhook));
        const event = await database.withScope(service, (tx) =>
          webhooks.claim(tx, eventId, `instance-${n % 2}`),
        );
        if (event === undefined) return eventId;
        expect(event).toMatchObject({ ...webhook, attempts: 1, state: 'processing' });
        effects += 1;
        expect(await database.withScope(service, (tx) => webhooks.finish(tx, event, 'done'))).toBe(
          true,
        );
        return eventId;
      }),
    );
    expect(effects).toBe(1);
    expect(new Set(answers).size).toBe(1);
  });

  test('a failed webhook can be replayed under its key, a dead owner loses its claim', async () => {
    const webhook = { provider: 'twilio', eventKey: newSid(), path: '/voice/amd', body: 'x=1' };
    const inService = <T>(work: Parameters<typeof database.withScope<T>>[1]) =>
      database.withScope(service, work);
    const { eventId } = await inService((tx) => webhooks.record(tx, webhook));
    const first = await inService((tx) => webhooks.claim(tx, eventId, 'a'));
    expect(await inService((tx) => webhooks.claim(tx, eventId, 'b'))).toBeUndefined();
    // Its owner died more than a minute ago.
    await inService((tx) =>
      tx
        .updateTable('webhook_events')
        .set({ claimed_at: sql<Date>`now() - interval '2 minutes'` })
        .where('id', '=', eventId)
        .execute(),
    );
    expect(await inService((tx) => webhooks.unfinished(tx))).toContain(eventId);
    const second = await inService((tx) => webhooks.claim(tx, eventId, 'b'));
    expect(second?.attempts).toBe(2);
    // The first was not dead after all: it comes too late.
    expect(await inService((tx) => webhooks.finish(tx, first!, 'done'))).toBe(false);
    expect(await inService((tx) => webhooks.finish(tx, second!, { failed: 'no-call' }))).toBe(true);
    expect(await inService((tx) => webhooks.claim(tx, eventId, 'c'))).toBeUndefined();
    expect(await inService((tx) => webhooks.unfinished(tx))).not.toContain(eventId);
    expect(await inService((tx) => webhooks.unfinished(tx, { withFailed: true }))).toContain(
      eventId,
    );
    expect(await inService((tx) => webhooks.replay(tx, eventId))).toBe(true);
    expect(await inService((tx) => webhooks.replay(tx, eventId))).toBe(false);
    const third = await inService((tx) => webhooks.claim(tx, eventId, 'c'));
    expect(third?.attempts).toBe(3);
    expect(await inService((tx) => webhooks.finish(tx, third!, 'done'))).toBe(true);
  });

  test('no word, name or number stands in the clear in any column of any table', async () => {
    const spoken = ['Zwetschgendatschi', 'Gundelfingen', '4917099887766'];
    await database.withScope(service, async (tx) => {
      const id = await people.add(tx, senior({ name: spoken[1]!, phone: `+${spoken[2]}` }));
      const call = callOf(newSid(), id);
      await conversations.putTurn(tx, call, turn(1, { heard: spoken[0]!, spoken: spoken[0]! }));
      await webhooks.record(tx, { provider: 't', eventKey: newSid(), path: '/', body: spoken[2]! });
    });
    const found = await database.withScope(service, async (tx) => {
      const texts: string[] = [];
      for (const table of ['seniors', 'turns', 'conversations', 'webhook_events']) {
        const { rows } = await tx.executeQuery(
          CompiledQuery.raw(`select row_to_json(t)::text as row from ${table} t`),
        );
        texts.push(JSON.stringify(rows));
      }
      return texts.join('');
    });
    for (const word of spoken) {
      expect(found).not.toContain(word);
      expect(found).not.toContain(Buffer.from(word).toString('hex'));
    }
  });

  test('a job is enqueued together with what caused it, or not at all', async () => {
    const { PgBoss } = await import('pg-boss');
    const boss = new PgBoss({ db: database.jobQueue, supervise: false, schedule: false });
    await boss.start();
    await boss.createQueue('after-call');
    await database.allowServiceIn('pgboss');
    // It looks a queue up once, on a connection of its own; inside a transaction of the embedded
    // database that would wait for the transaction to end.
    expect(await boss.fetch('after-call')).toEqual([]);
    const failed = database.withScope(service, async (tx) => {
      await boss.send('after-call', { n: 1 }, { db: sqlExecutorOf(tx) });
      throw new Error('and then something failed');
    });
    await expect(failed).rejects.toThrow('and then something failed');
    expect(await boss.fetch('after-call')).toEqual([]);
    await database.withScope(service, (tx) =>
      boss.send('after-call', { n: 2 }, { db: sqlExecutorOf(tx) }),
    );
    const jobs = await boss.fetch<{ n: number }>('after-call');
    expect(jobs.map((job) => job.data)).toEqual([{ n: 2 }]);
    await boss.stop({ graceful: false });
  }, 60_000);
});
