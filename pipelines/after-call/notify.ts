/**
 * Who is to be told of an alert. Here the deliveries are made, in the order of the family's contacts;
 * sending them, and asking the next one when nobody answers, will be work on those rows: nothing does it
 * yet.
 */
import { planDeliveries } from '../../src/store/sql/alert-deliveries.ts';
import { stepIsDone } from '../../src/store/sql/conversation-steps.ts';
import { callOnFile } from './call-on-file.ts';
import type { AfterCall } from './types.ts';

const service = { kind: 'service' } as const;

export async function notify(
  after: Pick<AfterCall, 'database' | 'tell'>,
  alertId: string,
): Promise<void> {
  const { severity, planned, isNew, isHeld } = await after.database.withScope(service, (tx) =>
    planDeliveries(tx, alertId),
  );
  if (severity !== undefined && isHeld)
    return after.tell({ what: 'alert-held', alertId, severity });
  if (severity === undefined || (isNew === 0 && planned > 0)) return;
  after.tell({ what: 'alert-deliveries-planned', alertId, severity, plannedCount: planned });
}

/** After the call: every alert of it, should the one or the other have been missed. */
export async function notifyOfCall(after: AfterCall, callSid: string): Promise<void> {
  const alertIds = await after.database.withScope(service, async (tx) => {
    const { conversation, turns } = await callOnFile(after, tx, callSid);
    const rows = await tx
      .selectFrom('alerts')
      .select('id')
      .where('conversation_id', '=', conversation.conversationId)
      .where('state', '=', 'open')
      .orderBy('raised_at')
      .limit(100)
      .execute();
    const figures = { alerts: rows.length };
    await stepIsDone(tx, conversation.conversationId, 'notify', { upTo: turns.length, figures });
    return rows.map(({ id }) => id);
  });
  for (const alertId of alertIds) await notify(after, alertId);
}
