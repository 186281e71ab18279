/** The two stores of the matrix: real servers behind a wire that fails as networks do. */
import { join } from 'node:path';
import { startPostgres } from '../../helpers/postgres-server.ts';
import { startRedis } from '../../helpers/redis-server.ts';
import { startWire, type Wire, type WireTarget, type WireTls } from './wire.ts';

export type StoreHost = 'redis' | 'postgres';

export type WiredStore = {
  readonly wire: Wire;
  /** What the server is told: REDIS_URL or DATABASE_URL. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
};

/** A store of one world's own, which the server finds under `name`. */
export async function startStore(
  host: StoreHost,
  name: string,
  tls: WireTls | undefined,
): Promise<WiredStore> {
  return host === 'redis' ? await wiredRedis(name, tls) : await wiredPostgres(name);
}

async function wiredRedis(name: string, tls: WireTls | undefined): Promise<WiredStore> {
  const redis = await startRedis();
  const wire = await startWire(targetOf(redis.url, 6_379), tls);
  const scheme = tls === undefined ? 'redis' : 'rediss';
  return {
    wire,
    environment: { REDIS_URL: `${scheme}://${name}:${wire.port}` },
    stop: async () => await redis.stop(),
  };
}

/** A database of its own on the server that `runMatrix` has started. */
async function wiredPostgres(name: string): Promise<WiredStore> {
  const postgres = await startPostgres();
  const { url } = await postgres.createDatabase();
  const parsed = new URL(url);
  const directory = parsed.searchParams.get('host');
  const wire = await startWire(
    directory === null ? targetOf(url, 5_432) : join(directory, '.s.PGSQL.5432'),
  );
  parsed.search = '';
  parsed.host = `${name}:${wire.port}`;
  return {
    wire,
    environment: { DATABASE_URL: parsed.href, ENCRYPTION_KEY: '7e'.repeat(32) },
    stop: async () => await postgres.stop(),
  };
}

function targetOf(url: string, usualPort: number): WireTarget {
  if (url.startsWith('/')) return url;
  const { port, hostname } = new URL(url);
  return { host: hostname, port: port === '' ? usualPort : Number(port) };
}
