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
import { resolveSecretFiles } from '../src/secret-files.ts';
import { createSealer } from '../src/store/sealed-text.ts';
import { openDatabase } from '../src/store/sql/database.ts';
import { replayWebhook } from '../src/store/sql/replay-webhook.ts';
import { webhookEventsIn, type WebhookSummary } from '../src/store/sql/webhook-events.ts';
import { isUuid } from '../src/store/uuid.ts';

const STATES = ['received', 'processing', 'done', 'failed'] as const;

type Order =
  | { readonly kind: 'list'; readonly state: (typeof STATES)[number] }
  | { readonly kind: 'replay'; readonly eventId: string };

type Outcome = {
  readonly pass: boolean;
  readonly webhooks?: readonly WebhookSummary[];
  readonly said: string;
};

const USAGE = `usage: npm run webhooks -- list [${STATES.join('|')}] | replay ID   [--json]`;

function orderFrom(args: readonly string[]): Order | undefined {
  const [kind, what, ...rest] = args.filter((arg) => arg !== '--json');
  if (rest.length > 0) return undefined;
  if (kind === 'replay' && what !== undefined && isUuid(what)) return { kind, eventId: what };
  const state = STATES.find((each) => each === (what ?? 'failed'));
  return kind === 'list' && state !== undefined ? { kind, state } : undefined;
}

async function perform(order: Order): Promise<Outcome> {
  const env = resolveSecretFiles(process.env);
  const database = await openDatabase({
    databaseUrl: env['DATABASE_URL']?.trim() || undefined,
    dataDir: env['DATA_DIR']?.trim() || 'data',
    migrations: 'check',
  });
  // Nothing is sealed or opened here.
  const webhooks = webhookEventsIn(createSealer([randomBytes(32)]));
  try {
    if (order.kind === 'list') {
      const found = await database.withScope({ kind: 'service' }, (tx) =>
        webhooks.list(tx, { state: order.state }),
      );
      return { pass: true, webhooks: found, said: `${found.length} ${order.state}` };
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

async function main(args: readonly string[]): Promise<number> {
  const order = orderFrom(args);
  if (order === undefined) {
    console.error(USAGE);
    return 2;
  }
  const isJson = args.includes('--json');
  try {
    const { pass, webhooks = [], said } = await perform(order);
    if (isJson) console.log(JSON.stringify({ pass, said, webhooks }));
    else for (const text of [...webhooks.map(line), said]) console.log(text);
    return pass ? 0 : 1;
  } catch (error) {
    const message = error instanceof Error ? error.message : 'it failed';
    if (isJson) console.log(JSON.stringify({ pass: false, said: message, webhooks: [] }));
    else console.error(message);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
