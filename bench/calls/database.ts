/**
 * The database of a run. In production it is a PostgreSQL on another machine; here one beside the
 * helpers, on the recogniser's core, with nothing in it. Inside the server's own process, as where
 * no DATABASE_URL is set, it would be most of what is measured.
 */
import { execFileSync } from 'node:child_process';
import { startPostgres, type TestPostgres } from '../../test/helpers/postgres-server.ts';
import { TASKSET } from './children.ts';
import type { Cores } from './cores.ts';

export type BenchDatabase = {
  /** `server`: beside it; `embedded`: no PostgreSQL could be had, the server runs its own. */
  readonly kind: 'server' | 'embedded';
  /** What points the server at an empty database. */
  environment(): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
};

/** Pins this process, which does next to nothing, and with it what PostgreSQL starts. */
export async function openBenchDatabase(
  cores: Cores,
  say: (line: string) => void,
): Promise<BenchDatabase> {
  if (TASKSET !== undefined) {
    const own = ['-a', '-p', '-c', String(cores.ears), String(process.pid)];
    execFileSync(TASKSET, own, { stdio: 'ignore' });
  }
  let postgres: TestPostgres;
  try {
    postgres = await startPostgres();
  } catch (error) {
    say(`   no PostgreSQL: the server's embedded one takes its part of its core`);
    say(`   ${error instanceof Error ? error.message : String(error)}`);
    return { kind: 'embedded', environment: async () => ({}), close: async () => undefined };
  }
  return {
    kind: 'server',
    environment: async () => ({ DATABASE_URL: (await postgres.createDatabase()).url }),
    close: async () => await postgres.stop(),
  };
}
