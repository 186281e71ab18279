import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type LoopbackServer = {
  readonly server: Server;
  readonly port: number;
  /** Stops listening, destroys every connection and resolves when the port is free. */
  close(): Promise<void>;
};

/**
 * Starts an HTTP server on 127.0.0.1. Pooled client connections are kept for two minutes, as the
 * vendors' edges do; Node's default of five seconds would race with a client's next request.
 */
export async function startLoopbackServer(
  port: number,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 }, handle);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo;
  return {
    server,
    port: address.port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/**
 * The whole request body, or 'too-large' once it passes `maxBytes` (the rest is read and dropped,
 * so that an answer can still be sent). Rejects if the client leaves first.
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
): Promise<string | 'too-large'> {
  const parts: Buffer[] = [];
  let bytes = 0;
  return await new Promise((resolve, reject) => {
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > maxBytes) resolve('too-large');
      else parts.push(part);
    });
    request.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the client left before its request was whole')));
  });
}
