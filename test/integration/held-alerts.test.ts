/** Alerts in which somebody close is accused, and what an analysis adds to a call's alerts. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { raiseConcerns } from '../../pipelines/after-call/concerns.ts';
import { notify } from '../../pipelines/after-call/notify.ts';
import type { AfterCallEvent } from '../../pipelines/after-call/types.ts';
import type { Concern } from '../../src/companion/analysing.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import { alertsIn } from '../../src/store/sql/alerts.ts';
import { conversationsIn } from '../../src/store/sql/conversations.ts';
import { type Database, openDatabase } from '../../src/store/sql/database.ts';
import { heldAlerts } from '../../src/store/sql/held-alerts.ts';
import type { ScopedTransaction } from '../../src/store/sql/scoped-transaction.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import {
  type FamilyIds,
  insertStatement,
  newFamilyIds,
  TABLE_FIXTURES,
} from '../helpers/family-fixture.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';
import { ROOT } from '../helpers/repository.ts';
import { CompiledQuery } from 'kysely';

const key = randomBytes(32);
const sealer = createSealer([key]);
const conversations = conversationsIn(sealer);
const alerts = alertsIn(sealer);
const service = { kind: 'service' } as const;
const AT_MS = 1_795_000_000_000;

let postgres: TestPostgres;
let url: string;
let dataDir: string;
let database: Database;
beforeAll(async () => {
  postgres = await startPostgres();
  ({ url } = await postgres.createDatabase());
  dataDir = await mkdtemp(join(tmpdir(), 'hearthline-held-'));
  database = await openDatabase({ databaseUrl: url, dataDir });
}, 180_000);
afterAll(async () => {
  await database?.close();
  await postgres?.stop();
  if (dataDir) await rm(dataDir, { recursive: true, force: true });
});

const inService = <T>(work: (tx: ScopedTransaction) => Promise<T>): Promise<T> =>
  database.withScope(service, work);

/** A senior with a son, who is the first contact, and a daughter. */
async function family(): Promise<FamilyIds & { readonly daughterId: string }> {
  const ids = newFamilyIds();
  const daughterId = uuidv7();
  const insert = async (
    tx: ScopedTransaction,
    table: string,
    of: FamilyIds,
    change: object,
  ): Promise<void> => {
    const row = { ...TABLE_FIXTURES[table]!.row(of, true), ...change };
    const { text, values } = insertStatement(table, row);
    await tx.executeQuery(CompiledQuery.raw(text, values));
  };
  await inService(async (tx) => {
    for (const table of ['families', 'seniors', 'caregivers']) await insert(tx, table, ids, {});
    const daughter = { ...ids, caregiverId: daughterId };
    await insert(tx, 'caregivers', daughter, {});
    await insert(tx, 'care_links', ids, { contact_rank: 1 });
    await insert(tx, 'care_links', daughter, { contact_rank: 2 });
  });
  return { ...ids, daughterId };
}

let calls = 0;
const callOf = (seniorId: string) =>
  ({
    callSid: `CA-held-${(calls += 1)}`,
    seniorId,
    direction: 'inbound',
    startedAtMs: AT_MS,
  }) as const;

const turnOf = (heard: string) => ({
  speaker: 'caller' as const,
  turnKey: 't-1',
  revision: 0,
  kind: 'turn' as const,
  answers: undefined,
  heard,
  spoken: undefined,
  interrupted: false,
  happenedAtMs: AT_MS,
  timings: {},
});

const alertOf = (callSid: string, category: string, evidence: string) => ({
  alertKey: `${callSid}/t-1/${category}`,
  turnKey: 't-1',
  category,
  severity: 'high' as const,
  evidence,
  raisedAtMs: AT_MS,
  withheldFrom: [],
});

/** What a caregiver reads of a call. */
const readBy = (caregiverId: string, callSid: string) =>
  database.withScope({ kind: 'caregiver', caregiverId }, async (tx) => ({
    alerts: (await alerts.open(tx)).map(({ evidence }) => evidence),
    turns: (await conversations.turnsOf(tx, callSid)).map(({ heard }) => heard),
  }));

const idOf = (callSid: string) =>
  inService(async (tx) => (await conversations.byCallSid(tx, callSid))!.conversationId);

async function planned(callSid: string): Promise<AfterCallEvent[]> {
  const told: AfterCallEvent[] = [];
  const conversationId = await idOf(callSid);
  for (const { alertId } of await inService((tx) => alerts.ofConversation(tx, conversationId))) {
    await notify({ database, tell: (event) => void told.push(event) }, alertId);
  }
  return told;
}

