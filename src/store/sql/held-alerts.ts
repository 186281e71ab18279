/**
 * Alerts that wait for one of us: somebody close to the caller may be accused in them, and may be the
 * very contact who would get them. Until they are released no caregiver is told of them, sees them,
 * or reads what was said in their call (migration 0008).
 */
import { sql } from 'kysely';
import type { Sealer } from '../sealed-text.ts';
import { planDeliveries } from './alert-deliveries.ts';
import { evidencePlace } from './alerts.ts';
import { audit } from './audit-log.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type HeldAlert = {
  readonly alertId: string;
  readonly seniorId: string | undefined;
  readonly category: string;
  readonly severity: 'low' | 'medium' | 'high';
  readonly raisedAtMs: number;
  /** Caregivers of the senior, the first contact first: some of them may be accused. */
  readonly caregiverIds: readonly string[];
};

/** Of these many at most somebody looks at once. */
const MAX_LISTED = 100;

/** Those that nobody has released yet, the oldest first. */
export async function heldAlerts(tx: ScopedTransaction): Promise<HeldAlert[]> {
  const rows = await tx
    .selectFrom('alerts')
    .select(['id', 'senior_id', 'category', 'severity', 'raised_at'])
    .select(
      sql<string[]>`array(select l.caregiver_id from care_links l
        where l.senior_id = alerts.senior_id and l.ended_at is null
        order by l.contact_rank, l.caregiver_id)`.as('caregiver_ids'),
    )
    .where('held', '=', true)
    .where('released_at', 'is', null)
    .orderBy('raised_at')
    .orderBy('id')
    .limit(MAX_LISTED)
    .execute();
  return rows.map((row) => ({
    alertId: row.id,
    seniorId: row.senior_id ?? undefined,
    category: row.category,
    severity: row.severity,
    raisedAtMs: row.raised_at.getTime(),
    caregiverIds: row.caregiver_ids,
  }));
}

/** The caller's words in it. @returns undefined: there is no such alert, or it is not held. */
export async function readHeldAlert(
  tx: ScopedTransaction,
  sealer: Sealer,
  alertId: string,
): Promise<string | undefined> {
  const alert = await tx
    .selectFrom('alerts')
    .select(['alert_key', 'evidence_sealed', 'senior_id'])
    .where('id', '=', alertId)
    .where('held', '=', true)
    .executeTakeFirst();
  if (alert === undefined) return undefined;
  await audited(tx, 'alert.read', alertId, alert.senior_id, {});
  return sealer.open(evidencePlace(alert.alert_key), alert.evidence_sealed);
}

/**
 * Lets the caregivers have it, except `accused`: they never see it, nor what was said in its call.
 * Its deliveries are planned, and who is left may read the call once none of its alerts is held.
 * @returns how many deliveries there are now; undefined: it is not held, or released already.
 */
export async function releaseAlert(
  tx: ScopedTransaction,
  alertId: string,
  accused: readonly string[],
): Promise<number | undefined> {
  const alert = await tx
    .updateTable('alerts')
    .set({
      released_at: sql<Date>`now()`,
      withheld_from: sql<string[]>`withheld_from || ${[...accused]}::uuid[]`,
    })
    .where('id', '=', alertId)
    .where('held', '=', true)
    .where('released_at', 'is', null)
    .returning(['senior_id', 'conversation_id'])
    .executeTakeFirst();
  if (alert === undefined) return undefined;
  if (alert.conversation_id !== null) await openCall(tx, alert.conversation_id, accused);
  await audited(tx, 'alert.release', alertId, alert.senior_id, { accused: accused.length });
  return (await planDeliveries(tx, alertId)).planned;
}

async function audited(
  tx: ScopedTransaction,
  action: 'alert.read' | 'alert.release',
  alertId: string,
  seniorId: string | null,
  detail: Readonly<Record<string, number>>,
): Promise<void> {
  const whose = seniorId === null ? {} : { seniorId };
  await audit(tx, {
    ...whose,
    ...{ actorKind: 'admin', action, entity: 'alerts', entityId: alertId, detail },
  });
}

async function openCall(
  tx: ScopedTransaction,
  conversationId: string,
  accused: readonly string[],
): Promise<void> {
  // Locked first: an alert that is raised meanwhile is seen here, or comes behind and withholds again.
  await tx
    .updateTable('conversations')
    .set({ withheld_from: sql<string[]>`withheld_from || ${[...accused]}::uuid[]` })
    .where('id', '=', conversationId)
    .execute();
  const left = await tx
    .selectFrom('alerts')
    .select('id')
    .where('conversation_id', '=', conversationId)
    .where('held', '=', true)
    .where('released_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  if (left !== undefined) return;
  await tx
    .updateTable('conversations')
    .set({ withheld: false })
    .where('id', '=', conversationId)
    .execute();
}
