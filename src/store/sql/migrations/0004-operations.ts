/** What keeps the books: webhook events, attempts at jobs, the audit log, how far spools are read. */
import { protect, run, type MigrationDb } from './protection.ts';

const TABLES = `
  -- What arrived is written once and never changed: nobody has the right to update those columns.
  create table webhook_events (
    id uuid primary key,
    provider text not null check (length(provider) between 1 and 32),
    event_key text not null check (length(event_key) between 1 and 256),
    path text not null check (length(path) between 1 and 256),
    body_sealed bytea not null,
    received_at timestamptz not null default now(),
    state text not null default 'received'
      check (state in ('received', 'processing', 'done', 'failed')),
    attempts integer not null default 0 check (attempts >= 0),
    claimed_at timestamptz,
    claimed_by text check (length(claimed_by) <= 128),
    finished_at timestamptz,
    error_code text check (length(error_code) <= 64),
    unique (provider, event_key),
    check ((state in ('done', 'failed')) = (finished_at is not null))
  );
  create index webhook_events_unfinished on webhook_events (received_at) where state <> 'done';
  create index webhook_events_age on webhook_events (received_at);

  create table job_attempts (
    id uuid primary key,
    job_id uuid not null,
    queue text not null check (length(queue) between 1 and 128),
    attempt integer not null check (attempt >= 1),
    instance text not null check (length(instance) <= 128),
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    outcome text check (outcome in ('done', 'failed')),
    error_code text check (length(error_code) <= 64),
    unique (job_id, attempt),
    check ((outcome is null) = (finished_at is null))
  );
  create index job_attempts_recent on job_attempts (queue, started_at desc);

  -- Ids and names of actions only. No foreign keys: it outlives what it tells about.
  create table audit_log (
    id uuid primary key,
    at timestamptz not null default now(),
    actor_kind text not null check (actor_kind in ('service', 'admin', 'caregiver', 'senior')),
    actor_id uuid,
    action text not null check (length(action) between 1 and 64),
    entity text not null check (length(entity) between 1 and 64),
    entity_id uuid,
    senior_id uuid,
    detail jsonb not null default '{}' check (jsonb_typeof(detail) = 'object')
  );
  create index audit_log_senior on audit_log (senior_id, at desc);
  create index audit_log_at on audit_log (at);

  -- Moved in the transaction that applies an entry: no entry of a spool counts twice.
  create table spool_positions (
    spool_id uuid primary key,
    last_seq bigint not null check (last_seq >= 0),
    updated_at timestamptz not null default now()
  );`;

export async function up(db: MigrationDb): Promise<void> {
  await run(db, TABLES);
  await protect(db, 'webhook_events', [
    {
      role: 'service',
      verbs: ['select', 'insert', 'update'],
      columns: ['state', 'attempts', 'claimed_at', 'claimed_by', 'finished_at', 'error_code'],
    },
    // Retention: what is done or given up may go after a month.
    {
      role: 'service',
      verbs: ['delete'],
      rows: `state in ('done', 'failed') and received_at < now() - interval '30 days'`,
    },
    {
      role: 'admin',
      verbs: ['select', 'update'],
      columns: ['state', 'finished_at', 'error_code'],
    },
  ]);
  await protect(db, 'job_attempts', [
    { role: 'service', verbs: ['select', 'insert', 'update', 'delete'] },
    { role: 'admin', verbs: ['select'] },
  ]);
  await protect(db, 'audit_log', [
    { role: 'service', verbs: ['select', 'insert'] },
    { role: 'admin', verbs: ['select'] },
    {
      role: 'admin',
      verbs: ['insert'],
      rows: `actor_kind = 'admin' and actor_id = app_admin_id()`,
    },
    {
      role: 'caregiver',
      verbs: ['insert'],
      rows: `actor_kind = 'caregiver' and actor_id = app_caregiver_id()`,
    },
    {
      role: 'call',
      verbs: ['insert'],
      rows: `actor_kind = 'senior' and senior_id = app_senior_id()`,
    },
  ]);
  await protect(db, 'spool_positions', [
    { role: 'service', verbs: ['select', 'insert', 'update', 'delete'] },
  ]);
}

export async function down(db: MigrationDb): Promise<void> {
  await run(db, 'drop table spool_positions, audit_log, job_attempts, webhook_events');
}
