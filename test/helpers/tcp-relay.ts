/** A TCP relay in front of a server, for counting and breaking a client's connections in tests. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export type TcpRelay = {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** Connections accepted so far. */
  accepted(): number;
  /** Resets every open connection. */
  reset(): void;
  close(): Promise<void>;
};

/** @param target the server's URL, e.g. `http://127.0.0.1:4000` */
export async function startRelay(target: string): Promise<TcpRelay> {
  const targetPort = Number(new URL(target).port);
  const open = new Set<Socket>();
  let accepted = 0;
  const server = createServer((client) => {
    accepted += 1;
    open.add(client);
    const upstream = connect(targetPort, '127.0.0.1');
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    client.on('close', () => {
      open.delete(client);
      upstream.destroy();
    });
    upstream.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    accepted: () => accepted,
    reset: () => {
      for (const socket of open) socket.resetAndDestroy();
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
