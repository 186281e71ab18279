/**
 * A family with one row in every table, for tests of who sees what. Rows are plain values by column,
 * with new ids each time, so that they can be inserted, and inserted again for another family.
 */
import { randomBytes } from 'node:crypto';
import { uuidv7 } from '../../src/store/uuid.ts';

export type Row = Readonly<Record<string, unknown>>;

export type FamilyIds = {
  readonly familyId: string;
  readonly seniorId: string;
  readonly caregiverId: string;
  readonly conversationId: string;
  readonly reminderId: string;
  readonly alertId: string;
};

export type TableFixture = {
  /** A row of the family; called again it makes another one, where the family can have two. */
  readonly row: (ids: FamilyIds, first: boolean) => Row;
  /** A column that whoever may update rows of the table may update. */
  readonly touch: string;
  readonly key: string;
};

export function newFamilyIds(): FamilyIds {
  return {
    familyId: uuidv7(),
    seniorId: uuidv7(),
    caregiverId: uuidv7(),
    conversationId: uuidv7(),
    reminderId: uuidv7(),
    alertId: uuidv7(),
  };
}

const sealed = () => randomBytes(40);
const fingerprint = () => randomBytes(32);
const unique = () => randomBytes(8).toString('hex');
const idOf = (first: boolean, id: string): string => (first ? id : uuidv7());

/** In an order in which they can be inserted. */
export const TABLE_FIXTURES: Readonly<Record<string, TableFixture>> = {
  families: {
    touch: 'name_sealed',
    key: 'id',
    row: (ids, first) => ({ id: idOf(first, ids.familyId), name_sealed: sealed() }),
  },
  seniors: {
    touch: 'updated_at',
    key: 'id',
    row: (ids, first) => ({
      id: idOf(first, ids.seniorId),
      family_id: ids.familyId,
      status: 'active',
      name_sealed: sealed(),
      phone_sealed: sealed(),
      phone_fingerprint: fingerprint(),
      time_zone: 'Europe/Berlin',
    }),
  },
  caregivers: {
    touch: 'updated_at',
    key: 'id',
    row: (ids, first) => ({
      id: idOf(first, ids.caregiverId),
      family_id: ids.familyId,
      name_sealed: sealed(),
      time_zone: 'Europe/Berlin',
    }),
  },
  care_links: {
    touch: 'contact_rank',
    key: 'id',
    row: (ids, first) => ({
      id: uuidv7(),
      family_id: ids.familyId,
      senior_id: ids.seniorId,
      caregiver_id: ids.caregiverId,
      // One current link for each pair.
      ...(first ? {} : { ended_at: new Date() }),
    }),
  },
  consents: {
    touch: 'state',
    key: 'id',
    row: (ids) => ({
      id: uuidv7(),
      senior_id: ids.seniorId,
      kind: 'calls',
      state: 'given',
      source: 'caregiver',
      recorded_by: ids.caregiverId,
    }),
  },
  conversations: {
    touch: 'updated_at',
    key: 'id',
    row: (ids, first) => ({
      id: idOf(first, ids.conversationId),
      call_sid: `CA${unique()}`,
      senior_id: ids.seniorId,
      direction: 'inbound',
      started_at: new Date(),
    }),
  },
  turns: {
    touch: 'committed_at',
    key: 'id',
    row: (ids) => ({
      id: uuidv7(),
      conversation_id: ids.conversationId,
      speaker: 'caller',
      turn_key: unique(),
      heard_sealed: sealed(),
      happened_at: new Date(),
    }),
  },
  analyses: {
    touch: 'model',
    key: 'id',
    row: (ids, first) => ({
      id: uuidv7(),
      conversation_id: ids.conversationId,
      version: first ? 1 : 2 + randomBytes(3).readUIntBE(0, 3),
      content_sealed: sealed(),
      model: 'm',
    }),
  },
  memories: {
    touch: 'last_used_at',
    key: 'id',
    row: (ids) => ({
      id: uuidv7(),
      senior_id: ids.seniorId,
      kind: 'fact',
      text_sealed: sealed(),
      text_fingerprint: fingerprint(),
      embedding_sealed: randomBytes(4 * 8 + 33),
      embedder: 'hash',
      dim: 8,
    }),
  },
  reminders: {
    touch: 'updated_at',
    key: 'id',
    row: (ids, first) => ({
      id: idOf(first, ids.reminderId),
      senior_id: ids.seniorId,
      kind: 'medication',
      text_sealed: sealed(),
      time_zone: 'Europe/Berlin',
      local_time: '09:00',
      next_at: new Date(),
    }),
  },
  reminder_deliveries: {
    touch: 'updated_at',
    key: 'id',
    row: (ids) => ({
      id: uuidv7(),
      senior_id: ids.seniorId,
      reminder_id: ids.reminderId,
      due_at: new Date(randomBytes(5).readUIntBE(0, 5)),
    }),
  },
  alerts: {
    touch: 'acknowledged_by',
    key: 'id',
    row: (ids, first) => ({
      id: idOf(first, ids.alertId),
      alert_key: unique(),
      senior_id: ids.seniorId,
      conversation_id: ids.conversationId,
      category: 'health',
      severity: 'high',
      evidence_sealed: sealed(),
      raised_at: new Date(),
    }),
  },
  alert_deliveries: {
    touch: 'updated_at',
    key: 'id',
    row: (ids, first) => ({
      id: uuidv7(),
      alert_id: ids.alertId,
      caregiver_id: ids.caregiverId,
      channel: 'sms',
      step: first ? 1 : 2 + (randomBytes(1)[0] ?? 0),
    }),
  },
  webhook_events: {
    touch: 'claimed_by',
    key: 'id',
    row: () => ({
      id: uuidv7(),
      provider: 'twilio',
      event_key: unique(),
      path: '/voice/status',
      body_sealed: sealed(),
    }),
  },
  messages: {
    touch: 'meaning',
    key: 'id',
    row: (ids) => ({
      id: uuidv7(),
      message_key: unique(),
      senior_id: ids.seniorId,
      meaning: 'other',
      body_sealed: sealed(),
      received_at: new Date(),
    }),
  },
  job_attempts: {
    touch: 'instance',
    key: 'id',
    row: () => ({ id: uuidv7(), job_id: uuidv7(), queue: 'q', attempt: 1, instance: 'i' }),
  },
  audit_log: {
    touch: 'action',
    key: 'id',
    row: (ids) => ({
      id: uuidv7(),
      actor_kind: 'service',
      action: 'read',
      entity: 'seniors',
      senior_id: ids.seniorId,
    }),
  },
  conversation_steps: {
    touch: 'done_at',
    key: 'id',
    row: (ids, first) => ({
      id: uuidv7(),
      conversation_id: ids.conversationId,
      step: first ? 'transcript' : 'memories',
      up_to: 1,
    }),
  },
  spool_positions: {
    touch: 'updated_at',
    key: 'spool_id',
    row: () => ({ spool_id: uuidv7(), last_seq: 1 }),
  },
};

/** `insert into …` with its values, for a query in plain SQL. */
export function insertStatement(table: string, row: Row): { text: string; values: unknown[] } {
  const columns = Object.keys(row);
  const places = columns.map((_column, index) => `$${index + 1}`);
  return {
    text: `insert into ${table} (${columns.join(', ')}) values (${places.join(', ')})`,
    values: Object.values(row),
  };
}
