/** Which process had a call last, where only the database can tell. */
import { run, type MigrationDb } from './protection.ts';

export async function up(db: MigrationDb): Promise<void> {
  await run(
    db,
    `alter table conversations
       -- The instance that took the call up last. Null: the one that had it first.
       add column holder text check (length(holder) between 1 and 128),
       add column held_since timestamptz`,
  );
}

export async function down(db: MigrationDb): Promise<void> {
  await run(db, 'alter table conversations drop column held_since, drop column holder');
}
