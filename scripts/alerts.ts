/**
 * Alerts that are held because somebody close to the caller may be accused in them, by hand:
 *
 *   node scripts/alerts.ts held [--json]
 *   node scripts/alerts.ts read ID [--json]                                   the caller's words
 *   node scripts/alerts.ts release ID [CAREGIVER_ID …] [--json]   to all caregivers but those named
 *
 * Works on DATABASE_URL (or DATABASE_URL_FILE), or on the embedded database in DATA_DIR while no
 * server runs on it. Reading and releasing are in the audit log.
 */
import { encryptionKeys } from '../src/config-values.ts';
import { readOrCreateKeyFile } from '../src/store/key-file.ts';
import { createSealer } from '../src/store/sealed-text.ts';
import { openOperatorDatabase } from './operator-database.ts';
import {
  type HeldAlert,
  heldAlerts,
  readHeldAlert,
  releaseAlert,
} from '../src/store/sql/held-alerts.ts';
import { isUuid } from '../src/store/uuid.ts';
import { type Outcome, runOperatorCommand } from './operator-command.ts';

type Order =
  | { readonly kind: 'held' }
  | { readonly kind: 'read'; readonly alertId: string }
  | { readonly kind: 'release'; readonly alertId: string; readonly accused: readonly string[] };

const USAGE = 'usage: npm run alerts -- held | read ID | release ID [CAREGIVER_ID …]   [--json]';
const NOT_HELD = 'there is no such alert, or it is not held';
const service = { kind: 'service' } as const;

function orderFrom(args: readonly string[]): Order | undefined {
  const [kind, alertId, ...accused] = args;
  if (kind === 'held' && alertId === undefined) return { kind };
  if (alertId === undefined || ![alertId, ...accused].every(isUuid)) return undefined;
  if (kind === 'read' && accused.length === 0) return { kind, alertId };
  return kind === 'release' ? { kind, alertId, accused } : undefined;
}

async function perform(order: Order): Promise<Outcome<HeldAlert>> {
  const { database, dataDir, env } = await openOperatorDatabase();
  try {
    return await database.withScope(service, async (tx): Promise<Outcome<HeldAlert>> => {
      switch (order.kind) {
        case 'held': {
          const alerts = await heldAlerts(tx);
          return { pass: true, rows: alerts, said: `${alerts.length} held` };
        }
        case 'read': {
          const sealer = createSealer(await keysFrom(env['ENCRYPTION_KEY']?.trim(), dataDir));
          const words = await readHeldAlert(tx, sealer, order.alertId);
          return { pass: words !== undefined, said: words ?? NOT_HELD };
        }
        case 'release': {
          const planned = await releaseAlert(tx, order.alertId, order.accused);
          if (planned === undefined) return { pass: false, said: NOT_HELD };
          return { pass: true, said: `released; ${planned} of the caregivers may be told` };
        }
      }
    });
  } finally {
    await database.close();
  }
}

/** As the server has them: the variable, else the file. Whether they are good is the server's to judge. */
async function keysFrom(
  variable: string | undefined,
  dataDir: string,
): Promise<readonly Uint8Array[]> {
  if (variable === undefined || variable === '') return [(await readOrCreateKeyFile(dataDir)).key];
  return encryptionKeys('development').parse(variable);
}

function line({ alertId, raisedAtMs, category, severity, caregiverIds }: HeldAlert): string {
  const at = new Date(raisedAtMs).toISOString();
  return `${alertId}  ${at}  ${category}  ${severity}  caregivers: ${caregiverIds.join(' ') || 'none'}`;
}

await runOperatorCommand({ usage: USAGE, rowsAre: 'alerts', orderFrom, perform, line });
