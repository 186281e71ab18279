/** How each kind of job is tried: how often, how long, how many at once. */
import type { JobName } from './job-types.ts';

export type JobPolicy = {
  /** Attempts after the first. */
  readonly retries: number;
  /** Before the second attempt; doubles from there, with some chance in it, to the longest. */
  readonly retryDelaySeconds: number;
  readonly retryDelayMaxSeconds: number;
  /** The longest a handler may take. */
  readonly timeoutSeconds: number;
  /** In one process. */
  readonly concurrency: number;
};

/**
 * The rules of thumb behind the figures: what a family waits for is tried again within seconds and
 * for about an hour; what needs a model outlasts a bad afternoon of all of them (retries spread over
 * some eight hours); ringing somebody again is not done many times.
 */
export const JOB_POLICIES: Readonly<Record<JobName, JobPolicy>> = {
  notify: policy(14, 2, 600, 20, 2),
  webhook: policy(8, 1, 120, 20, 2),
  'call-back': policy(3, 60, 600, 30, 1),
  'after-call': policy(14, 2, 600, 30, 2),
  transcript: policy(14, 2, 600, 30, 2),
  memories: policy(16, 10, 3_600, 120, 2),
  analysis: policy(16, 10, 3_600, 120, 2),
};

function policy(
  retries: number,
  retryDelaySeconds: number,
  retryDelayMaxSeconds: number,
  timeoutSeconds: number,
  concurrency: number,
): JobPolicy {
  return { retries, retryDelaySeconds, retryDelayMaxSeconds, timeoutSeconds, concurrency };
}

/** Jobs of all kinds at once in one process: the pool of ten connections serves the calls as well. */
export const MAX_ACTIVE = 6;

/** Where jobs go that were given up. */
export const DEAD_LETTERS = 'dead';

/** An instance that is silent about a job for so long has lost it. The least that pg-boss takes. */
export const HEARTBEAT_SECONDS = 10;
/** Beyond the handler's own time, for writing down how it went. */
export const SETTLE_SECONDS = 10;

/** The same job is known again for so long after it was done. */
export const KEEP_DONE_SECONDS = 7 * 24 * 3_600;
/** Jobs that nobody does, and dead letters, stay for as long as pg-boss keeps anything. */
export const KEEP_WAITING_SECONDS = 365 * 24 * 3_600;
