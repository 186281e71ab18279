/** The work after a call, on both databases: from an emulated call, and from calls on file. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import type { LlmEvent, LlmVendor } from '../../adapters/llm/port.ts';
import { afterCallHandlers } from '../../pipelines/after-call/steps.ts';
import type { AfterCall, AfterCallEvent } from '../../pipelines/after-call/types.ts';
import type { PlaceCallResult } from '../../pipelines/calls.ts';
import { LEXICAL_EMBEDDER } from '../../src/companion/lexical-embedding.ts';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import { lateHooks } from '../../src/durable-jobs.ts';
import { VendorError } from '../../src/errors.ts';
import type { DurableWrite } from '../../src/store/durable-writes.ts';
import { JOB_NAMES, type Jobs } from '../../src/store/jobs/job-types.ts';
import { createJobs } from '../../src/store/jobs/jobs.ts';
import { analysesIn } from '../../src/store/sql/analyses.ts';
import type { Database } from '../../src/store/sql/database.ts';
import { memoriesIn } from '../../src/store/sql/memories.ts';
import type { ScopedTransaction } from '../../src/store/sql/scoped-transaction.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import { eventually } from '../helpers/eventually.ts';
import { lineOn, speakLines, wholeCall, type Lines } from '../helpers/kept-call.ts';
import { greeted, hangUp, MARGARET } from '../helpers/line-under-test.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

const service = { kind: 'service' } as const;

let postgres: TestPostgres;
let home: string;
let lines: Lines;
beforeAll(async () => {
  [postgres, home, lines] = await Promise.all([
    startPostgres(),
    mkdtemp(join(tmpdir(), 'hearthline-after-call-')),
    speakLines(),
  ]);
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

/** Two caregivers, the second one first in rank. @returns their ids in the order of their rank. */
async function addCaregivers(tx: ScopedTransaction, familyId: string, seniorId: string) {
  const ids = [uuidv7(), uuidv7()];
  for (const [index, id] of ids.entries()) {
    await tx
      .insertInto('caregivers')
      .values({
        id,
        family_id: familyId,
        name_sealed: randomBytes(40),
        phone_sealed: index === 0 ? null : randomBytes(40),
        email_sealed: randomBytes(40),
        time_zone: 'Europe/Berlin',
        notify: JSON.stringify({ channel: 'sms' }),
      })
      .execute();
    await tx
      .insertInto('care_links')
      .values({
        id: uuidv7(),
        family_id: familyId,
        senior_id: seniorId,
        caregiver_id: id,
        contact_rank: index === 0 ? 2 : 1,
      })
      .execute();
  }
  return ids.toReversed();
}

async function rowsAfter(database: Database, conversationId: string) {
  return await database.withScope(service, async (tx) => {
    const of = 'conversation_id';
    return {
      analyses: await tx
        .selectFrom('analyses')
        .selectAll()
        .where(of, '=', conversationId)
        .execute(),
      memories: await tx
        .selectFrom('memories')
        .selectAll()
        .where(of, '=', conversationId)
        .execute(),
      steps: await tx
        .selectFrom('conversation_steps')
        .selectAll()
        .where(of, '=', conversationId)
        .orderBy('step')
        .execute(),
      deliveries: await tx
        .selectFrom('alert_deliveries')
        .innerJoin('alerts', 'alerts.id', 'alert_deliveries.alert_id')
        .selectAll('alert_deliveries')
        .where('alerts.conversation_id', '=', conversationId)
        .orderBy('step')
        .execute(),
      attempts: await tx.selectFrom('job_attempts').selectAll().orderBy('queue').execute(),
    };
  });
}

const isIdle = async (jobs: Jobs): Promise<boolean> =>
  Object.values(await jobs.depths()).every((each) => each.ready + each.active === 0);

