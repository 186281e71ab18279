/**
 * Durable jobs. A job is a row that is made in the transaction of its cause; it is done at least
 * once by whichever instance is free, tried again with growing pauses, and set aside visibly when it
 * cannot be done.
 *
 * The queue comes up behind the listening: nothing waits for it but what wants to enqueue, and that
 * is told that the database is away, which it knows how to live with.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../sql/database.ts';
import { isUuid } from '../uuid.ts';
import { errorCodeOf } from './job-failure.ts';
import { deadLettersIn, depthsOf, NO_DEPTHS } from './job-looks.ts';
import { JOB_POLICIES, type JobPolicy } from './job-policies.ts';
import { type JobQueue, openJobQueue, queueAway } from './job-queue.ts';
import { JobRunner } from './job-runner.ts';
import {
  JOB_NAMES,
  type JobDepths,
  type JobEvent,
  type JobFigures,
  type JobName,
  type Jobs,
  type JobWorker,
} from './job-types.ts';

export type JobsOptions = {
  readonly database: Pick<Database, 'kind' | 'withScope' | 'jobQueue' | 'allowServiceIn'>;
  /** Names this process in the book of attempts. */
  readonly instance: string;
  readonly onEvent?: (event: JobEvent) => void;
  /** How often it is asked whether there is something to do. */
  readonly pollMs?: number;
  /** How often lost jobs are looked for. */
  readonly superviseSeconds?: number;
  readonly policies?: Partial<Record<JobName, Partial<JobPolicy>>>;
};

const POLL_MS = 1_000;
/** Embedded there is one process: what was lost is found when it starts again. */
const SUPERVISE_SECONDS = { server: 10, embedded: 30 } as const;
const START_RETRY_FIRST_MS = 500;
const START_RETRY_MAX_MS = 10_000;
const DEPTHS_MS = 10_000;
/** Of the time to stop, for the queue's own upkeep. */
const CLOSE_MS = 500;

type Counts = { done: number; failed: number; died: number };

export function createJobs(options: JobsOptions): Jobs {
  return new PgBossJobs(options);
}

class PgBossJobs implements Jobs {
  readonly #options: JobsOptions;
  readonly #policies: Readonly<Record<JobName, JobPolicy>>;
  readonly #workers = new Map<JobName, JobWorker>();
  readonly #counts = new Map<JobName, Counts>();
  readonly #stopped = new AbortController();
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #queue: JobQueue | undefined;
  #runner: JobRunner | undefined;
  #depths: JobDepths = NO_DEPTHS;
  #looking: NodeJS.Timeout | undefined;

  constructor(options: JobsOptions) {
    this.#options = options;
    const changes = options.policies ?? {};
    const policies = JOB_NAMES.map((name) => [name, { ...JOB_POLICIES[name], ...changes[name] }]);
    this.#policies = Object.fromEntries(policies) as Record<JobName, JobPolicy>;
    for (const name of JOB_NAMES) this.#counts.set(name, { done: 0, failed: 0, died: 0 });
  }

  enqueueIn: Jobs['enqueueIn'] = async (tx, name, data, options = {}) => {
    if (this.#queue === undefined) throw queueAway();
    await this.#queue.enqueueIn(tx, name, data, options);
    this.#runner?.wakeSoon();
  };

  enqueue: Jobs['enqueue'] = (name, data, options) =>
    this.#options.database.withScope({ kind: 'service' }, (tx) =>
      this.enqueueIn(tx, name, data, options),
    );

  work: Jobs['work'] = (name, handler, mayTake = () => true) => {
    if (this.#workers.has(name)) throw new Error(`two handlers for the job ${name}`);
    this.#workers.set(name, { handler, mayTake });
    this.#runner?.wakeSoon();
  };

  async start(): Promise<void> {
    this.#starting ??= this.#start();
    await this.#starting;
  }

  async stop(timeoutMs: number): Promise<void> {
    await (this.#stopping ??= this.#stop(timeoutMs));
  }

  async #stop(timeoutMs: number): Promise<void> {
    this.#stopped.abort();
    clearInterval(this.#looking);
    await this.#runner?.stop(Math.max(0, timeoutMs - CLOSE_MS));
    await this.#queue?.close(CLOSE_MS);
  }

  dead: Jobs['dead'] = async (limit = 100) => {
    if (this.#queue === undefined) throw queueAway();
    return await deadLettersIn(this.#options.database.jobQueue, limit);
  };

  replay: Jobs['replay'] = async (id, way) => {
    if (this.#queue === undefined) throw queueAway();
    if (!isUuid(id)) return false;
    const replayed = await this.#queue.replay(id, way);
    if (replayed) this.#runner?.wakeSoon();
    return replayed;
  };

  depths: Jobs['depths'] = async () => {
    if (this.#queue === undefined) throw queueAway();
    return await depthsOf(this.#options.database.jobQueue);
  };

  figures(): JobFigures {
    const queues = JOB_NAMES.map((name) => [
      name,
      { ...this.#depths[name], ...(this.#counts.get(name) ?? { done: 0, failed: 0, died: 0 }) },
    ]);
    return {
      state: this.#state(),
      active: this.#runner?.active ?? 0,
      queues: Object.fromEntries(queues) as JobFigures['queues'],
    };
  }

  #state(): JobFigures['state'] {
    if (this.#stopped.signal.aborted) return 'stopped';
    if (this.#runner !== undefined) return this.#runner.isAway ? 'away' : 'running';
    return this.#starting === undefined ? 'idle' : 'starting';
  }

  async #start(): Promise<void> {
    const { signal } = this.#stopped;
    let waitMs = START_RETRY_FIRST_MS;
    let told = false;
    while (!signal.aborted) {
      try {
        await this.#open();
        return;
      } catch (error) {
        if (!told) this.#tell({ kind: 'jobs-away', code: errorCodeOf(error) });
        told = true;
        await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
        waitMs = Math.min(waitMs * 2, START_RETRY_MAX_MS);
      }
    }
  }

  async #open(): Promise<void> {
    const { database, instance, pollMs = POLL_MS, superviseSeconds } = this.#options;
    const queue = await openJobQueue({
      database,
      instance,
      policies: this.#policies,
      superviseSeconds: superviseSeconds ?? SUPERVISE_SECONDS[database.kind],
    });
    if (this.#stopped.signal.aborted) {
      await queue.close(CLOSE_MS);
      return;
    }
    this.#queue = queue;
    this.#runner = new JobRunner({
      queue,
      workers: this.#workers,
      policies: this.#policies,
      pollMs,
      tell: (event) => this.#tell(event),
    });
    this.#looking = setInterval(() => void this.#look(), DEPTHS_MS).unref();
    this.#tell({ kind: 'jobs-running' });
    await this.#look();
  }

  async #look(): Promise<void> {
    // While the database is away the last figures stay.
    this.#depths = await depthsOf(this.#options.database.jobQueue).catch(() => this.#depths);
  }

  #tell(event: JobEvent): void {
    if (event.kind === 'job-done' || event.kind === 'job-failed') {
      const counts = this.#counts.get(event.name);
      if (counts !== undefined) {
        counts.done += event.kind === 'job-done' ? 1 : 0;
        counts.failed += event.kind === 'job-failed' ? 1 : 0;
        counts.died += event.kind === 'job-failed' && event.isDead ? 1 : 0;
      }
    }
    try {
      this.#options.onEvent?.(event);
    } catch {
      // Whoever listens must not stop the jobs.
    }
  }
}
