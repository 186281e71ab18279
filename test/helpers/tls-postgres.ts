/** TLS in front of a PostgreSQL, as a managed one has it, with a certificate that can go bad. */
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { makeCertificate, type Certificate } from './certificate.ts';
import type { TestDatabase } from './postgres-server.ts';
import { socketOf } from './postgres-through.ts';

export type TlsPostgres = {
  /** Verifies name and authority. */
  readonly url: string;
  /** From now on; the connections there are break. */
  show(certificate: 'good' | 'expired' | 'of another authority'): void;
  /** The next answer of each connection is no PostgreSQL. */
  garble(): void;
  close(): Promise<void>;
};

/** Of a kind that PostgreSQL does not have. */
const NO_MESSAGE = Buffer.from([0x7a, 0, 0, 0, 4]);
/** What a client sends first: how long that is, and that it wants TLS. */
const SSL_REQUEST_BYTES = 8;

/** @param made a database behind a unix socket */
export async function startTlsPostgres(made: TestDatabase): Promise<TlsPostgres> {
  const inside = new URL(made.url);
  const target = socketOf(made.url);
  const good = makeCertificate(['localhost']);
  const expired = makeCertificate(['localhost'], -1);
  const certificates = { good, expired, 'of another authority': makeCertificate(['localhost']) };
  const authorities = join(tmpdir(), `hearthline-ca-${randomBytes(6).toString('hex')}.pem`);
  await writeFile(authorities, good.cert + expired.cert);

  let shown: Certificate = good;
  let garbled = false;
  const sockets = new Set<Socket>();
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const secure = (client: Socket): void => {
    const inner = new TLSSocket(client, { isServer: true, ...shown });
    const upstream = connect(target);
    inner.on('error', () => upstream.destroy());
    upstream.on('error', () => inner.destroy());
    client.on('close', () => {
      sockets.delete(client);
      upstream.destroy();
    });
    upstream.on('close', () => inner.destroy());
    inner.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => inner.write(garbled ? NO_MESSAGE : bytes));
  };
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    client.once('readable', () => {
      if (client.read(SSL_REQUEST_BYTES) === null) return client.destroy();
      client.write('S');
      return secure(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`postgres://localhost${inside.pathname}`);
  url.username = inside.username;
  url.port = String((server.address() as AddressInfo).port);
  url.searchParams.set('sslmode', 'verify-full');
  url.searchParams.set('sslrootcert', authorities);
  return {
    url: url.href,
    show: (certificate) => {
      shown = certificates[certificate];
      garbled = false;
      cut();
    },
    garble: () => {
      garbled = true;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
      await rm(authorities, { force: true });
    },
  };
}
