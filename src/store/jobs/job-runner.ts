/**
 * Does the jobs: asks which queues have something, claims as many as there is room for, runs their
 * handlers with a time limit, and tells how it went. While the database is away it asks less often.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseUnavailable } from '../sql/database-errors.ts';
import { errorCodeOf, JobFailure } from './job-failure.ts';
import { HEARTBEAT_SECONDS, type JobPolicy, MAX_ACTIVE, SETTLE_SECONDS } from './job-policies.ts';
import type { Claim, JobQueue } from './job-queue.ts';
import { JOB_NAMES, type JobEvent, type JobName, type JobWorker } from './job-types.ts';

export type JobRunnerOptions = {
  readonly queue: JobQueue;
  readonly workers: ReadonlyMap<JobName, JobWorker>;
  readonly policies: Readonly<Record<JobName, JobPolicy>>;
  readonly pollMs: number;
  readonly tell: (event: JobEvent) => void;
};

type Running = {
  readonly claim: Claim;
  readonly stop: AbortController;
  readonly whole: Promise<void>;
};

const AWAY_MAX_MS = 10_000;
/** Three times within the time after which a silent claim is taken away. */
const TOUCH_MS = (HEARTBEAT_SECONDS * 1_000) / 3;
/** A job that was sent a moment ago is in a transaction that may not have ended. */
const SOON_MS = 50;
const SETTLE_RETRY_MS = 250;
/** For a handler to notice that it is to stop. */
const STOP_GRACE_MS = 300;
/** Failures of this instance, not of the job: somebody else does it, or it is done later. */
const NOT_COUNTED: ReadonlySet<string> = new Set(['stopped', 'no-room']);

