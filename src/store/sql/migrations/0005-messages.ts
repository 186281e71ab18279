/** Text messages that people send to the line: kept for those who look after them. */
import { ALL, protect, run, THEIR_SENIORS, type MigrationDb } from './protection.ts';

const TABLES = `
  create table messages (
    id uuid primary key,
    -- What the provider calls it: the same message twice is one row.
    message_key text not null unique check (length(message_key) between 1 and 128),
    -- Null: nobody has the number it came from.
    senior_id uuid references seniors on delete cascade,
    meaning text not null check (meaning in ('stop', 'start', 'other')),
    body_sealed bytea not null,
    media_count smallint not null default 0 check (media_count >= 0),
    received_at timestamptz not null,
    created_at timestamptz not null default now()
  );
  create index messages_senior on messages (senior_id, received_at desc);
  create index messages_age on messages (received_at);`;

export async function up(db: MigrationDb): Promise<void> {
  await run(db, TABLES);
  await protect(db, 'messages', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ['select', 'delete'] },
    { role: 'caregiver', verbs: ['select'], rows: THEIR_SENIORS },
  ]);
}

export async function down(db: MigrationDb): Promise<void> {
  await run(db, 'drop table messages');
}
