import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VendorError } from '../../src/errors.ts';
import { JobFailure } from '../../src/store/jobs/job-failure.ts';
import type { JobHandler, JobName } from '../../src/store/jobs/job-types.ts';
import { type Database, openDatabase } from '../../src/store/sql/database.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import { eventually } from '../helpers/eventually.ts';
import { attemptsOf, openJobs, QUICK, service } from '../helpers/jobs-on-database.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

let postgres: TestPostgres;
let home: string;
beforeAll(async () => {
  postgres = await startPostgres();
  home = await mkdtemp(join(tmpdir(), 'hearthline-jobs-'));
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

let unique = 0;
const newSid = () => `CA-job-${(unique += 1)}-${Date.now()}`;

describe.each(['server', 'embedded'] as const)('jobs: %s', (kind) => {
  let database: Database;
  beforeAll(async () => {
    const databaseUrl = kind === 'server' ? (await postgres.createDatabase()).url : undefined;
    database = await openDatabase({ databaseUrl, dataDir: join(home, kind) });
  }, 60_000);
  afterAll(() => database?.close());

  test('a job is there if and only if its cause is, and is done once', async () => {
    const { jobs } = openJobs(database);
    const done: string[] = [];
    jobs.work('notify', async ({ callSid }) => void done.push(callSid ?? ''));
    await jobs.start();
    const [kept, undone] = [newSid(), newSid()];
    const failed = database.withScope(service, async (tx) => {
      await jobs.enqueueIn(tx, 'notify', { callSid: undone });
      throw new Error('and then something failed');
    });
    await expect(failed).rejects.toThrow('and then something failed');
    await database.withScope(service, (tx) => jobs.enqueueIn(tx, 'notify', { callSid: kept }));
    await eventually(() => done.includes(kept), 5_000);
    await eventually(async () => (await jobs.depths()).notify.active === 0, 5_000);
    expect(done).toEqual([kept]);
    expect(await jobs.depths()).toMatchObject({ notify: { ready: 0, later: 0, active: 0 } });
    expect(jobs.figures().queues.notify).toMatchObject({ done: 1, failed: 0 });
  }, 30_000);

  test('a key makes it one job, however often, from wherever and while it runs it is sent', async () => {
    const { jobs } = openJobs(database);
    const [callSid, other] = [newSid(), newSid()];
    const done: string[] = [];
    jobs.work('transcript', async (data) => {
      done.push(data.callSid ?? '');
      if (data.callSid === callSid) await jobs.enqueue('transcript', data, { key: callSid });
    });
    await jobs.start();
    await Promise.all(
      Array.from({ length: 10 }, () => jobs.enqueue('transcript', { callSid }, { key: callSid })),
    );
    await eventually(() => done.includes(callSid), 5_000);
    await jobs.enqueue('transcript', { callSid }, { key: callSid });
    await jobs.enqueue('transcript', { callSid: other });
    await eventually(() => done.includes(other), 5_000);
    expect(done).toEqual([callSid, other]);
  }, 30_000);

  test('nobody but the service reaches the queue', async () => {
    const { jobs } = openJobs(database);
    await jobs.start();
    const id = uuidv7();
    for (const scope of [
      { kind: 'admin', adminId: id },
      { kind: 'caregiver', caregiverId: id },
      { kind: 'senior-call', seniorId: id },
    ] as const) {
      const read = database.withScope(scope, (tx) => sql`select * from pgboss.job`.execute(tx));
      await expect(read, scope.kind).rejects.toMatchObject({ code: '42501' });
      const sent = database.withScope(scope, (tx) => jobs.enqueueIn(tx, 'notify', {}));
      await expect(sent, scope.kind).rejects.toMatchObject({ code: '42501' });
    }
    const others = await database.withScope({ kind: 'caregiver', caregiverId: id }, (tx) =>
      tx.selectFrom('conversations').select('id').execute(),
    );
    expect(others).toEqual([]);
  }, 30_000);

  test('not before its time', async () => {
    const { jobs } = openJobs(database);
    const at: number[] = [];
    jobs.work('call-back', async () => void at.push(performance.now()));
    await jobs.start();
    const sentAt = performance.now();
    await jobs.enqueue('call-back', { callSid: newSid() }, { afterSeconds: 1 });
    expect((await jobs.depths())['call-back'].later).toBe(1);
    await eventually(() => at.length > 0, 5_000);
    expect((at[0] ?? 0) - sentAt).toBeGreaterThan(900);
  }, 30_000);

  test('tried again, with codes and no words in the book, until it is a dead letter; replayed, it is done', async () => {
    const secret = 'Zwetschgendatschi';
    const failures = [
      new VendorError('claude', 'overloaded', { cause: new Error(secret) }),
      new JobFailure('no-answer'),
      new Error(secret),
    ];
    let works = false;
    const { jobs, events } = openJobs(database, {
      policies: { memories: { ...QUICK, retries: 2 } },
    });
    const seen: { jobId: string; attempt: number; isLastAttempt: boolean }[] = [];
    jobs.work('memories', async (_data, { jobId, attempt, isLastAttempt }) => {
      seen.push({ jobId, attempt, isLastAttempt });
      const failure = failures[attempt - 1];
      if (!works && failure) throw failure;
    });
    await jobs.start();
    const callSid = newSid();
    await jobs.enqueue('memories', { callSid }, { key: callSid });
    await eventually(async () => (await jobs.dead()).length > 0, 15_000);
    const [jobId = ''] = seen.map((each) => each.jobId);
    expect(seen).toEqual([
      { jobId, attempt: 1, isLastAttempt: false },
      { jobId, attempt: 2, isLastAttempt: false },
      { jobId, attempt: 3, isLastAttempt: true },
    ]);
    const common = { instance: 'test', queue: 'memories', outcome: 'failed' };
    expect(await attemptsOf(database, jobId)).toEqual([
      { ...common, attempt: 1, error_code: 'claude-overloaded' },
      { ...common, attempt: 2, error_code: 'no-answer' },
      { ...common, attempt: 3, error_code: 'defect' },
    ]);
    const [dead, ...others] = await jobs.dead();
    expect(others).toEqual([]);
    expect(dead).toMatchObject({
      name: 'memories',
      data: { callSid },
      attempts: 3,
      errorCode: 'defect',
    });
    expect(dead!.diedAtMs).toBeGreaterThanOrEqual(dead!.createdAtMs);
    expect(await jobs.depths()).toMatchObject({ memories: { ready: 0, dead: 1 } });
    const { rows } = await database.jobQueue.executeSql(
      'select row_to_json(j)::text as row from pgboss.job j',
    );
    expect(JSON.stringify([rows, events])).not.toContain(secret);
    expect(events.filter((event) => event.kind === 'job-failed')).toEqual([
      expect.objectContaining({ code: 'claude-overloaded', isDead: false }),
      expect.objectContaining({ code: 'no-answer', isDead: false }),
      expect.objectContaining({ code: 'defect', isDead: true }),
    ]);

    works = true;
    expect(await jobs.replay('no id at all', 'command')).toBe(false);
    const replays = await Promise.all([1, 2, 3].map(() => jobs.replay(dead!.id, 'command')));
    expect(replays.filter(Boolean)).toEqual([true]);
    const audited = await database.withScope(service, (tx) =>
      tx.selectFrom('audit_log').selectAll().where('entity_id', '=', dead!.id).execute(),
    );
    expect(audited).toMatchObject([
      { actor_kind: 'admin', action: 'job.replay', detail: { way: 'command' } },
    ]);
    await eventually(() => seen.length === 4, 5_000);
    expect(seen[3]).toMatchObject({ attempt: 1, isLastAttempt: false });
    await eventually(() => jobs.figures().queues.memories.done === 1, 5_000);
    expect(await jobs.dead()).toEqual([]);
    expect(await jobs.replay(dead!.id, 'command')).toBe(false);
  }, 40_000);

  test('a handler that never ends is ended, and told to stop', async () => {
    const { jobs } = openJobs(database, {
      policies: { analysis: { ...QUICK, retries: 1, timeoutSeconds: 0.2 + 0.8 } },
    });
    const reasons: string[] = [];
    const ids: string[] = [];
    jobs.work('analysis', async (_data, { signal, jobId, attempt }) => {
      ids.push(jobId);
      if (attempt === 2) return;
      signal.addEventListener('abort', () => reasons.push((signal.reason as JobFailure).code));
      await new Promise(() => undefined);
    });
    await jobs.start();
    await jobs.enqueue('analysis', { callSid: newSid() });
    await eventually(() => jobs.figures().queues.analysis.done === 1, 10_000);
    expect(reasons).toEqual(['timeout']);
    expect(await attemptsOf(database, ids[0] ?? '')).toMatchObject([
      { attempt: 1, outcome: 'failed', error_code: 'timeout' },
      { attempt: 2, outcome: 'done', error_code: null },
    ]);
  }, 30_000);

  test('stopping ends in time, and hands back what is not done without counting the attempt', async () => {
    const { jobs } = openJobs(database);
    const seen: { jobId: string; attempt: number }[] = [];
    jobs.work('after-call', async (_data, { jobId, attempt, signal }) => {
      seen.push({ jobId, attempt });
      await sleep(60_000, undefined, { signal });
    });
    await jobs.start();
    await jobs.enqueue('after-call', { callSid: newSid() });
    await eventually(() => seen.length === 1, 5_000);
    const startedAt = performance.now();
    await jobs.stop(1_200);
    expect(performance.now() - startedAt).toBeLessThan(2_500);
    expect(jobs.figures().state).toBe('stopped');
    // What comes now is for the next one.
    const late = newSid();
    await jobs.enqueue('after-call', { callSid: late });

    const again = openJobs(database);
    const done: (string | undefined)[] = [];
    again.jobs.work('after-call', async ({ callSid }, { jobId, attempt }) => {
      if (callSid !== late) seen.push({ jobId, attempt });
      done.push(callSid);
    });
    await again.jobs.start();
    await eventually(() => seen.length === 2, 10_000);
    expect(seen[1]).toEqual(seen[0]);
    await eventually(() => again.jobs.figures().queues['after-call'].done === 2, 5_000);
    expect(done).toContain(late);
    expect(await attemptsOf(database, seen[0]?.jobId ?? '')).toMatchObject([
      { attempt: 1, outcome: 'done' },
    ]);
  }, 30_000);

  test('what there is no room for here waits, or is handed back, and no attempt counts', async () => {
    const { jobs } = openJobs(database, { policies: { 'call-back': { ...QUICK, retries: 0 } } });
    let hasRoom = false;
    let refusals = 3;
    const attempts: number[] = [];
    jobs.work(
      'call-back',
      async (_data, { attempt }) => {
        attempts.push(attempt);
        refusals -= 1;
        if (refusals >= 0) throw new JobFailure('no-room');
      },
      () => hasRoom,
    );
    const looked = Promise.withResolvers<void>();
    jobs.work('webhook', async () => looked.resolve());
    await jobs.start();
    await jobs.enqueue('call-back', { callSid: newSid() });
    await jobs.enqueue('webhook', { callSid: newSid() });
    await looked.promise;
    expect((await jobs.depths())['call-back']).toMatchObject({ ready: 1, active: 0 });
    hasRoom = true;
    await eventually(() => jobs.figures().queues['call-back'].done === 1, 10_000);
    expect(attempts).toEqual([1, 1, 1, 1]);
    expect(jobs.figures().queues['call-back']).toMatchObject({ failed: 0, dead: 0 });
  }, 30_000);

  test('never more at once than there is room for', async () => {
    const { jobs } = openJobs(database, { policies: { notify: { concurrency: 3 } } });
    let now = 0;
    let most = 0;
    let done = 0;
    const handler: JobHandler = async () => {
      now += 1;
      most = Math.max(most, now);
      await sleep(20);
      now -= 1;
      done += 1;
    };
    const names: JobName[] = ['notify', 'webhook', 'transcript'];
    for (const name of names) jobs.work(name, handler);
    await jobs.start();
    await Promise.all(
      names.flatMap((name) =>
        Array.from({ length: 8 }, () => jobs.enqueue(name, { callSid: newSid() })),
      ),
    );
    await eventually(() => done === 24, 20_000);
    expect(most).toBeGreaterThan(2);
    expect(most).toBeLessThanOrEqual(6);
  }, 40_000);
});
