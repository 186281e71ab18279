/** Work that must be done once, whatever becomes of the process that ought to do it. */
import type { ScopedTransaction } from '../sql/scoped-transaction.ts';

export type JobName =
  'after-call' | 'transcript' | 'analysis' | 'memories' | 'notify' | 'call-back' | 'webhook';

/** In the order in which they are taken up: what a person waits for comes first. */
export const JOB_NAMES: readonly JobName[] = [
  'notify',
  'webhook',
  'call-back',
  'after-call',
  'transcript',
  'memories',
  'analysis',
];

/** Ids only: a job's data lies in the clear, and outlives what it is about. */
export type JobData = {
  readonly callSid?: string;
  readonly conversationId?: string;
  readonly seniorId?: string;
  readonly alertId?: string;
  readonly eventId?: string;
  /** How many turns there were when the job was made. */
  readonly upTo?: number;
};

export type EnqueueOptions = {
  /** Makes it the same job however often it is sent, for a week after it was done. */
  readonly key?: string;
  /** Not before so many seconds from now. */
  readonly afterSeconds?: number;
};

export type JobContext = {
  /** The job's own id. */
  readonly jobId: string;
  /** From 1. */
  readonly attempt: number;
  /** If this one fails there is no other: the job goes to the dead letters. */
  readonly isLastAttempt: boolean;
  /** Aborted when its time is up, when the process stops, and when another instance has the job. */
  readonly signal: AbortSignal;
};

/**
 * Twice must be the same as once. To fail with a code of its own it throws `JobFailure`; the code
 * 'no-room' hands the job back, and the attempt does not count.
 */
export type JobHandler = (data: JobData, context: JobContext) => Promise<void>;

export type JobWorker = { readonly handler: JobHandler; readonly mayTake: () => boolean };

/** A job that was given up. */
export type DeadJob = {
  /** What `replay` takes. */
  readonly id: string;
  readonly name: string;
  readonly data: JobData;
  /** Unix milliseconds: when it was first sent, and when it was given up. */
  readonly createdAtMs: number;
  readonly diedAtMs: number;
  readonly attempts: number;
  readonly errorCode: string;
};

export type QueueFigures = {
  /** As of the last look, a few seconds old: ready to be done, due later, being done anywhere. */
  readonly ready: number;
  readonly later: number;
  readonly active: number;
  /** Given up and not replayed. */
  readonly dead: number;
  /** By this process since its start. */
  readonly done: number;
  readonly failed: number;
  readonly died: number;
};

export type JobFigures = {
  /** 'away': the database does not answer; it is asked again by itself. */
  readonly state: 'idle' | 'starting' | 'running' | 'away' | 'stopped';
  /** Being done by this process now. */
  readonly active: number;
  readonly queues: Readonly<Record<JobName, QueueFigures>>;
};

/** What an operator should know. Names and codes only. */
export type JobEvent =
  | { readonly kind: 'jobs-running' }
  | { readonly kind: 'jobs-away'; readonly code: string }
  | {
      readonly kind: 'job-done';
      readonly name: JobName;
      readonly attempt: number;
      readonly tookMs: number;
    }
  | {
      readonly kind: 'job-failed';
      readonly name: JobName;
      readonly attempt: number;
      readonly code: string;
      /** True: it was given up and lies with the dead letters. */
      readonly isDead: boolean;
    };

export type Jobs = {
  /**
   * In the transaction of its cause: there is a job if and only if that commits.
   * @throws DatabaseUnavailable while the queue has not come up yet; the cause is then tried again.
   */
  enqueueIn(
    tx: ScopedTransaction,
    name: JobName,
    data: JobData,
    options?: EnqueueOptions,
  ): Promise<void>;
  /** @throws DatabaseUnavailable */
  enqueue(name: JobName, data: JobData, options?: EnqueueOptions): Promise<void>;
  /**
   * Who does the jobs of a queue, here. Once for each queue, before or after `start`. While `mayTake`
   * says no, they wait for another instance, or for later.
   */
  work(name: JobName, handler: JobHandler, mayTake?: () => boolean): void;
  /**
   * Begins, and keeps trying while the database is away. Resolves when the queue works for the first
   * time, or is stopped before that. Never rejects.
   */
  start(): Promise<void>;
  /**
   * Takes no more, waits for what is under way, and hands back what is not done in time. What is
   * enqueued afterwards, while the database is open, is for whoever comes next. Idempotent.
   */
  stop(timeoutMs: number): Promise<void>;
  /** The dead letters, the latest first. @throws DatabaseUnavailable */
  dead(limit?: number): Promise<DeadJob[]>;
  /**
   * Makes a dead letter a job again, with all its attempts, and writes that into the audit log.
   * @param way by which the operator came.
   * @returns false where there is none of that id. @throws DatabaseUnavailable
   */
  replay(id: string, way: 'endpoint' | 'command'): Promise<boolean>;
  /** What waits, by queue, asked now. @throws DatabaseUnavailable */
  depths(): Promise<JobDepths>;
  figures(): JobFigures;
};

export type JobDepths = Readonly<
  Record<JobName, Pick<QueueFigures, 'ready' | 'later' | 'active' | 'dead'>>
>;
