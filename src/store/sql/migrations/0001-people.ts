/** Roles, and who there is: families, seniors, caregivers, their links, consents. */
import {
  ALL,
  protect,
  ROLE_KINDS,
  roleName,
  run,
  THEIR_SENIORS,
  THIS_SENIOR,
  type MigrationDb,
} from './protection.ts';

/** Roles belong to the server and not to one database; another one's migration may just make them. */
const CREATE_ROLES = ROLE_KINDS.map(
  (kind) => `
  do $$ begin
    create role ${roleName(kind)} nologin noinherit;
  exception when duplicate_object or unique_violation then null;
  end $$;
  do $$ begin
    if not pg_has_role(current_user, '${roleName(kind)}', 'member')
      or (select rolsuper from pg_roles where rolname = current_user) then
      grant ${roleName(kind)} to current_user;
    end if;
  end $$;`,
).join('\n');

const SETTINGS = `
  create function app_caregiver_id() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.caregiver_id', true), '')::uuid $$;
  create function app_senior_id() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.senior_id', true), '')::uuid $$;
  create function app_admin_id() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.admin_id', true), '')::uuid $$;`;

const TABLES = `
  create table families (
    id uuid primary key,
    kind text not null default 'family' check (kind in ('family', 'organisation')),
    name_sealed bytea not null,
    created_at timestamptz not null default now()
  );

  create table seniors (
    id uuid primary key,
    -- Nobody's yet: a prospect who rang by themselves.
    family_id uuid references families on delete cascade,
    status text not null check (status in ('prospect', 'active', 'inactive')),
    name_sealed bytea not null,
    phone_sealed bytea not null,
    phone_fingerprint bytea not null unique check (octet_length(phone_fingerprint) = 32),
    language text not null default 'en' check (language in ('en', 'es')),
    time_zone text not null check (length(time_zone) between 1 and 64),
    profile_sealed bytea,
    manner jsonb not null default '{}' check (jsonb_typeof(manner) = 'object'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (family_id, id),
    check (family_id is not null or status = 'prospect')
  );

  create table caregivers (
    id uuid primary key,
    family_id uuid not null references families on delete cascade,
    kind text not null default 'family' check (kind in ('family', 'staff')),
    name_sealed bytea not null,
    email_sealed bytea,
    email_fingerprint bytea unique check (octet_length(email_fingerprint) = 32),
    phone_sealed bytea,
    time_zone text not null check (length(time_zone) between 1 and 64),
    notify jsonb not null default '{}' check (jsonb_typeof(notify) = 'object'),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (family_id, id)
  );

  -- family_id in both keys: nobody is ever linked across two families.
  create table care_links (
    id uuid primary key,
    family_id uuid not null,
    senior_id uuid not null,
    caregiver_id uuid not null,
    contact_rank smallint not null default 1 check (contact_rank between 1 and 20),
    created_at timestamptz not null default now(),
    ended_at timestamptz,
    foreign key (family_id, senior_id) references seniors (family_id, id) on delete cascade,
    foreign key (family_id, caregiver_id) references caregivers (family_id, id) on delete cascade
  );
  create unique index care_links_current on care_links (caregiver_id, senior_id)
    where ended_at is null;
  create index care_links_senior on care_links (senior_id, contact_rank) where ended_at is null;
  create index care_links_family on care_links (family_id);

  -- The latest row of a kind is the consent that holds. Rows are added, never changed.
  create table consents (
    id uuid primary key,
    senior_id uuid not null references seniors on delete cascade,
    kind text not null check (kind in ('calls', 'recording', 'memory', 'sharing')),
    state text not null check (state in ('given', 'withdrawn')),
    source text not null check (source in ('senior', 'caregiver', 'admin')),
    recorded_by uuid,
    evidence_sealed bytea,
    recorded_at timestamptz not null default now()
  );
  create index consents_latest on consents (senior_id, kind, recorded_at desc);`;

export async function up(db: MigrationDb): Promise<void> {
  await run(db, CREATE_ROLES);
  await run(db, SETTINGS);
  await run(db, TABLES);
  await protect(db, 'care_links', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ALL },
    { role: 'caregiver', verbs: ['select'], rows: 'caregiver_id = app_caregiver_id()' },
  ]);
  await protect(db, 'caregivers', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ALL },
    {
      role: 'caregiver',
      verbs: ['select', 'update'],
      rows: 'id = app_caregiver_id()',
      columns: ['name_sealed', 'phone_sealed', 'time_zone', 'notify', 'updated_at'],
    },
  ]);
  await protect(db, 'families', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ALL },
    {
      role: 'caregiver',
      verbs: ['select'],
      rows: 'id in (select c.family_id from caregivers c where c.id = app_caregiver_id())',
    },
  ]);
  await protect(db, 'seniors', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ALL },
    {
      role: 'caregiver',
      verbs: ['select', 'update'],
      rows: THEIR_SENIORS.replace('senior_id in', 'id in'),
      columns: ['name_sealed', 'profile_sealed', 'language', 'time_zone', 'manner', 'updated_at'],
    },
    { role: 'call', verbs: ['select'], rows: 'id = app_senior_id()' },
  ]);
  await protect(db, 'consents', [
    { role: 'service', verbs: ['select', 'insert', 'delete'] },
    { role: 'admin', verbs: ['select', 'insert', 'delete'] },
    { role: 'caregiver', verbs: ['select'], rows: THEIR_SENIORS },
    {
      role: 'caregiver',
      verbs: ['insert'],
      rows: `${THEIR_SENIORS} and source = 'caregiver' and recorded_by = app_caregiver_id()`,
    },
    { role: 'call', verbs: ['select'], rows: THIS_SENIOR },
    { role: 'call', verbs: ['insert'], rows: `${THIS_SENIOR} and source = 'senior'` },
  ]);
}

/** The roles stay: they are the server's, and another database may use them. They can do nothing. */
export async function down(db: MigrationDb): Promise<void> {
  await run(
    db,
    `drop table consents, care_links, caregivers, seniors, families;
     drop function app_caregiver_id(), app_senior_id(), app_admin_id()`,
  );
}