/** `npm run alerts` without npm. */
async function operate(...args: string[]) {
  const script = join(ROOT, 'scripts/alerts.ts');
  const env = {
    ...process.env,
    DATABASE_URL: url,
    DATA_DIR: dataDir,
    ENCRYPTION_KEY: key.toString('hex'),
  };
  const ran = promisify(execFile)(process.execPath, [script, ...args, '--json'], { env });
  const { code = 0, stdout } = (await ran.catch(
    (error: unknown) => error as { code: number; stdout: string },
  )) as { code?: number; stdout: string };
  return {
    code,
    printed: JSON.parse(stdout === '' ? '{}' : stdout) as {
      said: string;
      alerts: { alertId: string; caregiverIds: string[] }[];
    },
  };
}

describe('an accusation', () => {
  const WORDS = 'My son hits me and takes my money.';

  test('goes to nobody and is read by no caregiver until one of us releases it, and never by the accused', async () => {
    const { seniorId, caregiverId: sonId, daughterId } = await family();
    const call = callOf(seniorId);
    await inService(async (tx) => {
      await conversations.putTurn(tx, call, turnOf(WORDS));
      await alerts.raise(tx, call, alertOf(call.callSid, 'abuse', WORDS));
    });
    expect(await planned(call.callSid)).toMatchObject([{ what: 'alert-held', severity: 'high' }]);
    for (const id of [sonId, daughterId]) {
      expect(await readBy(id, call.callSid)).toEqual({ alerts: [], turns: [] });
    }
    const listed = await operate('held');
    const mine = listed.printed.alerts.find(({ caregiverIds }) => caregiverIds.includes(sonId))!;
    expect(mine.caregiverIds).toEqual([sonId, daughterId]);
    expect((await operate('read', mine.alertId)).printed.said).toBe(WORDS);

    const released = await operate('release', mine.alertId, sonId);
    expect(released).toMatchObject({ code: 0, printed: { said: expect.stringMatching(/; 1 of/) } });
    expect(await operate('release', mine.alertId)).toMatchObject({ code: 1 });
    expect(await readBy(sonId, call.callSid)).toEqual({ alerts: [], turns: [] });
    expect(await readBy(daughterId, call.callSid)).toEqual({ alerts: [WORDS], turns: [WORDS] });
    const rows = await inService(async (tx) => ({
      deliveries: await tx
        .selectFrom('alert_deliveries')
        .select('caregiver_id')
        .where('alert_id', '=', mine.alertId)
        .execute(),
      audited: await tx
        .selectFrom('audit_log')
        .select('action')
        .where('entity_id', '=', mine.alertId)
        .orderBy('at')
        .execute(),
    }));
    expect(rows.deliveries).toEqual([{ caregiver_id: daughterId }]);
    expect(rows.audited).toEqual([{ action: 'alert.read' }, { action: 'alert.release' }]);
    expect((await operate('release', 'nonsense')).code).toBe(2);
  }, 60_000);

  test('of two in a call, one released: what was said stays withheld', async () => {
    const { seniorId, daughterId } = await family();
    const call = callOf(seniorId);
    await inService(async (tx) => {
      await conversations.putTurn(tx, call, turnOf(WORDS));
      await alerts.raise(tx, call, alertOf(call.callSid, 'abuse', WORDS));
      await alerts.raise(tx, call, {
        ...alertOf(call.callSid, 'fall', 'He threw me down.'),
        held: true,
      });
      await alerts.raise(tx, call, alertOf(call.callSid, 'dizziness', 'I feel so dizzy.'));
    });
    const held = (await inService(heldAlerts)).filter((each) => each.seniorId === seniorId);
    expect(held.map(({ category }) => category).sort()).toEqual(['abuse', 'fall']);
    // Who needs help for something else gets it.
    expect(await readBy(daughterId, call.callSid)).toEqual({
      alerts: ['I feel so dizzy.'],
      turns: [],
    });
    expect(await operate('release', held[0]!.alertId)).toMatchObject({ code: 0 });
    expect((await readBy(daughterId, call.callSid)).turns).toEqual([]);
    expect(await operate('release', held[1]!.alertId)).toMatchObject({ code: 0 });
    expect((await readBy(daughterId, call.callSid)).turns).toEqual([WORDS]);
  }, 60_000);

  test('told again by a spool after its release, it withholds nothing anew', async () => {
    const { seniorId, daughterId } = await family();
    const call = callOf(seniorId);
    const alert = alertOf(call.callSid, 'abuse', WORDS);
    await inService((tx) => alerts.raise(tx, call, alert));
    const [held] = (await inService(heldAlerts)).filter((each) => each.seniorId === seniorId);
    expect(await operate('release', held!.alertId)).toMatchObject({ code: 0 });
    expect(await inService((tx) => alerts.raise(tx, call, alert))).toBe(false);
    expect((await readBy(daughterId, call.callSid)).alerts).toEqual([WORDS]);
  }, 60_000);
});

