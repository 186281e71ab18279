/**
 * Where a caller says that somebody close hurts or robs them, the first contact may be the accused.
 * Such an alert is held, and what was said in its call withheld from every caregiver, until one of
 * us has read it and released it; whoever is accused does not see it after that, either.
 */
import { redefine, run, THEIR_SENIORS, type MigrationDb } from './protection.ts';

const COLUMNS = `
  alter table alerts
    add column held boolean not null default false,
    add column released_at timestamptz,
    add check (released_at is null or held);
  alter table conversations
    -- From every caregiver, as long as one of its alerts is held and not released.
    add column withheld boolean not null default false,
    -- From these for good.
    add column withheld_from uuid[] not null default '{}';`;

/** The owner is bound by row-level security too, and so would see no row here. */
const EARLIER_ROWS = `
  alter table alerts no force row level security;
  alter table conversations no force row level security;
  alter table alert_deliveries no force row level security;
  update alerts set held = true where category in ('abuse', 'exploitation');
  update conversations set withheld = true
    where id in (select conversation_id from alerts where held);
  update conversations c set withheld_from = told.ids
    from (
      select a.conversation_id, array_agg(distinct who.id) as ids
      from alerts a, unnest(a.withheld_from) as who (id) group by a.conversation_id
    ) told
    where told.conversation_id = c.id;
  delete from alert_deliveries where state = 'pending'
    and alert_id in (select id from alerts where held);
  alter table alerts force row level security;
  alter table conversations force row level security;
  alter table alert_deliveries force row level security;
  -- Nobody can forget it: an accusation that is not held is refused.
  alter table alerts add constraint alerts_accusations_held
    check (held or category not in ('abuse', 'exploitation'));`;

const ALERTS_BEFORE = `${THEIR_SENIORS} and not (app_caregiver_id() = any (withheld_from))`;
const ALERTS_NOW = `${ALERTS_BEFORE} and (not held or released_at is not null)`;

const CALL_BEFORE =
  'exists (select 1 from conversations c where c.id = conversation_id and c.senior_id is not null)';
const OPEN_TO_THEM = 'not c.withheld and not (app_caregiver_id() = any (c.withheld_from))';
const CALL_NOW = `exists (select 1 from conversations c
  where c.id = conversation_id and c.senior_id is not null and ${OPEN_TO_THEM})`;

const MEMORIES_NOW = `${THEIR_SENIORS} and (conversation_id is null or exists
  (select 1 from conversations c where c.id = conversation_id and ${OPEN_TO_THEM}))`;

const MEMORY_VERBS = ['select', 'insert', 'update', 'delete'] as const;

export async function up(db: MigrationDb): Promise<void> {
  await run(db, COLUMNS);
  await run(db, EARLIER_ROWS);
  await redefine(db, 'alerts', 'caregiver', ['select', 'update'], ALERTS_NOW);
  await redefine(db, 'turns', 'caregiver', ['select'], CALL_NOW);
  await redefine(db, 'analyses', 'caregiver', ['select'], CALL_NOW);
  await redefine(db, 'memories', 'caregiver', MEMORY_VERBS, MEMORIES_NOW);
}

export async function down(db: MigrationDb): Promise<void> {
  await redefine(db, 'memories', 'caregiver', MEMORY_VERBS, THEIR_SENIORS);
  await redefine(db, 'analyses', 'caregiver', ['select'], CALL_BEFORE);
  await redefine(db, 'turns', 'caregiver', ['select'], CALL_BEFORE);
  await redefine(db, 'alerts', 'caregiver', ['select', 'update'], ALERTS_BEFORE);
  await run(db, 'alter table conversations drop column withheld_from, drop column withheld');
  // Takes the constraints on them along.
  await run(db, 'alter table alerts drop column released_at, drop column held');
}
