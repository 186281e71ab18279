/** The work after calls that are on file: what is kept, what is raised, who is rung. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest';
import type { LlmVendor } from '../../adapters/llm/port.ts';
import type { PlaceCallResult } from '../../pipelines/calls.ts';
import { DEFAULT_MANNER } from '../../src/companion/person.ts';
import { lateHooks } from '../../src/durable-jobs.ts';
import { type Jobs } from '../../src/store/jobs/job-types.ts';
import { createJobs } from '../../src/store/jobs/jobs.ts';
import { analysesIn } from '../../src/store/sql/analyses.ts';
import { openStore } from '../../src/store/store.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import {
  addCaregivers,
  ANALYSIS,
  hurry,
  isIdle,
  MEMORIES,
  openWorld as openWorldOn,
  SAID,
  scripted,
  type World,
  writesOf,
} from '../helpers/after-call-world.ts';
import { eventually } from '../helpers/eventually.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

const service = { kind: 'service' } as const;

let postgres: TestPostgres;
let home: string;
beforeAll(async () => {
  [postgres, home] = await Promise.all([
    startPostgres(),
    mkdtemp(join(tmpdir(), 'hearthline-after-call-')),
  ]);
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

async function openWorld(
  context: Pick<TestContext, 'onTestFinished'>,
  models: readonly LlmVendor[],
  place?: () => PlaceCallResult,
): Promise<World> {
  const { url } = await postgres.createDatabase();
  return await openWorldOn(context, { databaseUrl: url, home }, models, place);
}

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
