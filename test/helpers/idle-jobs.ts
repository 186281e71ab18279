/** Figures of a job queue in which nothing happens, for tests of who shows them. */
import { JOB_NAMES, type JobFigures } from '../../src/store/jobs/job-types.ts';

const none = { ready: 0, later: 0, active: 0, dead: 0, done: 0, failed: 0, died: 0 };

export const IDLE_JOBS: JobFigures = {
  state: 'running',
  active: 0,
  queues: Object.fromEntries(JOB_NAMES.map((name) => [name, none])) as JobFigures['queues'],
};
