/**
 * pg-boss as we use it: its tables, its claims (`SKIP LOCKED`, fenced by attempt), its retries and
 * dead letters. Who does the jobs, and when, is `job-runner.ts`.
 *
 * What is known of a queue is asked for once, ahead: inside a transaction of the embedded database a
 * question on another connection would wait for that transaction to end.
 */
import type { PgBoss } from 'pg-boss';
import { within } from '../../patience.ts';
import type { Database } from '../sql/database.ts';
import { DatabaseUnavailable } from '../sql/database-errors.ts';
import { audit } from '../sql/audit-log.ts';
import { attemptBegins, attemptEnds } from '../sql/job-attempts.ts';
import { sqlExecutorOf } from '../sql/job-queue-access.ts';
import type { ScopedTransaction } from '../sql/scoped-transaction.ts';
import { uuidOf, uuidv7 } from '../uuid.ts';
import {
  DEAD_LETTERS,
  HEARTBEAT_SECONDS,
  type JobPolicy,
  KEEP_DONE_SECONDS,
  KEEP_WAITING_SECONDS,
  SETTLE_SECONDS,
} from './job-policies.ts';
import { type EnqueueOptions, JOB_NAMES, type JobData, type JobName } from './job-types.ts';

/** A job that is ours to do until its claim ends. */
export type Claim = {
  readonly jobId: string;
  readonly name: JobName;
  readonly data: JobData;
  /** From 1. */
  readonly attempt: number;
  readonly isLastAttempt: boolean;
};

export type JobQueue = {
  enqueueIn(tx: ScopedTransaction, name: JobName, data: JobData, o: EnqueueOptions): Promise<void>;
  /** Of these queues, those that have something to do now. */
  ready(names: readonly JobName[]): Promise<JobName[]>;
  claim(name: JobName, count: number): Promise<Claim[]>;
  /** @returns the claims that are ours still. */
  touch(claims: readonly Claim[]): Promise<ReadonlySet<string>>;
  /** @returns false where the claim was lost: whoever has it now tells the end. */
  done(claim: Claim): Promise<boolean>;
  failed(claim: Claim, code: string): Promise<boolean>;
  /** Gives back what was not finished; the attempt does not count. */
  handBack(claim: Claim): Promise<void>;
  /** Makes a dead letter a job again, and audits that. */
  replay(id: string, way: string): Promise<boolean>;
  close(timeoutMs: number): Promise<void>;
};

export type JobQueueOptions = {
  readonly database: Pick<Database, 'withScope' | 'jobQueue' | 'allowServiceIn'>;
  readonly instance: string;
  readonly policies: Readonly<Record<JobName, JobPolicy>>;
  /** How often lost claims are looked for, by whichever instance is due. */
  readonly superviseSeconds: number;
};

const SCHEMA = 'pgboss';
const NO_JOB = '00000000-0000-0000-0000-000000000000';
const HOUR_SECONDS = 3_600;

/**
 * Brings the queue's tables up to date and makes the queues. The import takes 0.15 s, which is why
 * it is made here and not with the rest of the server.
 * @throws DatabaseUnavailable and whatever else goes wrong; nothing is left running then.
 */
export async function openJobQueue(options: JobQueueOptions): Promise<JobQueue> {
  const { PgBoss } = await import('pg-boss');
  const { superviseSeconds } = options;
  const boss = new PgBoss({
    db: options.database.jobQueue,
    schema: SCHEMA,
    schedule: false,
    superviseIntervalSeconds: superviseSeconds,
    monitorIntervalSeconds: superviseSeconds,
    // None of our jobs depend on one another; these would ask the database every few seconds.
    flowIntervalSeconds: HOUR_SECONDS,
    bamIntervalSeconds: HOUR_SECONDS,
    monitorVacuum: false,
  });
  // Its upkeep failed; it comes again. Without a listener it would end the process.
  boss.on('error', () => undefined);
  try {
    await boss.start();
    await makeQueues(boss, options.policies);
    await options.database.allowServiceIn(SCHEMA);
    for (const name of [...JOB_NAMES, DEAD_LETTERS]) await boss.findJobs(name, { id: NO_JOB });
  } catch (error) {
    await boss.stop({ graceful: false, close: false }).catch(() => undefined);
    throw error;
  }
  return queueOn(boss, options);
}

async function makeQueues(
  boss: PgBoss,
  policies: Readonly<Record<JobName, JobPolicy>>,
): Promise<void> {
  const keep = {
    deleteAfterSeconds: KEEP_DONE_SECONDS,
    retentionSeconds: KEEP_WAITING_SECONDS,
  };
  await boss.createQueue(DEAD_LETTERS, { ...keep, retryLimit: 0 });
  for (const name of JOB_NAMES) {
    const { retries, retryDelaySeconds, retryDelayMaxSeconds, timeoutSeconds } = policies[name];
    const settings = {
      ...keep,
      retryLimit: retries,
      retryDelay: retryDelaySeconds,
      retryBackoff: true,
      retryDelayMax: retryDelayMaxSeconds,
      expireInSeconds: timeoutSeconds + SETTLE_SECONDS,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      deadLetter: DEAD_LETTERS,
    };
    await boss.createQueue(name, settings);
    // It may have been made by an older version, with other figures.
    await boss.updateQueue(name, settings);
  }
}