describe('what an analysis finds', () => {
  const concern = (type: string, quote: string, severity: Concern['severity'] = 'high') => ({
    ...{ type, severity, quote },
    ...{ description: '', action: '' },
  });

  /** Alerts of a call as category, quote and whether it is held, after each of `rounds`. */
  async function after(live: readonly [string, string][], ...rounds: readonly Concern[][]) {
    const { seniorId } = await family();
    const call = callOf(seniorId);
    const queued: unknown[] = [];
    const jobs = { enqueueIn: async (...job: readonly unknown[]) => void queued.push(job) };
    await inService(async (tx) => {
      await conversations.start(tx, call);
      for (const [category, words] of live) {
        await alerts.raise(tx, call, alertOf(call.callSid, category, words));
      }
    });
    for (const concerns of rounds) {
      await inService(async (tx) => {
        const conversation = (await conversations.byCallSid(tx, call.callSid))!;
        await raiseConcerns({ alerts, jobs }, tx, { conversation, language: 'en' }, concerns);
      });
    }
    const conversationId = await idOf(call.callSid);
    const all = await inService((tx) => alerts.ofConversation(tx, conversationId));
    expect(queued).toHaveLength(all.length - live.length);
    return all.map(({ category, evidence, held }) => [category, evidence, held]).slice(live.length);
  }

  test('a swindle that only the model saw is not hidden by a fall that the rules saw', async () => {
    const swindle = concern('Scam', 'he wants me to buy gift cards');
    const fall = concern('fall', 'I fell');
    const again = concern('health', 'fell in the bathroom');
    expect(await after([['fall', 'I fell in the bathroom.']], [fall, again, swindle])).toEqual([
      ['scam', swindle.quote, false],
    ]);
  });

  test('neither trouble with the line nor a second look adds or takes anything', async () => {
    const knee = concern('health', 'my knee gave way');
    const live: [string, string][] = [['line-trouble', 'The connection was lost.']];
    expect(await after(live, [knee], [knee], [{ ...knee, type: 'safety' }])).toEqual([
      ['health', knee.quote, false],
    ]);
  });

  test('however much it finds, three alerts are enough, accusations among them', async () => {
    const many = ['mood', 'memory', 'nutrition', 'safety'].map((type) =>
      concern(type, `my ${type}`),
    );
    const found = await after([], many, [...many, concern('other', 'and more')]);
    expect(found).toHaveLength(3);
    const accused = await after([], [...many, concern('abuse', 'he was so rough')]);
    expect(accused[0]).toEqual(['abuse', 'he was so rough', true]);
    expect(accused.map(([, , held]) => held)).toEqual([true, true, true]);
  });

  test('an accusation is raised and held whatever it is called, and however mild it seems', async () => {
    for (const each of [
      concern('financial exploitation', 'he has my card', 'medium'),
      concern('elder-abuse', 'she is rough with me', 'low'),
      concern('safety', 'My son hits me.', 'medium'),
      concern('money', 'my nephew took all of my savings', 'medium'),
      { ...concern('scam', 'all gone'), description: 'Her daughter steals her pension.' },
    ]) {
      expect(await after([], [each])).toEqual([['abuse', each.quote, true]]);
    }
    // What is neither grave nor an accusation raises nothing.
    expect(await after([], [concern('mood', 'a little low', 'medium')])).toEqual([]);
    const kind = {
      ...concern('health', 'my hip'),
      description: 'Her daughter takes her to the doctor.',
    };
    expect(await after([], [kind])).toEqual([['health', 'my hip', false]]);
  });

  test('a fall that went to the family does not hide that somebody caused it', async () => {
    const words = 'He was angry and I fell.';
    expect(await after([['fall', words]], [concern('abuse', words)])).toEqual([
      ['abuse', words, true],
    ]);
  });
});
