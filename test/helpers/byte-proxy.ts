/** A byte proxy on a unix socket, for cutting and hanging the connection to a server in tests. */
import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type ByteProxy = {
  readonly path: string;
  /** 'pass': as if it were not there. 'hang': takes bytes and passes none on. 'refuse': hangs up. */
  set(mode: 'pass' | 'hang' | 'refuse'): void;
  /** Bytes that clients have sent so far, whatever became of them. */
  bytesIn(): number;
  /** Breaks every connection there is. */
  cut(): void;
  /** Passes nothing on any more over the connections there are, and closes none; new ones work. */
  deafen(): void;
  close(): Promise<void>;
};

/** `target`: `redis://host:port`, or the path of a unix socket. */
export async function startByteProxy(target: string): Promise<ByteProxy> {
  const path = join(tmpdir(), `hearthline-proxy-${randomBytes(6).toString('hex')}.sock`);
  const sockets = new Set<Socket>();
  const deaf = new WeakSet<Socket>();
  let mode: 'pass' | 'hang' | 'refuse' = 'pass';
  let bytesIn = 0;
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const relay = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on('data', (bytes) => {
      if (mode === 'pass' && !deaf.has(from)) to.write(bytes);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
  };
  const server = createServer((client) => {
    if (mode === 'refuse') return client.destroy();
    const upstream = target.startsWith('/')
      ? connect(target)
      : connect(Number(new URL(target).port || 6379), new URL(target).hostname);
    client.on('data', (bytes) => {
      bytesIn += bytes.length;
    });
    relay(client, upstream);
    relay(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    set: (next) => {
      mode = next;
      if (next === 'refuse') cut();
    },
    bytesIn: () => bytesIn,
    cut,
    deafen: () => {
      for (const socket of sockets) deaf.add(socket);
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      await closed;
      await rm(path, { force: true });
    },
  };
}
