/** How far the work after a call has come. */
import { ALL, protect, run, type MigrationDb } from './protection.ts';

const TABLES = `
  -- One row for each step that was done; up_to is how many turns of the call it has seen.
  create table conversation_steps (
    id uuid primary key,
    conversation_id uuid not null references conversations on delete cascade,
    step text not null check (step in ('transcript', 'memories', 'notify')),
    up_to integer not null check (up_to >= 0),
    figures jsonb not null default '{}' check (jsonb_typeof(figures) = 'object'),
    done_at timestamptz not null default now(),
    unique (conversation_id, step)
  );`;

export async function up(db: MigrationDb): Promise<void> {
  await run(db, TABLES);
  await protect(db, 'conversation_steps', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ['select'] },
  ]);
}

export async function down(db: MigrationDb): Promise<void> {
  await run(db, 'drop table conversation_steps');
}
