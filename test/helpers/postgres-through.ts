/** A database by way of a proxy that can be cut, hung and shut, for tests. */
import { mkdtemp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { startByteProxy, type ByteProxy } from './byte-proxy.ts';

/** The name that PostgreSQL gives its socket, in whatever folder. */
const SOCKET = '.s.PGSQL.5432';

/** @param databaseUrl of a server on a unix socket. */
export function socketOf(databaseUrl: string): string {
  return join(new URL(databaseUrl).searchParams.get('host') ?? '', SOCKET);
}

/**
 * @param databaseUrl of a server on a unix socket.
 * @param home where a folder for the socket is made; the proxy is the caller's to close.
 */
export async function postgresThrough(
  databaseUrl: string,
  home: string,
): Promise<{ readonly url: string; readonly proxy: ByteProxy }> {
  const proxy = await startByteProxy(socketOf(databaseUrl));
  const dir = await mkdtemp(join(home, 'socket-'));
  await symlink(proxy.path, join(dir, SOCKET));
  const url = new URL(databaseUrl);
  url.searchParams.set('host', dir);
  return { url: url.href, proxy };
}