describe.concurrent.each(['server', 'embedded'] as const)('after a whole call: %s', (kind) => {
  test('everything is there exactly once, and the next call knows what was told', async (context) => {
    const { expect } = context;
    const made = kind === 'server' ? await postgres.createDatabase() : undefined;
    const { line } = await lineOn(context, home, made?.url);
    const durability = line.app.durability!;
    const { store, jobs, directory } = durability;
    await durability.settled;
    const seniorId = directory.byPhone(MARGARET.phone)!.personId;
    const caregivers = await store.database.withScope(service, async (tx) => {
      const { family_id: familyId } = await tx
        .selectFrom('seniors')
        .select('family_id')
        .where('id', '=', seniorId)
        .executeTakeFirstOrThrow();
      return await addCaregivers(tx, familyId!, seniorId);
    });
    const leg = await wholeCall(line, lines);
    await hangUp(line, leg);
    expect(await durability.flush(20_000)).toBe(true);
    await eventually(() => jobs.figures().state === 'running', 20_000);
    await eventually(() => isIdle(jobs), 20_000);

    const conversation = await store.database.withScope(service, (tx) =>
      store.conversations.byCallSid(tx, leg.callSid),
    );
    expect(conversation?.state).toBe('ended');
    const after = await rowsAfter(store.database, conversation!.conversationId);
    expect(after.analyses).toMatchObject([{ version: 1, model: 'claude' }]);
    expect(after.steps).toMatchObject([
      { step: 'memories', figures: { added: after.memories.length, strengthened: 0 } },
      { step: 'notify', figures: { alerts: 1 } },
      { step: 'transcript', figures: { callerTurns: 4, interruptions: 1, callerWords: 24 } },
    ]);
    expect(after.memories.length).toBeGreaterThan(0);
    expect(after.deliveries).toMatchObject([
      { caregiver_id: caregivers[0], channel: 'sms', step: 1, state: 'pending' },
      { caregiver_id: caregivers[1], channel: 'email', step: 2, state: 'pending' },
    ]);
    const [first, second] = after.deliveries.map((each) => each.next_attempt_at!.getTime());
    expect(second! - first!).toBe(5 * 60_000);
    // Once for the alert in the call, once for the call.
    expect(after.attempts.map(({ queue, outcome }) => [queue, outcome])).toEqual([
      ['after-call', 'done'],
      ['analysis', 'done'],
      ['memories', 'done'],
      ['notify', 'done'],
      ['notify', 'done'],
      ['transcript', 'done'],
    ]);

    // Told again by a spool, the end of the call begins nothing anew.
    const call = { callSid: leg.callSid, seniorId, direction: 'inbound', startedAtMs: 1 } as const;
    await store.writer.write({
      kind: 'conversation-ended',
      call,
      endedAtMs: 2,
      reason: 'again',
    });
    await directory.refresh();
    expect(directory.byPhone(MARGARET.phone)?.facts.join()).toMatch(/fallen/);
    const again = await line.dial();
    await greeted(again);
    await again.say(lines.roses);
    await again.waitForWords(/the roses\?/);
    const asked = line.anthropic.log.all('request').at(-1);
    expect(JSON.stringify(asked?.system)).toContain('I have fallen and I cannot get up');
    expect(await rowsAfter(store.database, conversation!.conversationId)).toEqual(after);
  }, 90_000);
});

/** A model of ours that answers what the test says; undefined: it is down. */
function scripted(vendor: 'claude' | 'gemini', answer: () => string | undefined): LlmVendor {
  return {
    vendor,
    async *stream(): AsyncIterable<LlmEvent> {
      const text = answer();
      if (text === undefined) throw new VendorError(vendor, 'overloaded');
      yield { kind: 'text', text };
      const usage = { inputTokens: 1, cachedTokens: 0, cacheWriteTokens: 0, outputTokens: 1 };
      yield { kind: 'done', stop: 'end', usage };
    },
  };
}

const MEMORIES = JSON.stringify({
  memories: [
    {
      kind: 'relationship',
      text: 'Her sister is called Ruth.',
      importance: 70,
      quote: 'my sister Ruth',
    },
    {
      kind: 'event',
      text: 'The dentist is due.',
      importance: 60,
      quote: 'the dentist on Friday',
      date: '2026-11-27',
    },
    { kind: 'fact', text: 'She has won a car.', importance: 90, quote: 'I have won a car' },
    { kind: 'fact', text: 'Her card number is 4111 1111 1111 1111.', quote: 'my sister Ruth' },
  ],
});
const ANALYSIS = JSON.stringify({
  summary: 'They talked about Ruth.',
  sentiment: 'positive',
  topics: ['family'],
  engagement: 14,
  mood: 'cheerful',
  caregiverMessage: 'x'.repeat(400),
  concerns: [
    { type: 'health', severity: 'high', description: 'd', quote: 'my knee gave way', action: 'a' },
    { type: 'scam', severity: 'high', description: 'd', quote: 'nobody said this', action: 'a' },
  ],
  callQuality: 'good',
});

