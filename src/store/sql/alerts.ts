/** Alerts: raised once each, however often they are told of; acknowledged once. */
import type { Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
import type { CallFacts } from './conversation-types.ts';
import { conversationsIn } from './conversations.ts';
import type { ScopedTransaction } from './scoped-transaction.ts';

export type AlertRecord = {
  /** What makes it the same alert, such as `CA…/turn-3/health`. */
  readonly alertKey: string;
  readonly turnKey: string | undefined;
  readonly category: string;
  readonly severity: 'low' | 'medium' | 'high';
  /** The caller's own words. */
  readonly evidence: string;
  /** Unix milliseconds. */
  readonly raisedAtMs: number;
  /** Ids of caregivers who must neither get it nor see it, because the caller accuses them. */
  readonly withheldFrom: readonly string[];
};

export type StoredAlert = AlertRecord & {
  readonly alertId: string;
  readonly seniorId: string | undefined;
  readonly state: 'open' | 'acknowledged' | 'resolved';
  readonly acknowledgedAtMs: number | undefined;
};

export type Alerts = ReturnType<typeof alertsIn>;

export function alertsIn(sealer: Sealer) {
  const conversations = conversationsIn(sealer);
  const place = (alertKey: string) => ({
    table: 'alerts',
    row: alertKey,
    column: 'evidence_sealed',
  });

  /** @returns true for the first to raise it: whoever gets it sees to the deliveries. */
  async function raise(
    tx: ScopedTransaction,
    call: CallFacts,
    alert: AlertRecord,
  ): Promise<boolean> {
    const conversationId = await conversations.start(tx, call);
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('alerts')
      .values({
        id: uuidv7(),
        alert_key: alert.alertKey,
        senior_id: call.seniorId ?? null,
        conversation_id: conversationId,
        turn_key: alert.turnKey ?? null,
        category: alert.category,
        severity: alert.severity,
        evidence_sealed: sealer.seal(place(alert.alertKey), alert.evidence),
        withheld_from: [...alert.withheldFrom],
        raised_at: new Date(alert.raisedAtMs),
      })
      .onConflict((conflict) => conflict.column('alert_key').doNothing())
      .executeTakeFirst();
    return (numInsertedOrUpdatedRows ?? 0n) > 0n;
  }

  /**
   * @param by the caregiver; undefined for an admin.
   * @returns false where it was not open, is not there, or is not for this scope.
   */
  async function acknowledge(
    tx: ScopedTransaction,
    alertId: string,
    atMs: number,
    by: string | undefined,
  ): Promise<boolean> {
    const { numUpdatedRows } = await tx
      .updateTable('alerts')
      .set({
        state: 'acknowledged',
        acknowledged_at: new Date(atMs),
        acknowledged_by: by ?? null,
      })
      .where('id', '=', alertId)
      .where('state', '=', 'open')
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }

  /** Open ones, the oldest first; at most `limit`. */
  async function open(tx: ScopedTransaction, limit = 100): Promise<StoredAlert[]> {
    const rows = await tx
      .selectFrom('alerts')
      .selectAll()
      .where('state', '=', 'open')
      .orderBy('raised_at')
      .orderBy('id')
      .limit(limit)
      .execute();
    return rows.map((row) => ({
      alertId: row.id,
      alertKey: row.alert_key,
      seniorId: row.senior_id ?? undefined,
      turnKey: row.turn_key ?? undefined,
      category: row.category,
      severity: row.severity,
      evidence: sealer.open(place(row.alert_key), row.evidence_sealed),
      withheldFrom: row.withheld_from,
      raisedAtMs: row.raised_at.getTime(),
      state: row.state,
      acknowledgedAtMs: row.acknowledged_at?.getTime(),
    }));
  }

  return { raise, acknowledge, open };
}
