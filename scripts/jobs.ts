/**
 * The durable jobs, by hand: `npm run jobs -- list | dead | replay ID   [--json]`.
 *
 * `list` says what waits in each queue, `dead` what was given up, `replay` makes a dead letter a job
 * again, which a running server then does. Works on DATABASE_URL (or DATABASE_URL_FILE), or on the
 * embedded database in DATA_DIR while no server runs on it; with one, use its `/admin/jobs`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeadJob, JobDepths, Jobs } from '../src/store/jobs/job-types.ts';
import { createJobs } from '../src/store/jobs/jobs.ts';
import { openOperatorDatabase } from './operator-database.ts';

type Order = { readonly kind: 'list' | 'dead' } | { readonly kind: 'replay'; readonly id: string };

type Outcome =
  | { readonly kind: 'list'; readonly queues: JobDepths }
  | { readonly kind: 'dead'; readonly jobs: readonly DeadJob[] }
  | { readonly kind: 'replay'; readonly id: string; readonly isReplayed: boolean };

const USAGE = 'usage: npm run jobs -- list | dead | replay ID   [--json]';
/** The very first start on a database makes the queue's tables. */
const UP_WITHIN_MS = 30_000;
const STOP_MS = 1_000;
const MAX_LISTED = 1_000;

/** Undefined: it is no order. */
function orderFrom(args: readonly string[]): Order | undefined {
  const [kind, id, ...rest] = args;
  if (rest.length > 0) return undefined;
  if ((kind === 'list' || kind === 'dead') && id === undefined) return { kind };
  return kind === 'replay' && id !== undefined ? { kind, id: id.toLowerCase() } : undefined;
}

async function perform(order: Order): Promise<Outcome> {
  const { database } = await openOperatorDatabase();
  // Without handlers it does none of them.
  const jobs = createJobs({ database, instance: 'command' });
  try {
    await Promise.race([jobs.start(), sleep(UP_WITHIN_MS, undefined, { ref: false })]);
    return await outcomeOf(order, jobs);
  } finally {
    await jobs.stop(STOP_MS);
    await database.close();
  }
}

async function outcomeOf(order: Order, jobs: Jobs): Promise<Outcome> {
  switch (order.kind) {
    case 'list':
      return { kind: 'list', queues: await jobs.depths() };
    case 'dead':
      return { kind: 'dead', jobs: await jobs.dead(MAX_LISTED) };
    case 'replay': {
      const { id } = order;
      return { kind: 'replay', id, isReplayed: await jobs.replay(id, 'command') };
    }
  }
}

function print(outcome: Outcome): void {
  switch (outcome.kind) {
    case 'list':
      console.log('queue          ready   later  active    dead');
      for (const [name, { ready, later, active, dead }] of Object.entries(outcome.queues)) {
        const figures = [ready, later, active, dead].map((n) => String(n).padStart(7)).join(' ');
        console.log(`${name.padEnd(12)} ${figures}`);
      }
      return;
    case 'dead':
      if (outcome.jobs.length === 0) console.log('no dead letters');
      for (const job of outcome.jobs) {
        const at = new Date(job.diedAtMs).toISOString();
        const about = Object.entries(job.data).map(([key, value]) => `${key}=${value}`);
        const attempts = `${job.attempts} attempt(s)`;
        console.log([job.id, job.name, at, attempts, job.errorCode, ...about].join('  '));
      }
      return;
    case 'replay':
      console.log(outcome.isReplayed ? `a job again: ${outcome.id}` : 'no such dead letter');
  }
}

async function main(args: readonly string[]): Promise<number> {
  const isJson = args.includes('--json');
  const order = orderFrom(args.filter((arg) => arg !== '--json'));
  if (order === undefined) {
    console.error(USAGE);
    return 2;
  }
  try {
    const outcome = await perform(order);
    if (isJson) console.log(JSON.stringify(outcome));
    else print(outcome);
    return outcome.kind === 'replay' && !outcome.isReplayed ? 1 : 0;
  } catch (error) {
    const said = error instanceof Error ? error.message : 'failed';
    if (isJson) console.log(JSON.stringify({ kind: 'failed', said }));
    else console.error(`jobs: ${said}`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
