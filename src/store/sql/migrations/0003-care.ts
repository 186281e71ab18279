/** What is promised and what is feared: reminders and alerts, each with their deliveries. */
import { ALL, protect, run, THEIR_SENIORS, THIS_SENIOR, type MigrationDb } from './protection.ts';

const REMINDERS = `
  -- rule and local_time are the senior's wall clock; next_at is the moment worked out from them.
  create table reminders (
    id uuid primary key,
    senior_id uuid not null references seniors on delete cascade,
    kind text not null check (kind in ('medication', 'appointment', 'wellness', 'social', 'custom')),
    text_sealed bytea not null,
    rule jsonb check (jsonb_typeof(rule) = 'object'),
    local_time time,
    time_zone text not null check (length(time_zone) between 1 and 64),
    next_at timestamptz,
    active boolean not null default true,
    max_attempts smallint not null default 2 check (max_attempts between 1 and 10),
    created_by uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (senior_id, id)
  );
  create index reminders_due on reminders (next_at) where active and next_at is not null;

  create table reminder_deliveries (
    id uuid primary key,
    senior_id uuid not null,
    reminder_id uuid not null,
    due_at timestamptz not null,
    state text not null default 'pending' check (state in (
      'pending', 'calling', 'delivered', 'acknowledged', 'confirmed', 'refused',
      'retry_pending', 'max_attempts'
    )),
    attempts smallint not null default 0 check (attempts >= 0),
    next_attempt_at timestamptz,
    conversation_id uuid references conversations on delete set null,
    evidence_sealed bytea,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- A restart in the due minute makes no second one.
    unique (reminder_id, due_at),
    foreign key (senior_id, reminder_id) references reminders (senior_id, id) on delete cascade
  );
  create index reminder_deliveries_waiting on reminder_deliveries (next_attempt_at)
    where state in ('pending', 'retry_pending');
  create index reminder_deliveries_senior on reminder_deliveries (senior_id, due_at desc);
  create index reminder_deliveries_conversation on reminder_deliveries (conversation_id);`;

const ALERTS = `
  create table alerts (
    id uuid primary key,
    -- Made from the call, the turn and the category: raising twice is raising once.
    alert_key text not null unique check (length(alert_key) between 1 and 256),
    senior_id uuid references seniors on delete cascade,
    conversation_id uuid references conversations on delete set null,
    turn_key text check (length(turn_key) <= 128),
    category text not null check (length(category) between 1 and 64),
    severity text not null check (severity in ('low', 'medium', 'high')),
    evidence_sealed bytea not null,
    state text not null default 'open' check (state in ('open', 'acknowledged', 'resolved')),
    -- Caregivers whom the caller accuses: they neither get it nor see it.
    withheld_from uuid[] not null default '{}',
    raised_at timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by uuid,
    check (state = 'open' or acknowledged_at is not null)
  );
  create index alerts_open on alerts (raised_at) where state = 'open';
  create index alerts_by_senior on alerts (senior_id, raised_at desc);
  create index alerts_conversation on alerts (conversation_id);

  create table alert_deliveries (
    id uuid primary key,
    alert_id uuid not null references alerts on delete cascade,
    caregiver_id uuid not null references caregivers on delete cascade,
    channel text not null check (channel in ('sms', 'voice', 'email', 'push')),
    step smallint not null default 1 check (step >= 1),
    state text not null default 'pending'
      check (state in ('pending', 'sent', 'failed', 'acknowledged', 'cancelled')),
    attempts smallint not null default 0 check (attempts >= 0),
    next_attempt_at timestamptz,
    sent_at timestamptz,
    error_code text check (length(error_code) <= 64),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (alert_id, caregiver_id, channel, step)
  );
  create index alert_deliveries_waiting on alert_deliveries (next_attempt_at)
    where state = 'pending';
  create index alert_deliveries_caregiver on alert_deliveries (caregiver_id);`;

const NOT_WITHHELD = `${THEIR_SENIORS} and not (app_caregiver_id() = any (withheld_from))`;

export async function up(db: MigrationDb): Promise<void> {
  await run(db, REMINDERS);
  await run(db, ALERTS);
  await protect(db, 'reminders', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ALL },
    { role: 'caregiver', verbs: ALL, rows: THEIR_SENIORS },
    { role: 'call', verbs: ['select'], rows: THIS_SENIOR },
  ]);
  await protect(db, 'reminder_deliveries', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ['select', 'delete'] },
    { role: 'caregiver', verbs: ['select'], rows: THEIR_SENIORS },
    { role: 'call', verbs: ['select'], rows: THIS_SENIOR },
    {
      role: 'call',
      verbs: ['update'],
      rows: THIS_SENIOR,
      columns: ['state', 'conversation_id', 'evidence_sealed', 'updated_at'],
    },
  ]);
  await protect(db, 'alerts', [
    { role: 'service', verbs: ALL },
    {
      role: 'admin',
      verbs: ['select', 'update', 'delete'],
      columns: ['state', 'acknowledged_at', 'acknowledged_by'],
    },
    {
      role: 'caregiver',
      verbs: ['select', 'update'],
      rows: NOT_WITHHELD,
      columns: ['state', 'acknowledged_at', 'acknowledged_by'],
    },
    { role: 'call', verbs: ['select', 'insert'], rows: THIS_SENIOR },
  ]);
  await protect(db, 'alert_deliveries', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ['select', 'delete'] },
    {
      role: 'caregiver',
      verbs: ['select'],
      rows: 'caregiver_id = app_caregiver_id() and exists (select 1 from alerts a where a.id = alert_id)',
    },
  ]);
}

export async function down(db: MigrationDb): Promise<void> {
  await run(db, 'drop table alert_deliveries, alerts, reminder_deliveries, reminders');
}