function queueOn(boss: PgBoss, { database, instance }: JobQueueOptions): JobQueue {
  const service = { kind: 'service' } as const;
  const attemptOf = ({ jobId, name, attempt }: Claim) => ({ jobId, queue: name, attempt });
  const fenced = ({ jobId, attempt }: Claim) => ({ id: jobId, retryCount: attempt - 1 });

  const settle = (claim: Claim, failedWith: string | undefined): Promise<boolean> =>
    database.withScope(service, async (tx) => {
      const db = sqlExecutorOf(tx);
      const settled =
        failedWith === undefined
          ? await boss.complete(claim.name, fenced(claim), null, { db })
          : await boss.fail(claim.name, fenced(claim), { code: failedWith }, { db });
      if (countOf(settled) === 0) return false;
      await attemptEnds(tx, attemptOf(claim), failedWith);
      return true;
    });

  return {
    enqueueIn: async (tx, name, data, { key, afterSeconds }) => {
      await boss.send(name, data, {
        id: key === undefined ? uuidv7() : uuidOf(`job ${name}`, key),
        db: sqlExecutorOf(tx),
        ...(afterSeconds === undefined ? {} : { startAfter: Math.max(0, Math.ceil(afterSeconds)) }),
      });
    },
    ready: async (names) => {
      const { rows } = await database.jobQueue.executeSql(
        `select n.name from unnest($1::text[]) with ordinality as n (name, place)
         where exists (select 1 from ${SCHEMA}.job j where j.name = n.name
           and j.state < 'active' and not j.blocked and j.start_after <= now())
         order by n.place`,
        [[...names]],
      );
      return rows.map((row) => row['name'] as JobName);
    },
    claim: (name, count) =>
      database.withScope(service, async (tx) => {
        const db = sqlExecutorOf(tx);
        const found = await boss.fetch<JobData>(name, {
          batchSize: count,
          includeMetadata: true,
          db,
        });
        const claims = found.map(({ id, data, retryCount, retryLimit }) => ({
          jobId: id,
          name,
          data,
          attempt: retryCount + 1,
          isLastAttempt: retryCount >= retryLimit,
        }));
        for (const claim of claims) await attemptBegins(tx, attemptOf(claim), instance);
        return claims;
      }),
    touch: async (claims) => {
      const ours = new Set<string>();
      for (const name of new Set(claims.map((claim) => claim.name))) {
        const mine = claims.filter((claim) => claim.name === name).map(fenced);
        const touched: unknown = await boss.touch(name, mine);
        for (const id of settledIn(touched)) ours.add(id);
      }
      return ours;
    },
    done: (claim) => settle(claim, undefined),
    failed: (claim, code) => settle(claim, code),
    handBack: async ({ jobId, name, attempt }) => {
      // pg-boss has it as `restore`, but not for others, and it does not ask whose the claim is.
      await database.jobQueue.executeSql(
        `update ${SCHEMA}.job set state = 'created', started_on = null, heartbeat_on = null
         where name = $1 and id = $2::uuid and state = 'active' and retry_count = $3`,
        [name, jobId, attempt - 1],
      );
    },
    replay: (id, way) =>
      database.withScope(service, async (tx) => {
        const moved = await boss.redrive(DEAD_LETTERS, { ids: [id], db: sqlExecutorOf(tx) });
        if (moved === 0) return false;
        const action = { actorKind: 'admin', action: 'job.replay', entity: 'jobs' } as const;
        await audit(tx, { ...action, entityId: id, detail: { way } });
        return true;
      }),
    close: async (timeoutMs) => {
      // Its upkeep may hang with the database; its connections are the pool's, which is closed later.
      const stopped = boss.stop({ graceful: false, close: false }).catch(() => undefined);
      await within(timeoutMs, stopped);
    },
  };
}

/** The queue has not come up, or is gone. What wanted it is tried again. */
export function queueAway(): DatabaseUnavailable {
  return new DatabaseUnavailable('the job queue is not up', 'opening');
}

function countOf(response: object): number {
  return 'affected' in response && typeof response.affected === 'number' ? response.affected : 0;
}

function settledIn(response: unknown): string[] {
  if (typeof response !== 'object' || response === null || !('settled' in response)) return [];
  const { settled } = response;
  return Array.isArray(settled) ? settled.filter((id) => typeof id === 'string') : [];
}