type World = {
  readonly store: Store;
  readonly jobs: Jobs;
  readonly seniorId: string;
  readonly familyId: string;
  readonly told: AfterCallEvent[];
  readonly placed: string[];
  readonly memories: AfterCall['memories'];
  write(...writes: DurableWrite[]): Promise<void>;
};

async function openWorld(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  models: readonly LlmVendor[],
  place: () => PlaceCallResult = () => ({ callSid: 'CA-placed' }),
): Promise<World> {
  const { url } = await postgres.createDatabase();
  const late: { jobs?: Jobs } = {};
  const store = await openStore({
    databaseUrl: url,
    dataDir: await mkdtemp(join(home, 'world-')),
    encryptionKeys: [randomBytes(32)],
    defaultManner: DEFAULT_MANNER,
    hooks: lateHooks(() => late.jobs),
  });
  const quick = { retryDelaySeconds: 0, retryDelayMaxSeconds: 1, retries: 2 };
  const jobs = createJobs({
    database: store.database,
    instance: 'test',
    pollMs: 50,
    policies: { memories: quick, analysis: quick, 'call-back': quick },
  });
  late.jobs = jobs;
  const told: AfterCallEvent[] = [];
  const placed: string[] = [];
  const memories = memoriesIn(store.sealer, LEXICAL_EMBEDDER);
  const { database, conversations, alerts, people } = store;
  const handlers = afterCallHandlers({
    ...{ database, conversations, alerts, people, jobs, memories, models },
    analyses: analysesIn(store.sealer),
    place: async (person) => {
      placed.push(person.personId);
      return place();
    },
    mayPlace: () => true,
    tell: (event) => void told.push(event),
  });
  for (const name of JOB_NAMES) if (handlers[name]) jobs.work(name, handlers[name]);
  onTestFinished(async () => {
    await jobs.stop(1_000);
    await store.close();
  });
  await jobs.start();
  const familyId = uuidv7();
  const seniorId = await database.withScope(service, async (tx) => {
    await tx
      .insertInto('families')
      .values({ id: familyId, name_sealed: randomBytes(40) })
      .execute();
    return await people.add(tx, {
      familyId,
      status: 'active',
      name: 'Erna',
      phone: '+4930123456',
      language: 'en',
      timeZone: 'Europe/Berlin',
      profile: { facts: [], people: [], followUps: [] },
      manner: {},
    });
  });
  const write = async (...writes: DurableWrite[]): Promise<void> => {
    for (const each of writes) expect(await store.writer.write(each)).toBe('database');
  };
  return { store, jobs, seniorId, familyId, told, placed, memories, write };
}

/** What is due later is due now. */
async function hurry({ store }: World): Promise<void> {
  await store.database.jobQueue.executeSql(
    `update pgboss.job set start_after = now() where state < 'active'`,
  );
}

function writesOf(callSid: string, seniorId: string | undefined, said: readonly string[]) {
  const call = { callSid, seniorId, direction: 'inbound', startedAtMs: 1_795_000_000_000 } as const;
  const turns = said.map((heard, n): DurableWrite => ({
    kind: 'turn',
    call,
    turn: {
      speaker: n % 2 === 0 ? 'caller' : 'companion',
      turnKey: `t-${n}`,
      revision: 0,
      kind: 'turn',
      answers: undefined,
      heard,
      spoken: undefined,
      interrupted: false,
      happenedAtMs: call.startedAtMs + n,
      timings: {},
    },
  }));
  const endedAtMs = call.startedAtMs + 60_000;
  const ended = { kind: 'conversation-ended', call, endedAtMs, reason: 'goodbye' } as const;
  return { call, turns, ended };
}

