/** Alerts: raised once each, however often they are told of; acknowledged once. */
import { sql, type Selectable } from 'kysely';
import type { Sealer } from '../sealed-text.ts';
import { uuidv7 } from '../uuid.ts';
import type { CallFacts } from './conversation-types.ts';
import { conversationsIn } from './conversations.ts';
import type { AlertTable } from './schema.ts';
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
  /** One of us is to see it before any caregiver does. Accusations are held whatever this says. */
  readonly held?: boolean | undefined;
};

/** Categories in which somebody close may be accused; the table refuses them where they are not held. */
const ACCUSATIONS: ReadonlySet<string> = new Set(['abuse', 'exploitation']);

export type StoredAlert = AlertRecord & {
  readonly alertId: string;
  readonly seniorId: string | undefined;
  readonly state: 'open' | 'acknowledged' | 'resolved';
  readonly acknowledgedAtMs: number | undefined;
};

/** Far above what one call raises. */
const MAX_OF_CALL = 500;

export type Alerts = ReturnType<typeof alertsIn>;

export function alertsIn(sealer: Sealer) {
  const conversations = conversationsIn(sealer);
  const stored = storedWith(sealer);

  /**
   * Where it is held, what was said in its call is withheld from every caregiver.
   * @returns true for the first to raise it: whoever gets it sees to the deliveries.
   */
  async function raise(
    tx: ScopedTransaction,
    call: CallFacts,
    alert: AlertRecord,
  ): Promise<boolean> {
    const conversationId = await conversations.start(tx, call);
    const held = alert.held === true || ACCUSATIONS.has(alert.category);
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
        evidence_sealed: sealer.seal(evidencePlace(alert.alertKey), alert.evidence),
        withheld_from: [...alert.withheldFrom],
        held,
        raised_at: new Date(alert.raisedAtMs),
      })
      .onConflict((conflict) => conflict.column('alert_key').doNothing())
      .executeTakeFirst();
    const isFirst = (numInsertedOrUpdatedRows ?? 0n) > 0n;
    if (isFirst && (held || alert.withheldFrom.length > 0)) {
      await withhold(tx, conversationId, held, alert.withheldFrom);
    }
    return isFirst;
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
    return rows.map(stored);
  }

  /** All of a call, whatever has become of them. */
  async function ofConversation(
    tx: ScopedTransaction,
    conversationId: string,
  ): Promise<StoredAlert[]> {
    const rows = await tx
      .selectFrom('alerts')
      .selectAll()
      .where('conversation_id', '=', conversationId)
      .orderBy('raised_at')
      .orderBy('id')
      .limit(MAX_OF_CALL)
      .execute();
    return rows.map(stored);
  }

  return { raise, acknowledge, open, ofConversation };
}

/** Where its evidence is sealed to. */
export function evidencePlace(alertKey: string) {
  return { table: 'alerts', row: alertKey, column: 'evidence_sealed' };
}

function storedWith(sealer: Sealer) {
  return (row: Selectable<AlertTable>): StoredAlert => ({
    alertId: row.id,
    alertKey: row.alert_key,
    seniorId: row.senior_id ?? undefined,
    turnKey: row.turn_key ?? undefined,
    category: row.category,
    severity: row.severity,
    evidence: sealer.open(evidencePlace(row.alert_key), row.evidence_sealed),
    withheldFrom: row.withheld_from,
    held: row.held,
    raisedAtMs: row.raised_at.getTime(),
    state: row.state,
    acknowledgedAtMs: row.acknowledged_at?.getTime(),
  });
}

/** Only ever more: what is released is opened again in held-alerts.ts. */
async function withhold(
  tx: ScopedTransaction,
  conversationId: string,
  fromAll: boolean,
  from: readonly string[],
): Promise<void> {
  await tx
    .updateTable('conversations')
    .set({
      withheld: sql<boolean>`withheld or ${fromAll}::boolean`,
      withheld_from: sql<string[]>`withheld_from || ${[...from]}::uuid[]`,
    })
    .where('id', '=', conversationId)
    .execute();
}
