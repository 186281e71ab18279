/**
 * The tables as Kysely sees them; the migrations are the truth. Columns called `…_sealed` hold sealed
 * personal text (see `sealed-text.ts`), `…_fingerprint` its keyed fingerprint. Times are `Date`.
 */
import type { ColumnType, Generated } from 'kysely';

type Time = ColumnType<Date, Date | string, Date | string>;
type TimeOrNull = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
/** Set by the database where it is left out. */
type DefaultTime = ColumnType<Date, Date | string | undefined, Date | string>;
type Nullable<T> = ColumnType<T | null, T | null | undefined, T | null>;
/** Read as a value, written as JSON text. */
type Json = ColumnType<Record<string, unknown>, string | undefined, string>;
type JsonOrNull = ColumnType<
  Record<string, unknown> | null,
  string | null | undefined,
  string | null
>;

export type FamilyTable = {
  id: string;
  kind: Generated<'family' | 'organisation'>;
  name_sealed: Buffer;
  created_at: DefaultTime;
};

export type SeniorTable = {
  id: string;
  family_id: Nullable<string>;
  status: 'prospect' | 'active' | 'inactive';
  name_sealed: Buffer;
  phone_sealed: Buffer;
  phone_fingerprint: Buffer;
  language: Generated<'en' | 'es'>;
  time_zone: string;
  profile_sealed: Nullable<Buffer>;
  manner: Json;
  created_at: DefaultTime;
  updated_at: DefaultTime;
};

export type CaregiverTable = {
  id: string;
  family_id: string;
  kind: Generated<'family' | 'staff'>;
  name_sealed: Buffer;
  email_sealed: Nullable<Buffer>;
  email_fingerprint: Nullable<Buffer>;
  phone_sealed: Nullable<Buffer>;
  time_zone: string;
  notify: Json;
  created_at: DefaultTime;
  updated_at: DefaultTime;
};

export type CareLinkTable = {
  id: string;
  family_id: string;
  senior_id: string;
  caregiver_id: string;
  contact_rank: Generated<number>;
  created_at: DefaultTime;
  ended_at: TimeOrNull;
};

export type ConsentTable = {
  id: string;
  senior_id: string;
  kind: 'calls' | 'recording' | 'memory' | 'sharing';
  state: 'given' | 'withdrawn';
  source: 'senior' | 'caregiver' | 'admin';
  recorded_by: Nullable<string>;
  evidence_sealed: Nullable<Buffer>;
  recorded_at: DefaultTime;
};

export type ConversationTable = {
  id: string;
  call_sid: string;
  senior_id: Nullable<string>;
  direction: 'inbound' | 'outbound';
  state: Generated<'active' | 'ended'>;
  started_at: Time;
  ended_at: TimeOrNull;
  end_reason: Nullable<string>;
  resume_count: Generated<number>;
  holder: Nullable<string>;
  held_since: TimeOrNull;
  withheld: Generated<boolean>;
  withheld_from: Generated<string[]>;
  updated_at: DefaultTime;
};

export type TurnTable = {
  id: string;
  conversation_id: string;
  speaker: 'caller' | 'companion';
  turn_key: string;
  revision: Generated<number>;
  kind: Generated<'turn' | 'backchannel'>;
  answers: Nullable<string>;
  heard_sealed: Buffer;
  spoken_sealed: Nullable<Buffer>;
  interrupted: Generated<boolean>;
  happened_at: Time;
  timings: Json;
  committed_at: DefaultTime;
};

export type AnalysisTable = {
  id: string;
  conversation_id: string;
  version: Generated<number>;
  content_sealed: Buffer;
  model: string;
  created_at: DefaultTime;
};

export type MemoryTable = {
  id: string;
  senior_id: string;
  kind: 'fact' | 'preference' | 'event' | 'concern' | 'relationship';
  text_sealed: Buffer;
  text_fingerprint: Buffer;
  importance: Generated<number>;
  embedding_sealed: Nullable<Buffer>;
  embedder: Nullable<string>;
  dim: Nullable<number>;
  /** `YYYY-MM-DD`. */
  happens_on: Nullable<string>;
  conversation_id: Nullable<string>;
  created_at: DefaultTime;
  updated_at: DefaultTime;
  last_used_at: TimeOrNull;
};

