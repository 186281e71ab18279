import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/store/sql/database.ts';
import { DatabaseUnavailable } from '../../src/store/sql/database-errors.ts';
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

test('two instances and two hundred jobs: each is done once', async () => {
  const { url } = await postgres.createDatabase();
  const databases = await Promise.all(
    [1, 2].map(() => openDatabase({ databaseUrl: url, dataDir: home })),
  );
  const done = new Map<string, number>();
  const by = [0, 0];
  const all = databases.map((database, index) => {
    const { jobs } = openJobs(database, {
      instance: `instance-${index}`,
      policies: { notify: { concurrency: 4 } },
    });
    jobs.work('notify', async ({ callSid = '' }) => {
      await sleep(2);
      by[index] = (by[index] ?? 0) + 1;
      done.set(callSid, (done.get(callSid) ?? 0) + 1);
    });
    return jobs;
  });
  // Both at once on a database that has no queue yet.
  await Promise.all(all.map((jobs) => jobs.start()));
  const [first] = all;
  await databases[0]!.withScope(service, async (tx) => {
    for (let n = 0; n < 200; n += 1) await first!.enqueueIn(tx, 'notify', { callSid: `CA${n}` });
  });
  await eventually(() => done.size === 200, 30_000);
  await eventually(async () => (await first!.depths()).notify.active === 0, 5_000);
  expect([...done.values()].filter((times) => times !== 1)).toEqual([]);
  expect(Math.min(...by)).toBeGreaterThan(20);
  await Promise.all(all.map((jobs) => jobs.stop(1_000)));
  await Promise.all(databases.map((database) => database.close()));
}, 60_000);

test('the database away at the start and in between: it comes back by itself, and nothing is lost', async () => {
  const { url } = await postgres.createDatabase();
  await postgres.stopServer('fast');
  const database = await openDatabase({ databaseUrl: url, dataDir: home, whenAway: 'start' });
  const { jobs, events } = openJobs(database, { superviseSeconds: 1, policies: { notify: QUICK } });
  const done: string[] = [];
  const gate = Promise.withResolvers<void>();
  jobs.work('notify', async ({ callSid = '' }) => {
    if (callSid === 'CA-during') await gate.promise;
    done.push(callSid);
  });
  const starting = jobs.start();
  await expect(jobs.enqueue('notify', { callSid: 'CA-0' })).rejects.toThrow(DatabaseUnavailable);
  await eventually(() => events.length > 0, 5_000);
  expect(events).toEqual([{ kind: 'jobs-away', code: 'database-away' }]);
  expect(jobs.figures().state).toBe('starting');
  await postgres.startServer();
  await starting;
  await jobs.enqueue('notify', { callSid: 'CA-1' });
  await eventually(() => done.includes('CA-1'), 5_000);

  await jobs.enqueue('notify', { callSid: 'CA-during' });
  await eventually(() => jobs.figures().active === 1, 5_000);
  await postgres.stopServer('kill');
  await eventually(() => jobs.figures().state === 'away', 10_000);
  gate.resolve();
  await sleep(300);
  await postgres.startServer();
  await eventually(() => jobs.figures().state === 'running', 20_000);
  await jobs.enqueue('notify', { callSid: 'CA-2' });
  await eventually(() => done.includes('CA-2'), 10_000);
  // Its end could be told after all: it was not done twice.
  await eventually(async () => (await jobs.depths()).notify.active === 0, 20_000);
  expect(done.filter((callSid) => callSid === 'CA-during')).toHaveLength(1);
  await jobs.stop(1_000);
  await database.close();
}, 90_000);

const SCRIPT = join(import.meta.dirname, '../helpers/job-process.ts');

test('a process killed in the middle of a job: another one does it, once', async () => {
  const { url } = await postgres.createDatabase();
  const database = await openDatabase({ databaseUrl: url, dataDir: home });
  const { jobs } = openJobs(database, {
    instance: 'survivor',
    superviseSeconds: 1,
    policies: { notify: { retryDelaySeconds: 0, concurrency: 4 } },
  });
  await jobs.start();
  const child = spawn(process.execPath, [SCRIPT, url, home, '600000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await eventually(() => lines.includes('ready'), 15_000);
  const callSids = ['CA-a', 'CA-b', 'CA-c'];
  for (const callSid of callSids) await jobs.enqueue('notify', { callSid });
  await eventually(() => lines.filter((line) => line.startsWith('begun')).length === 3, 10_000);
  child.kill('SIGKILL');
  await ended;
  const killedAt = performance.now();
  const done: { callSid: string; attempt: number; jobId: string }[] = [];
  jobs.work('notify', async ({ callSid = '' }, { attempt, jobId }) => {
    done.push({ callSid, attempt, jobId });
  });
  await eventually(() => done.length === 3, 30_000);
  console.info(
    `taken over ${((performance.now() - killedAt) / 1_000).toFixed(1)} s after the kill`,
  );
  await sleep(1_500);
  expect(done.map(({ callSid }) => callSid).sort()).toEqual(callSids);
  expect(done.map(({ attempt }) => attempt)).toEqual([2, 2, 2]);
  expect(await attemptsOf(database, done[0]?.jobId ?? '')).toMatchObject([
    { attempt: 1, outcome: 'failed', error_code: 'lost', instance: `process-${child.pid}` },
    { attempt: 2, outcome: 'done', error_code: null, instance: 'survivor' },
  ]);
  await jobs.stop(1_000);
  await database.close();
}, 60_000);
