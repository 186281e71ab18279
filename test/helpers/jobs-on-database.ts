/** Jobs as tests open them: quick to look, and stopped when the test is over. */
import { onTestFinished } from 'vitest';
import type { JobEvent } from '../../src/store/jobs/job-types.ts';
import { createJobs, type JobsOptions } from '../../src/store/jobs/jobs.ts';
import type { Database } from '../../src/store/sql/database.ts';

export const service = { kind: 'service' } as const;

export const QUICK = { retryDelaySeconds: 0, retryDelayMaxSeconds: 1 };

/** Each test has jobs of its own, on tables that it shares with those before it. */
export function openJobs(database: Database, options: Partial<JobsOptions> = {}) {
  const events: JobEvent[] = [];
  const jobs = createJobs({
    database,
    instance: 'test',
    pollMs: 50,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  onTestFinished(async () => await jobs.stop(2_000));
  return { jobs, events };
}

export async function attemptsOf(database: Database, jobId: string) {
  return await database.withScope(service, (tx) =>
    tx
      .selectFrom('job_attempts')
      .select(['attempt', 'outcome', 'error_code', 'instance', 'queue'])
      .where('job_id', '=', jobId)
      .orderBy('attempt')
      .execute(),
  );
}
