/**
 * Webhooks as the database has them, by hand:
 *
 *   node scripts/webhooks.ts list [received|processing|done|failed] [--json]   the failed ones
 *   node scripts/webhooks.ts replay ID [--json]
 *
 * Works on DATABASE_URL (or DATABASE_URL_FILE), or on the embedded database in DATA_DIR while no
 * server runs on it. A replayed one is taken up by a running instance within seconds, under the same
 * key; it is in the audit log. Nothing of what webhooks said is shown, so no encryption key is needed.
 */
import { randomBytes } from 'node:crypto';
import { createSealer } from '../src/store/sealed-text.ts';
import { openOperatorDatabase } from './operator-database.ts';
import { replayWebhook } from '../src/store/sql/replay-webhook.ts';
import { webhookEventsIn, type WebhookSummary } from '../src/store/sql/webhook-events.ts';
import { isUuid } from '../src/store/uuid.ts';
import { type Outcome, runOperatorCommand } from './operator-command.ts';

const STATES = ['received', 'processing', 'done', 'failed'] as const;

type Order =
  | { readonly kind: 'list'; readonly state: (typeof STATES)[number] }
  | { readonly kind: 'replay'; readonly eventId: string };

const USAGE = `usage: npm run webhooks -- list [${STATES.join('|')}] | replay ID   [--json]`;

function orderFrom(args: readonly string[]): Order | undefined {
  const [kind, what, ...rest] = args;
  if (rest.length > 0) return undefined;
  if (kind === 'replay' && what !== undefined && isUuid(what)) return { kind, eventId: what };
  const state = STATES.find((each) => each === (what ?? 'failed'));
  return kind === 'list' && state !== undefined ? { kind, state } : undefined;
}

async function perform(order: Order): Promise<Outcome<WebhookSummary>> {
  const { database } = await openOperatorDatabase();
  // Nothing is sealed or opened here.
  const webhooks = webhookEventsIn(createSealer([randomBytes(32)]));
  try {
    if (order.kind === 'list') {
      const found = await database.withScope({ kind: 'service' }, (tx) =>
        webhooks.list(tx, { state: order.state }),
      );
      return { pass: true, rows: found, said: `${found.length} ${order.state}` };
    }
    const replayed = await replayWebhook({ database, webhooks }, order.eventId, 'command');
    if (replayed === undefined) return { pass: false, said: 'there is no such webhook' };
    if (!replayed.isReplayed) {
      return { pass: false, said: `it has not failed: it is ${replayed.state}` };
    }
    return { pass: true, said: 'a running instance takes it up within seconds' };
  } finally {
    await database.close();
  }
}

function line(event: WebhookSummary): string {
  const at = new Date(event.receivedAtMs).toISOString();
  const error = event.errorCode ?? '';
  return `${event.eventId}  ${at}  ${event.path}  ${event.eventKey}  ${event.attempts}x  ${error}`;
}

await runOperatorCommand({ usage: USAGE, rowsAre: 'webhooks', orderFrom, perform, line });
