/** What operators see of jobs that were given up, and how they send them off again. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminRoutes } from '../../routes/admin.ts';
import type { DeadJob, Jobs } from '../../src/store/jobs/job-types.ts';
import { createJobs } from '../../src/store/jobs/jobs.ts';
import { createSealer } from '../../src/store/sealed-text.ts';
import { type Database, openDatabase } from '../../src/store/sql/database.ts';
import { webhookEventsIn } from '../../src/store/sql/webhook-events.ts';
import { uuidv7 } from '../../src/store/uuid.ts';
import { eventually } from '../helpers/eventually.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';

const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '../../scripts/jobs.ts');
const TOKEN = randomBytes(24).toString('hex');
const nothing = { replayed: 0, left: 0 };

let postgres: TestPostgres;
let home: string;
beforeAll(async () => {
  postgres = await startPostgres();
  home = await mkdtemp(join(tmpdir(), 'hearthline-jobs-operators-'));
}, 180_000);
afterAll(async () => {
  await postgres?.stop();
  if (home) await rm(home, { recursive: true, force: true });
});

type Printed = { code: number; stdout: string };

async function command(args: string[], databaseUrl: string): Promise<Printed> {
  const env = { ...process.env, DATA_DIR: home, DATABASE_URL: databaseUrl };
  return await run(process.execPath, [SCRIPT, ...args], { env }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: unknown) => {
      const { code, stdout } = error as Printed;
      return { code, stdout };
    },
  );
}

/** `/admin` over a real socket. */
async function serve(database: Database, jobs: Jobs) {
  const log = { info: () => undefined, warn: () => undefined };
  const webhooks = webhookEventsIn(createSealer([randomBytes(32)]));
  const app = express().use(
    '/admin',
    adminRoutes(
      { token: TOKEN, database, webhooks, jobs, records: { replayAside: async () => nothing } },
      { inbox: { process: async () => 'done' }, log, senderOf: () => 'somebody' },
    ),
  );
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const ask = async (method: string, path: string, token = TOKEN) =>
    await fetch(`http://127.0.0.1:${port}/admin${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
    });
  return { ask, close: () => server.close() };
}

test('dead letters are listed and replayed by endpoint and by command, for who may, once each', async () => {
  const { url } = await postgres.createDatabase();
  const database = await openDatabase({ databaseUrl: url, dataDir: home });
  const jobs = createJobs({
    database,
    instance: 'test',
    pollMs: 50,
    policies: { transcript: { retries: 0 } },
  });
  let works = false;
  const done: string[] = [];
  jobs.work('transcript', async ({ callSid }) => {
    if (!works) throw new Error('not yet');
    done.push(callSid ?? '');
  });
  const { ask, close } = await serve(database, jobs);
  // Before the queue is up.
  expect((await ask('GET', '/jobs/dead')).status).toBe(503);
  await jobs.start();
  for (const [before, callSid] of ['CA-1', 'CA-2'].entries()) {
    await jobs.enqueue('transcript', { callSid });
    await eventually(async () => (await jobs.dead()).length === before + 1, 10_000);
  }

  expect((await ask('GET', '/jobs/dead', 'wrong')).status).toBe(401);
  expect((await ask('POST', `/jobs/${uuidv7()}/replay`, 'wrong')).status).toBe(401);
  expect((await ask('GET', '/jobs/dead?limit=many')).status).toBe(400);
  const one = (await (await ask('GET', '/jobs/dead?limit=1')).json()) as { jobs: DeadJob[] };
  expect(one.jobs).toHaveLength(1);
  const listed = (await (await ask('GET', '/jobs/dead')).json()) as { jobs: DeadJob[] };
  expect(listed.jobs.map(({ data }) => data.callSid)).toEqual(['CA-2', 'CA-1']);
  expect(listed.jobs[0]).toMatchObject({ name: 'transcript', attempts: 1, errorCode: 'defect' });

  const byCommand = await command(['dead', '--json'], url);
  expect(JSON.parse(byCommand.stdout)).toEqual({ kind: 'dead', jobs: listed.jobs });
  expect((await command(['list'], url)).stdout).toMatch(/transcript +0 +0 +0 +2/);
  works = true;
  const [second, first] = listed.jobs.map(({ id }) => id);
  const answers = await Promise.all([1, 2, 3].map(() => ask('POST', `/jobs/${first}/replay`)));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 404, 404]);
  expect((await ask('POST', '/jobs/not-an-id/replay')).status).toBe(404);
  const replayed = await command(['replay', second ?? ''], url);
  expect(replayed).toMatchObject({ code: 0, stdout: expect.stringContaining('a job again') });
  expect((await command(['replay', second ?? ''], url)).code).toBe(1);
  await eventually(() => done.length === 2, 10_000);
  expect(new Set(done)).toEqual(new Set(['CA-1', 'CA-2']));
  expect((await command(['dead'], url)).stdout).toBe('no dead letters\n');
  expect((await command(['bury'], url)).code).toBe(2);
  const audited = await database.withScope({ kind: 'service' }, (tx) =>
    tx.selectFrom('audit_log').select(['entity_id', 'detail']).orderBy('at').execute(),
  );
  expect(audited).toEqual([
    { entity_id: first, detail: { way: 'endpoint' } },
    { entity_id: second, detail: { way: 'command' } },
  ]);
  close();
  await jobs.stop(1_000);
  await database.close();
}, 90_000);