export class JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #running = new Map<string, Running>();
  readonly #stopping = new AbortController();
  readonly #loop: Promise<void>;
  readonly #touching: NodeJS.Timeout;
  #wake: (() => void) | undefined;
  #soon: NodeJS.Timeout | undefined;
  #isAway = false;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    this.#touching = setInterval(() => void this.#touch(), TOUCH_MS);
    this.#touching.unref();
    this.#loop = this.#run();
  }

  get active(): number {
    return this.#running.size;
  }

  get isAway(): boolean {
    return this.#isAway;
  }

  /** Something may have come: look in a moment rather than at the next time. */
  wakeSoon(): void {
    if (this.#stopping.signal.aborted) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#wake?.();
    }, SOON_MS).unref();
  }

  /** Waits for what is under way; then tells it to stop, and hands back what does not. */
  async stop(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    this.#stopping.abort();
    clearTimeout(this.#soon);
    this.#wake?.();
    const all = async (): Promise<void> => {
      await this.#loop;
      await Promise.all([...this.#running.values()].map(({ whole }) => whole));
    };
    const done = all();
    await Promise.race([done, sleep(Math.max(0, timeoutMs - STOP_GRACE_MS), undefined)]);
    for (const { stop } of this.#running.values()) stop.abort(new JobFailure('stopped'));
    await Promise.race([done, sleep(Math.max(50, deadline - performance.now()))]);
    clearInterval(this.#touching);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let waitMs = 0;
    while (!signal.aborted) {
      try {
        const more = await this.#look();
        if (this.#isAway) this.#options.tell({ kind: 'jobs-running' });
        this.#isAway = false;
        waitMs = more ? 0 : this.#options.pollMs;
      } catch (error) {
        if (!this.#isAway) this.#options.tell({ kind: 'jobs-away', code: errorCodeOf(error) });
        this.#isAway = true;
        waitMs = Math.min(Math.max(waitMs, this.#options.pollMs) * 2, AWAY_MAX_MS);
      }
      if (waitMs > 0) await this.#rest(waitMs);
    }
  }

  /** @returns whether it took all it had room for, so that there may be more. */
  async #look(): Promise<boolean> {
    const names = JOB_NAMES.filter((name) => this.#roomFor(name) > 0);
    if (names.length === 0) return false;
    const ready = await this.#options.queue.ready(names);
    let more = false;
    for (const name of ready) {
      const room = this.#roomFor(name);
      if (room === 0 || this.#stopping.signal.aborted) continue;
      const claims = await this.#options.queue.claim(name, room);
      for (const claim of claims) this.#begin(claim);
      more ||= claims.length === room && this.#roomFor(name) > 0;
    }
    return more;
  }

  #roomFor(name: JobName): number {
    if (this.#options.workers.get(name)?.mayTake() !== true) return 0;
    let same = 0;
    for (const { claim } of this.#running.values()) if (claim.name === name) same += 1;
    const { concurrency } = this.#options.policies[name];
    return Math.max(0, Math.min(concurrency - same, MAX_ACTIVE - this.#running.size));
  }

  #begin(claim: Claim): void {
    const stop = new AbortController();
    const whole = this.#perform(claim, stop).finally(() => {
      this.#running.delete(claim.jobId);
      this.wakeSoon();
    });
    this.#running.set(claim.jobId, { claim, stop, whole });
  }

  /** Never rejects. */
  async #perform(claim: Claim, stop: AbortController): Promise<void> {
    const startedAt = performance.now();
    const error = await this.#handle(claim, stop);
    const code = error === undefined ? undefined : errorCodeOf(error);
    if (code !== undefined && NOT_COUNTED.has(code)) {
      await this.#settle(claim, 'hand-back');
      return;
    }
    if (!(await this.#settle(claim, code))) return;
    const { name, attempt, isLastAttempt } = claim;
    const tookMs = performance.now() - startedAt;
    this.#options.tell(
      code === undefined
        ? { kind: 'job-done', name, attempt, tookMs }
        : { kind: 'job-failed', name, attempt, code, isDead: isLastAttempt },
    );
  }

  /** What it failed with. A handler that does not heed its signal is left to itself. */
  async #handle(claim: Claim, stop: AbortController): Promise<unknown> {
    const { name, data, jobId, attempt, isLastAttempt } = claim;
    const worker = this.#options.workers.get(name);
    if (worker === undefined) return new JobFailure('no-handler');
    const { timeoutSeconds } = this.#options.policies[name];
    const timer = setTimeout(() => stop.abort(new JobFailure('timeout')), timeoutSeconds * 1_000);
    const aborted = new Promise<unknown>((resolve) => {
      stop.signal.addEventListener('abort', () => resolve(stop.signal.reason), { once: true });
    });
    const work = async (): Promise<unknown> => {
      try {
        await worker.handler(data, { jobId, attempt, isLastAttempt, signal: stop.signal });
        return undefined;
      } catch (error) {
        return stop.signal.aborted ? stop.signal.reason : (error ?? new JobFailure('defect'));
      }
    };
    try {
      return await Promise.race([work(), aborted]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Tells the end, for as long as the claim may still be ours. Where that does not work it is lost,
   * somebody does it again, and finds it done.
   * @returns whether it was told.
   */
  async #settle(claim: Claim, how: string | undefined): Promise<boolean> {
    const { queue } = this.#options;
    const deadline = performance.now() + SETTLE_SECONDS * 1_000;
    for (;;) {
      try {
        if (how === undefined) return await queue.done(claim);
        if (how !== 'hand-back') return await queue.failed(claim, how);
        await queue.handBack(claim);
        return true;
      } catch (error) {
        const isOver = performance.now() > deadline || this.#stopping.signal.aborted;
        if (isOver || !(error instanceof DatabaseUnavailable)) return false;
        await sleep(SETTLE_RETRY_MS);
      }
    }
  }

  /** Says that the claims are alive. Those that are not ours any more are stopped. */
  async #touch(): Promise<void> {
    const claims = [...this.#running.values()].map(({ claim }) => claim);
    if (claims.length === 0) return;
    // While the database is away nothing can be said of a claim, and nothing is stopped.
    const ours = await this.#options.queue.touch(claims).catch(() => undefined);
    if (ours === undefined) return;
    for (const { jobId } of claims) {
      if (!ours.has(jobId)) this.#running.get(jobId)?.stop.abort(new JobFailure('claim-lost'));
    }
  }

  async #rest(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#stopping.signal.aborted) this.#wake();
    });
    this.#wake = undefined;
  }
}
