/** Who did what to whose data. Ids and names of actions only; written in the same transaction. */
import { uuidv7 } from '../uuid.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type AuditEntry = {
  readonly actorKind: 'service' | 'admin' | 'caregiver' | 'senior';
  readonly actorId?: string;
  /** A short name such as `webhook.replay`. */
  readonly action: string;
  /** A table's name. */
  readonly entity: string;
  readonly entityId?: string;
  readonly seniorId?: string;
  /** Words and numbers of our own; nothing personal. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
};

export async function audit(tx: ScopedTransaction, entry: AuditEntry): Promise<void> {
  await tx
    .insertInto('audit_log')
    .values({
      id: uuidv7(),
      actor_kind: entry.actorKind,
      actor_id: entry.actorId ?? null,
      action: entry.action,
      entity: entry.entity,
      entity_id: entry.entityId ?? null,
      senior_id: entry.seniorId ?? null,
      detail: JSON.stringify(entry.detail ?? {}),
    })
    .execute();
}
