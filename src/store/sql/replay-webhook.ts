/** An operator has a failed webhook acted upon again. */
import { audit } from './audit-log.ts';
import type { Database } from './database.ts';
import type { WebhookEvents, WebhookState } from './webhook-events.ts';

/** Makes it claimable again, under the same key, and audits that. Undefined: there is none. */
export async function replayWebhook(
  store: { readonly database: Pick<Database, 'withScope'>; readonly webhooks: WebhookEvents },
  eventId: string,
  /** By which way the operator came. */
  way: 'endpoint' | 'command',
): Promise<{ readonly isReplayed: boolean; readonly state: WebhookState } | undefined> {
  const { database, webhooks } = store;
  return await database.withScope({ kind: 'service' }, async (tx) => {
    const [event] = await webhooks.list(tx, { eventId });
    if (event === undefined) return undefined;
    const isReplayed = await webhooks.replay(tx, eventId);
    if (isReplayed) {
      await audit(tx, {
        actorKind: 'admin',
        action: 'webhook.replay',
        entity: 'webhook_events',
        entityId: eventId,
        detail: { way, attempts: event.attempts },
      });
    }
    return { isReplayed, state: isReplayed ? 'received' : event.state };
  });
}
