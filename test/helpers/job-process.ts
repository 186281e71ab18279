/**
 * A process that does jobs until it is killed, for tests. It tells `begun <callSid> <attempt>` when
 * it takes one up and `done <callSid> <attempt>` when it has done it, on its standard output.
 * Arguments: the database's URL, a folder, and how long a job takes in milliseconds.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createJobs } from '../../src/store/jobs/jobs.ts';
import { openDatabase } from '../../src/store/sql/database.ts';

const [databaseUrl, dataDir = '', tookMs = '0'] = process.argv.slice(2);
const database = await openDatabase({ databaseUrl, dataDir });
const jobs = createJobs({
  database,
  instance: `process-${process.pid}`,
  pollMs: 50,
  superviseSeconds: 1,
  policies: { notify: { retryDelaySeconds: 0, concurrency: 4 } },
});
jobs.work('notify', async ({ callSid }, { attempt, signal }) => {
  process.stdout.write(`begun ${callSid} ${attempt}\n`);
  await sleep(Number(tookMs), undefined, { signal });
  process.stdout.write(`done ${callSid} ${attempt}\n`);
});
await jobs.start();
process.stdout.write('ready\n');
