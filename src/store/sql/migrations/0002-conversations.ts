/** What was said: conversations, their turns, what was made of them, and what is remembered. */
import { ALL, protect, run, THEIR_SENIORS, THIS_SENIOR, type MigrationDb } from './protection.ts';

const TABLES = `
  create table conversations (
    id uuid primary key,
    call_sid text not null unique check (length(call_sid) between 1 and 64),
    -- Null: a caller whom nobody knows. Families see nothing of it.
    senior_id uuid references seniors on delete cascade,
    direction text not null check (direction in ('inbound', 'outbound')),
    state text not null default 'active' check (state in ('active', 'ended')),
    started_at timestamptz not null,
    ended_at timestamptz,
    end_reason text check (length(end_reason) <= 64),
    resume_count integer not null default 0 check (resume_count >= 0),
    updated_at timestamptz not null default now(),
    check ((state = 'ended') = (ended_at is not null))
  );
  create index conversations_by_senior on conversations (senior_id, started_at desc);
  create index conversations_active on conversations (started_at) where state = 'active';

  -- turn_key is the call's own name for it: the caller's turn id, or the number of an utterance.
  create table turns (
    id uuid primary key,
    conversation_id uuid not null references conversations on delete cascade,
    speaker text not null check (speaker in ('caller', 'companion')),
    turn_key text not null check (length(turn_key) between 1 and 128),
    revision integer not null default 0 check (revision >= 0),
    kind text not null default 'turn' check (kind in ('turn', 'backchannel')),
    -- The caller's turn that it answers.
    answers text check (length(answers) <= 128),
    heard_sealed bytea not null,
    spoken_sealed bytea,
    interrupted boolean not null default false,
    happened_at timestamptz not null,
    timings jsonb not null default '{}' check (jsonb_typeof(timings) = 'object'),
    committed_at timestamptz not null default now(),
    unique (conversation_id, speaker, turn_key)
  );
  create index turns_in_order on turns (conversation_id, happened_at, id);

  create table analyses (
    id uuid primary key,
    conversation_id uuid not null references conversations on delete cascade,
    version integer not null default 1 check (version >= 1),
    content_sealed bytea not null,
    model text not null check (length(model) <= 128),
    created_at timestamptz not null default now(),
    unique (conversation_id, version)
  );

  -- The embedding is sealed like the text: hashed n-grams can be guessed back into words.
  create table memories (
    id uuid primary key,
    senior_id uuid not null references seniors on delete cascade,
    kind text not null check (kind in ('fact', 'preference', 'event', 'concern', 'relationship')),
    text_sealed bytea not null,
    text_fingerprint bytea not null check (octet_length(text_fingerprint) = 32),
    importance smallint not null default 50 check (importance between 0 and 100),
    embedding_sealed bytea,
    embedder text check (length(embedder) <= 64),
    dim integer check (dim between 1 and 4096),
    happens_on date,
    conversation_id uuid references conversations on delete set null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    last_used_at timestamptz,
    unique (senior_id, text_fingerprint),
    -- float32, and the 33 bytes of the seal.
    check (
      (embedding_sealed is null and embedder is null and dim is null)
      or octet_length(embedding_sealed) = 4 * dim + 33 and embedder is not null
    )
  );
  create index memories_conversation on memories (conversation_id);`;

/** Rows of a conversation that the asking role can see; its own policy decides. */
const SEEN_CALL =
  'exists (select 1 from conversations c where c.id = conversation_id and c.senior_id is not null)';

export async function up(db: MigrationDb): Promise<void> {
  await run(db, TABLES);
  await protect(db, 'conversations', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ['select', 'delete'] },
    { role: 'caregiver', verbs: ['select'], rows: THEIR_SENIORS },
    { role: 'call', verbs: ['select', 'insert', 'update'], rows: THIS_SENIOR },
  ]);
  await protect(db, 'turns', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ['select', 'delete'] },
    { role: 'caregiver', verbs: ['select'], rows: SEEN_CALL },
    { role: 'call', verbs: ['select', 'insert', 'update'], rows: SEEN_CALL },
  ]);
  await protect(db, 'analyses', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ['select', 'delete'] },
    { role: 'caregiver', verbs: ['select'], rows: SEEN_CALL },
    { role: 'call', verbs: ['select'], rows: SEEN_CALL },
  ]);
  await protect(db, 'memories', [
    { role: 'service', verbs: ALL },
    { role: 'admin', verbs: ['select', 'delete'] },
    { role: 'caregiver', verbs: ALL, rows: THEIR_SENIORS },
    { role: 'call', verbs: ['select'], rows: THIS_SENIOR },
    {
      role: 'call',
      verbs: ['update'],
      rows: THIS_SENIOR,
      columns: ['last_used_at'],
    },
  ]);
}

export async function down(db: MigrationDb): Promise<void> {
  await run(db, 'drop table memories, analyses, turns, conversations');
}
