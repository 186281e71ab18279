/** Looking into the queues without touching them: how much waits, and what was given up. */
import type { SqlExecutor } from '../sql/job-queue-access.ts';
import { DEAD_LETTERS } from './job-policies.ts';
import {
  type DeadJob,
  JOB_NAMES,
  type JobData,
  type JobDepths,
  type JobName,
} from './job-types.ts';

const MAX_DEAD = 1_000;

type Depth = { -readonly [K in keyof JobDepths[JobName]]: number };

export const NO_DEPTHS: JobDepths = depthsFrom([]);

/** One query over what is not finished; finished jobs are not looked at. */
export async function depthsOf(queue: SqlExecutor): Promise<JobDepths> {
  const { rows } = await queue.executeSql(
    `select name,
       count(*) filter (where state < 'active' and start_after <= now()) as ready,
       count(*) filter (where state < 'active' and start_after > now()) as later,
       count(*) filter (where state = 'active') as active, 0 as dead
     from pgboss.job where state <= 'active' and name = any ($1::text[]) group by name
     union all
     select source_name, 0, 0, 0, count(*) from pgboss.job
     where name = $2 and state < 'active' group by source_name`,
    [[...JOB_NAMES], DEAD_LETTERS],
  );
  return depthsFrom(rows);
}

function depthsFrom(rows: readonly Record<string, unknown>[]): JobDepths {
  const depths = new Map<JobName, Depth>();
  for (const name of JOB_NAMES) depths.set(name, { ready: 0, later: 0, active: 0, dead: 0 });
  for (const row of rows) {
    const depth = depths.get(textOf(row['name']) as JobName);
    if (depth === undefined) continue;
    for (const what of ['ready', 'later', 'active', 'dead'] as const) {
      depth[what] += Number(row[what] ?? 0);
    }
  }
  return Object.fromEntries(depths) as JobDepths;
}

/** The latest first. Those that are being replayed are not among them. */
export async function deadLettersIn(queue: SqlExecutor, limit: number): Promise<DeadJob[]> {
  const { rows } = await queue.executeSql(
    `select id, source_name, data, created_on, coalesce(source_created_on, created_on) as born_on,
       source_retry_count, source_output
     from pgboss.job where name = $1 and state < 'active'
     order by created_on desc, id limit $2`,
    [DEAD_LETTERS, Math.max(1, Math.min(limit, MAX_DEAD))],
  );
  return rows.map((row) => ({
    id: textOf(row['id']),
    name: textOf(row['source_name']),
    data: (row['data'] ?? {}) as JobData,
    createdAtMs: timeOf(row['born_on']),
    diedAtMs: timeOf(row['created_on']),
    attempts: Number(row['source_retry_count'] ?? 0) + 1,
    errorCode: codeIn(row['source_output']),
  }));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'unknown';
}

function timeOf(value: unknown): number {
  return value instanceof Date ? value.getTime() : 0;
}

/** Ours, or 'lost' where pg-boss gave it up because nobody told of it any more. */
function codeIn(output: unknown): string {
  if (typeof output === 'object' && output !== null && 'code' in output) {
    return typeof output.code === 'string' ? output.code : 'lost';
  }
  return 'lost';
}
