/**
 * The database's schema, by hand: `npm run migrate -- up | down N | check [--json]`.
 *
 * Works on DATABASE_URL (or DATABASE_URL_FILE), or on the embedded database in DATA_DIR while no
 * server runs on it, which only `up` makes. `check` changes nothing and exits with 1 where something is pending. `down`
 * takes back the last N migrations, with all data in their tables; it asks for `--yes`.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { resolveSecretFiles } from '../src/secret-files.ts';
import { startEmbedded } from '../src/store/sql/embedded.ts';
import {
  migrateDown,
  migrateToLatest,
  migrationState,
  type MigrationState,
} from '../src/store/sql/migrate.ts';

type Order =
  | { readonly kind: 'up' | 'check' }
  | { readonly kind: 'down'; readonly count: number; readonly confirmed: boolean };

type Outcome = {
  readonly command: Order['kind'];
  readonly pass: boolean;
  readonly steps: readonly { readonly name: string; readonly direction: string }[];
  readonly state: MigrationState;
};

const USAGE = 'usage: npm run migrate -- up | down N --yes | check   [--json]';

function orderFrom(args: readonly string[]): Order | undefined {
  const [kind, count, ...rest] = args.filter((arg) => !arg.startsWith('--'));
  if (rest.length > 0) return undefined;
  if ((kind === 'up' || kind === 'check') && count === undefined) return { kind };
  if (kind !== 'down' || !/^[1-9]\d{0,3}$/.test(count ?? '')) return undefined;
  return { kind, count: Number(count), confirmed: args.includes('--yes') };
}

async function perform(order: Order): Promise<Outcome> {
  const env = resolveSecretFiles(process.env);
  const url = env['DATABASE_URL']?.trim();
  const dataDir = env['DATA_DIR']?.trim() || 'data';
  if (!url && order.kind !== 'up' && !existsSync(join(dataDir, 'postgres'))) {
    throw new Error(`there is no database in ${dataDir}: set DATA_DIR, or DATABASE_URL`);
  }
  const embedded = url
    ? undefined
    : await startEmbedded({ dataDir, onProgress: (sentence) => console.error(sentence) });
  try {
    const connection = embedded?.connection ?? { connectionString: url };
    const steps =
      order.kind === 'up'
        ? await migrateToLatest(connection)
        : order.kind === 'down'
          ? await migrateDown(connection, order.count)
          : [];
    const state = await migrationState(connection);
    const whole = state.pending.length === 0 && state.missingRoles.length === 0;
    return { command: order.kind, pass: order.kind === 'down' || whole, steps, state };
  } finally {
    await embedded?.stop();
  }
}

function print(outcome: Outcome): void {
  const { steps, state } = outcome;
  for (const step of steps) console.log(`${step.direction.toLowerCase().padEnd(5)} ${step.name}`);
  for (const name of state.applied) console.log(`there ${name}`);
  for (const name of state.pending) console.log(`PENDING ${name}`);
  for (const name of state.unknown) console.log(`of a newer version: ${name}`);
  if (state.applied.length > 0 && state.missingRoles.length > 0) {
    console.log(`this database user may not act as: ${state.missingRoles.join(', ')}`);
  }
}

async function main(args: readonly string[]): Promise<number> {
  const order = orderFrom(args);
  if (order === undefined || (order.kind === 'down' && !order.confirmed)) {
    console.error(USAGE);
    return 2;
  }
  try {
    const outcome = await perform(order);
    if (args.includes('--json')) console.log(JSON.stringify(outcome));
    else print(outcome);
    return outcome.pass ? 0 : 1;
  } catch (error) {
    const message = error instanceof Error ? error.message : 'it failed';
    if (args.includes('--json')) console.log(JSON.stringify({ pass: false, error: message }));
    else console.error(message);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
