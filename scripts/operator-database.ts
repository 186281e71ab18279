/** The database that an operator's command works on. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { resolveSecretFiles, type Env } from '../src/secret-files.ts';
import { openDatabase, type Database } from '../src/store/sql/database.ts';

export type OperatorDatabase = {
  readonly database: Database;
  readonly dataDir: string;
  /** With secrets from files. */
  readonly env: Env;
};

/**
 * DATABASE_URL (or DATABASE_URL_FILE), or the embedded one in DATA_DIR while no server runs on it. A
 * schema that is behind is left alone, and none is made where there is nothing: a mistyped DATA_DIR
 * shall not read as "nothing waits".
 * @throws Error where there is none; DatabaseUnavailable; DirectoryHeld.
 */
export async function openOperatorDatabase(): Promise<OperatorDatabase> {
  const env = resolveSecretFiles(process.env);
  const databaseUrl = env['DATABASE_URL']?.trim() || undefined;
  const dataDir = env['DATA_DIR']?.trim() || 'data';
  if (databaseUrl === undefined && !existsSync(join(dataDir, 'postgres'))) {
    throw new Error(`there is no database in ${dataDir}: set DATA_DIR, or DATABASE_URL`);
  }
  const database = await openDatabase({ databaseUrl, dataDir, migrations: 'check' });
  return { database, dataDir, env };
}
