/** The durable jobs, put together: the queue, who does what, and what an operator is told of it. */
import { randomUUID } from 'node:crypto';
import type { LlmVendor } from '../adapters/llm/port.ts';
import { afterCallHooks } from '../pipelines/after-call/hooks.ts';
import { afterCallHandlers } from '../pipelines/after-call/steps.ts';
import type { AfterCall, AfterCallEvent } from '../pipelines/after-call/types.ts';
import { LEXICAL_EMBEDDER } from './companion/lexical-embedding.ts';
import type { Logger } from './log.ts';
import type { DurableWriteHooks } from './store/durable-writes.ts';
import { queueAway } from './store/jobs/job-queue.ts';
import { JOB_NAMES, type JobEvent, type Jobs } from './store/jobs/job-types.ts';
import { createJobs } from './store/jobs/jobs.ts';
import { analysesIn } from './store/sql/analyses.ts';
import { memoriesIn } from './store/sql/memories.ts';
import type { Store } from './store/store.ts';

/** Hooks for a store that is opened before there are jobs: until then it is told to wait. */
export function lateHooks(jobs: () => Jobs | undefined): DurableWriteHooks {
  return afterCallHooks({
    enqueueIn: async (...job) => {
      const there = jobs();
      if (there === undefined) throw queueAway();
      await there.enqueueIn(...job);
    },
  });
}

export function jobsIn(store: Pick<Store, 'database'>, log: Logger): Jobs {
  return createJobs({
    database: store.database,
    instance: `i-${randomUUID()}`,
    onEvent: (event) => logJob(event, log),
  });
}

export type JobParts = {
  /** The best first. */
  readonly models: readonly LlmVendor[];
  readonly place: AfterCall['place'];
  readonly mayPlace: AfterCall['mayPlace'];
};

/** Who does the jobs: from here on this instance takes them up, once it has started to. */
export function serveJobs(jobs: Jobs, store: Store, log: Logger, parts: JobParts): void {
  const { database, conversations, alerts, people, sealer } = store;
  const handlers = afterCallHandlers({
    database,
    conversations,
    alerts,
    people,
    jobs,
    memories: memoriesIn(sealer, LEXICAL_EMBEDDER),
    analyses: analysesIn(sealer),
    ...parts,
    tell: (event) => logAfterCall(event, log),
  });
  for (const name of JOB_NAMES) {
    const handler = handlers[name];
    if (handler === undefined) continue;
    if (name === 'call-back') jobs.work(name, handler, parts.mayPlace);
    else jobs.work(name, handler);
  }
}

function logJob(event: JobEvent, log: Logger): void {
  switch (event.kind) {
    case 'jobs-running':
      return log.info('jobs are done here');
    case 'jobs-away':
      if (event.code === 'database-away') return log.warn('jobs wait: the database is away');
      // It is tried again all the same; what is missing may be a right that somebody now gives.
      return log.error('jobs cannot be done', { why: event.code });
    case 'job-done':
      return log.debug('job done', {
        what: event.name,
        attempt: event.attempt,
        tookMs: Math.round(event.tookMs),
      });
    case 'job-failed': {
      const { name, attempt, code, isDead } = event;
      if (isDead) return log.error('job given up', { what: name, attempt, why: code });
      return log.warn('job failed', { what: name, attempt, why: code });
    }
  }
}

function logAfterCall(event: AfterCallEvent, log: Logger): void {
  switch (event.what) {
    case 'call-analysed': {
      const { callSid, model, concernCount } = event;
      return log.info('call analysed', { callSid, model, concernCount });
    }
    case 'memories-kept': {
      const { callSid, addedCount, strengthenedCount } = event;
      return log.info('memories kept', { callSid, addedCount, strengthenedCount });
    }
    case 'call-back':
      return log.info('call back', { callSid: event.callSid, what: event.outcome });
    case 'alert-held': {
      const { severity } = event;
      return log.error('an alert is held until one of us has read it', { severity });
    }
    case 'alert-deliveries-planned': {
      const { severity, plannedCount } = event;
      if (plannedCount > 0)
        return log.info('deliveries of an alert are planned', { severity, plannedCount });
      return log.error('an alert has nobody to go to', { severity });
    }
  }
}