export type ReminderTable = {
  id: string;
  senior_id: string;
  kind: 'medication' | 'appointment' | 'wellness' | 'social' | 'custom';
  text_sealed: Buffer;
  rule: JsonOrNull;
  /** `HH:MM:SS` on the senior's wall clock. */
  local_time: Nullable<string>;
  time_zone: string;
  next_at: TimeOrNull;
  active: Generated<boolean>;
  max_attempts: Generated<number>;
  created_by: Nullable<string>;
  created_at: DefaultTime;
  updated_at: DefaultTime;
};

export type ReminderDeliveryTable = {
  id: string;
  senior_id: string;
  reminder_id: string;
  due_at: Time;
  state: Generated<
    | 'pending'
    | 'calling'
    | 'delivered'
    | 'acknowledged'
    | 'confirmed'
    | 'refused'
    | 'retry_pending'
    | 'max_attempts'
  >;
  attempts: Generated<number>;
  next_attempt_at: TimeOrNull;
  conversation_id: Nullable<string>;
  evidence_sealed: Nullable<Buffer>;
  created_at: DefaultTime;
  updated_at: DefaultTime;
};

export type AlertTable = {
  id: string;
  alert_key: string;
  senior_id: Nullable<string>;
  conversation_id: Nullable<string>;
  turn_key: Nullable<string>;
  category: string;
  severity: 'low' | 'medium' | 'high';
  evidence_sealed: Buffer;
  state: Generated<'open' | 'acknowledged' | 'resolved'>;
  withheld_from: Generated<string[]>;
  held: Generated<boolean>;
  released_at: TimeOrNull;
  raised_at: Time;
  acknowledged_at: TimeOrNull;
  acknowledged_by: Nullable<string>;
};

export type AlertDeliveryTable = {
  id: string;
  alert_id: string;
  caregiver_id: string;
  channel: 'sms' | 'voice' | 'email' | 'push';
  step: Generated<number>;
  state: Generated<'pending' | 'sent' | 'failed' | 'acknowledged' | 'cancelled'>;
  attempts: Generated<number>;
  next_attempt_at: TimeOrNull;
  sent_at: TimeOrNull;
  error_code: Nullable<string>;
  created_at: DefaultTime;
  updated_at: DefaultTime;
};

export type WebhookEventTable = {
  id: string;
  provider: string;
  event_key: string;
  path: string;
  body_sealed: Buffer;
  received_at: DefaultTime;
  state: Generated<'received' | 'processing' | 'done' | 'failed'>;
  attempts: Generated<number>;
  claimed_at: TimeOrNull;
  claimed_by: Nullable<string>;
  finished_at: TimeOrNull;
  error_code: Nullable<string>;
};

export type MessageTable = {
  id: string;
  message_key: string;
  senior_id: Nullable<string>;
  meaning: 'stop' | 'start' | 'other';
  body_sealed: Buffer;
  media_count: Generated<number>;
  received_at: Time;
  created_at: DefaultTime;
};

export type JobAttemptTable = {
  id: string;
  job_id: string;
  queue: string;
  attempt: number;
  instance: string;
  started_at: DefaultTime;
  finished_at: TimeOrNull;
  outcome: Nullable<'done' | 'failed'>;
  error_code: Nullable<string>;
};

export type AuditLogTable = {
  id: string;
  at: DefaultTime;
  actor_kind: 'service' | 'admin' | 'caregiver' | 'senior';
  actor_id: Nullable<string>;
  action: string;
  entity: string;
  entity_id: Nullable<string>;
  senior_id: Nullable<string>;
  detail: Json;
};

export type ConversationStepTable = {
  id: string;
  conversation_id: string;
  step: 'transcript' | 'memories' | 'notify';
  up_to: number;
  figures: Json;
  done_at: DefaultTime;
};

export type SpoolPositionTable = {
  spool_id: string;
  /** bigint; node-postgres gives it as text. */
  last_seq: ColumnType<string, number | string, number | string>;
  updated_at: DefaultTime;
};

export type Tables = {
  families: FamilyTable;
  seniors: SeniorTable;
  caregivers: CaregiverTable;
  care_links: CareLinkTable;
  consents: ConsentTable;
  conversations: ConversationTable;
  turns: TurnTable;
  analyses: AnalysisTable;
  memories: MemoryTable;
  reminders: ReminderTable;
  reminder_deliveries: ReminderDeliveryTable;
  alerts: AlertTable;
  alert_deliveries: AlertDeliveryTable;
  webhook_events: WebhookEventTable;
  job_attempts: JobAttemptTable;
  audit_log: AuditLogTable;
  conversation_steps: ConversationStepTable;
  spool_positions: SpoolPositionTable;
  messages: MessageTable;
};