const SAID = [
  'Well, my sister Ruth rang, and I have the dentist on Friday.',
  'How nice. I have won a car.',
  'And my knee gave way, but only a little.',
];
describe('calls on file', () => {
  test('a call that ends before the queue is up waits in the spool, and is worked through once', async (context) => {
    const { url } = await postgres.createDatabase();
    const late: { jobs?: Jobs } = {};
    const store = await openStore({
      databaseUrl: url,
      dataDir: await mkdtemp(join(home, 'early-')),
      encryptionKeys: [randomBytes(32)],
      defaultManner: DEFAULT_MANNER,
      hooks: lateHooks(() => late.jobs),
    });
    const { call, turns, ended } = writesOf('CA-early', undefined, SAID);
    expect(await store.writer.write(turns[0]!)).toBe('database');
    expect(await store.writer.write(ended)).toBe('spool');
    expect(await store.writer.write(turns[1]!)).toBe('spool');
    const jobs = createJobs({ database: store.database, instance: 'test', pollMs: 50 });
    const done: (string | undefined)[] = [];
    jobs.work('after-call', async ({ callSid }) => void done.push(callSid));
    late.jobs = jobs;
    context.onTestFinished(async () => {
      await jobs.stop(1_000);
      await store.close();
    });
    expect(await store.writer.write({ kind: 'conversation-started', call })).toBe('spool');
    await jobs.start();
    expect(await store.writer.flush(10_000)).toBe(true);
    await eventually(() => jobs.figures().queues['after-call'].done === 1, 5_000);
    expect(done).toEqual(['CA-early']);
    const on = await store.database.withScope(service, (tx) =>
      store.conversations.turnsOf(tx, 'CA-early'),
    );
    expect(on).toHaveLength(2);
  }, 40_000);

  test('what a model makes up, or must not keep, is not kept; what is grave raises one alert', async (context) => {
    const model = scripted(
      'claude',
      () => `Here it is:
\`\`\`json
${MEMORIES}
\`\`\``,
    );
    const judge = scripted('gemini', () => ANALYSIS);
    const world = await openWorld(context, [model, judge]);
    const [caregiverId = ''] = await world.store.database.withScope(service, (tx) =>
      addCaregivers(tx, world.familyId, world.seniorId),
    );
    const { turns, ended } = writesOf('CA-one', world.seniorId, SAID);
    await world.write(...turns, ended);
    await eventually(() => world.told.length >= 3 && isIdle(world.jobs), 15_000);
    const kept = await world.store.database.withScope(service, (tx) =>
      world.memories.of(tx, world.seniorId),
    );
    expect(kept).toMatchObject([
      { kind: 'relationship', text: 'Her sister is called Ruth.', importance: 70 },
      { kind: 'event', text: 'The dentist is due.', happensOn: '2026-11-27' },
    ]);
    const { analysis, alerts } = await world.store.database.withScope(service, async (tx) => {
      const { conversationId } = (await world.store.conversations.byCallSid(tx, 'CA-one'))!;
      return {
        analysis: await analysesIn(world.store.sealer).latest(tx, conversationId),
        alerts: await world.store.alerts.open(tx),
      };
    });
    // The first model does not keep to the form, so the second one is asked.
    expect(analysis).toMatchObject({
      version: 1,
      model: 'gemini',
      content: { engagement: 10, concerns: [{ quote: 'my knee gave way' }] },
    });
    // Their own caregiver reads it all, the caregiver of somebody else nothing.
    for (const [id, sees] of [
      [caregiverId, true],
      [uuidv7(), false],
    ] as const) {
      const scope = { kind: 'caregiver', caregiverId: id } as const;
      const seen = await world.store.database.withScope(scope, async (tx) => {
        const conversation = await world.store.conversations.byCallSid(tx, 'CA-one');
        const id = conversation?.conversationId ?? uuidv7();
        return {
          memories: (await world.memories.of(tx, world.seniorId)).length > 0,
          analysis: (await analysesIn(world.store.sealer).latest(tx, id)) !== undefined,
          deliveries: (await tx.selectFrom('alert_deliveries').select('id').execute()).length > 0,
        };
      });
      expect(seen).toEqual({ memories: sees, analysis: sees, deliveries: sees });
    }
    const { caregiverMessage } = analysis!.content as { caregiverMessage: string };
    expect(caregiverMessage).toHaveLength(280);
    expect(alerts).toMatchObject([
      { alertKey: 'CA-one/analysis/health', evidence: 'my knee gave way' },
    ]);
    expect(world.told).toContainEqual(
      expect.objectContaining({ what: 'alert-deliveries-planned', plannedCount: 2 }),
    );
  }, 40_000);

  test('what comes of a call when it has been worked through is worked through as well', async (context) => {
    let asked = 0;
    const model = scripted('claude', () => ((asked += 1), MEMORIES));
    const world = await openWorld(context, [model, scripted('gemini', () => ANALYSIS)]);
    const { turns, ended } = writesOf('CA-late', world.seniorId, SAID);
    await world.write(turns[1]!, ended);
    await eventually(() => isIdle(world.jobs), 10_000);
    // Another instance's spool comes late.
    await world.write(turns[0]!, turns[2]!, turns[2]!);
    const { transcript, memories } = await world.jobs.depths();
    expect([transcript.later, memories.later]).toEqual([2, 2]);
    await hurry(world);
    asked = 0;
    await eventually(() => world.jobs.figures().queues.memories.done === 3, 10_000);
    // Of memories and analysis, each twice: both find all of it there; the second one finds it done,
    // or finds the same.
    expect(asked).toBeLessThanOrEqual(4);
    await eventually(() => isIdle(world.jobs), 10_000);
    const kept = await world.store.database.withScope(service, (tx) =>
      world.memories.of(tx, world.seniorId),
    );
    expect(kept).toHaveLength(2);
  }, 40_000);

  test('what is grave and comes late raises an alert, whether a model is there or only the rules', async (context) => {
    let isUp = true;
    const world = await openWorld(context, [
      scripted('gemini', () => (isUp ? ANALYSIS : undefined)),
    ]);
    const { database, conversations, alerts, sealer } = world.store;
    const analysisOf = (callSid: string) =>
      database.withScope(service, async (tx) => {
        const { conversationId } = (await conversations.byCallSid(tx, callSid))!;
        return await analysesIn(sealer).latest(tx, conversationId);
      });
    const alarms = async () =>
      (await database.withScope(service, (tx) => alerts.open(tx))).map(({ evidence }) => evidence);
    const texts = [...SAID, 'Right.', 'I want to kill myself.'];
    const { turns, ended } = writesOf('CA-grave', world.seniorId, texts);
    await world.write(...turns.slice(0, 2), ended);
    await eventually(() => world.jobs.figures().queues.analysis.done === 1, 10_000);
    expect(await analysisOf('CA-grave')).toMatchObject({ version: 1, model: 'gemini' });
    expect(await alarms()).toEqual([]);

    await world.write(turns[2]!);
    await hurry(world);
    await eventually(() => world.jobs.figures().queues.analysis.done === 2, 10_000);
    expect(await analysisOf('CA-grave')).toMatchObject({ version: 2, model: 'gemini' });
    expect(await alarms()).toEqual(['my knee gave way']);

    const other = writesOf('CA-rules', world.seniorId, texts);
    await world.write(...other.turns.slice(0, 2), other.ended);
    await eventually(() => world.jobs.figures().queues.analysis.done === 3, 10_000);
    isUp = false;
    await world.write(other.turns[4]!);
    await hurry(world);
    await eventually(async () => (await alarms()).length === 2, 10_000);
    expect(await alarms()).toContain('I want to kill myself.');
    // What the model said stays.
    expect(await analysisOf('CA-rules')).toMatchObject({ version: 1, model: 'gemini' });
  }, 40_000);

  test('the same told in a later call makes a memory weightier, not a second one', async (context) => {
    const visit = 'She has an appointment with Doctor Weber at the heart clinic in Bonn on';
    const texts = [`${visit} 27 November.`, `${visit} the 27 November!`, `${visit} 28 November.`];
    let n = -1;
    const model = scripted('claude', () => {
      n += 1;
      const text = texts[n] ?? '';
      return JSON.stringify({
        memories: [{ kind: 'fact', text, importance: 50, quote: 'my sister' }],
      });
    });
    const world = await openWorld(context, [model]);
    for (const callSid of ['CA-1', 'CA-2', 'CA-3']) {
      const { call, turns } = writesOf(callSid, world.seniorId, SAID);
      await world.write(...turns, { kind: 'memories-due', call }, { kind: 'memories-due', call });
      await eventually(() => isIdle(world.jobs), 10_000);
    }
    const kept = await world.store.database.withScope(service, (tx) =>
      world.memories.of(tx, world.seniorId),
    );
    expect(kept.map(({ text, importance }) => [text, importance])).toEqual([
      [texts[0], 60],
      // Nearer than any threshold, and another day: it is not taken for the same.
      [texts[2], 50],
    ]);
    expect(n).toBe(2);
  }, 40_000);

  test('every model down: rules say what they can, nothing is made up, and both are made good later', async (context) => {
    let isUp = false;
    const model = scripted('claude', () => (isUp ? MEMORIES : undefined));
    const world = await openWorld(context, [model, scripted('gemini', () => undefined)]);
    const { turns, ended } = writesOf('CA-down', world.seniorId, SAID);
    await world.write(...turns, ended);
    await eventually(async () => (await world.jobs.dead()).length === 1, 15_000);
    const [dead] = await world.jobs.dead();
    expect(dead).toMatchObject({
      name: 'memories',
      errorCode: 'no-model',
      data: { callSid: 'CA-down' },
    });
    expect(world.told.filter(({ what }) => what === 'call-analysed')).toMatchObject([
      { model: 'rules' },
    ]);
    const count = () =>
      world.store.database.withScope(
        service,
        async (tx) => (await world.memories.of(tx, world.seniorId)).length,
      );
    expect(await count()).toBe(0);
    isUp = true;
    expect(await world.jobs.replay(dead!.id, 'command')).toBe(true);
    await eventually(async () => (await count()) === 2, 10_000);
  }, 40_000);

  test('who does not want to be remembered is not, and of strangers nothing is', async (context) => {
    let asked = 0;
    const model = scripted('claude', () => ((asked += 1), MEMORIES));
    const world = await openWorld(context, [model]);
    await world.store.database.withScope(service, (tx) =>
      world.store.people.recordConsent(tx, world.seniorId, {
        kind: 'memory',
        state: 'withdrawn',
        source: 'senior',
        recordedBy: undefined,
        evidence: undefined,
      }),
    );
    for (const [callSid, seniorId] of [
      ['CA-no', world.seniorId],
      ['CA-who', undefined],
    ] as const) {
      const { call, turns } = writesOf(callSid, seniorId, SAID);
      await world.write(...turns, { kind: 'memories-due', call });
    }
    await eventually(() => isIdle(world.jobs), 10_000);
    expect(asked).toBe(0);
    expect(world.jobs.figures().queues.memories.done).toBe(2);
  }, 40_000);

  test('whoever was lost is rung once, and not where they may not be or are in touch', async (context) => {
    const world = await openWorld(context, []);
    const callBack = async (callSid: string): Promise<void> => {
      const done = world.jobs.figures().queues['call-back'].done;
      await world.jobs.enqueue('call-back', { callSid, seniorId: world.seniorId });
      await eventually(() => world.jobs.figures().queues['call-back'].done > done, 10_000);
    };
    const lose = async (callSid: string, minutesAgo: number): Promise<number> => {
      const startedAtMs = Date.now() - minutesAgo * 60_000;
      const { call: known, ended } = writesOf(callSid, world.seniorId, []);
      const call = { ...known, startedAtMs };
      const started = { kind: 'conversation-started', call } as const;
      await world.write(started, { ...ended, call }, { kind: 'call-back-due', call });
      return startedAtMs;
    };
    await lose('CA-night', 50);
    await callBack('CA-night');
    expect(world.placed).toEqual([]);
    const lostAtMs = await lose('CA-lost', 5);
    expect((await world.jobs.depths())['call-back'].later).toBe(2);
    await callBack('CA-lost');
    expect(world.placed).toEqual([world.seniorId]);
    // They are on the line again: a job that is done twice rings nobody twice.
    const again = writesOf('CA-again', world.seniorId, []);
    const call = { ...again.call, startedAtMs: lostAtMs + 70_000 };
    await world.write({ kind: 'conversation-started', call });
    await callBack('CA-lost');
    expect(world.placed).toHaveLength(1);
    await world.write({ ...again.ended, call });
    await world.store.database.withScope(service, (tx) =>
      world.store.people.recordConsent(tx, world.seniorId, {
        kind: 'calls',
        state: 'withdrawn',
        source: 'senior',
        recordedBy: undefined,
        evidence: undefined,
      }),
    );
    await callBack('CA-again');
    expect(world.placed).toHaveLength(1);
    expect(world.told.filter(({ what }) => what === 'call-back')).toMatchObject([
      { outcome: 'too-late' },
      { outcome: 'placed' },
      { outcome: 'in-touch' },
      { outcome: 'not-allowed' },
    ]);
  }, 40_000);
});
