/** Binding and letting go of the one HTTP server that webhooks and sockets share. */
import type { RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import { StartError } from './errors.ts';

// An `import` of it takes 40 ms: it brings Node's own fetch with it, which is not needed to start.
const { createServer } = process.getBuiltinModule('node:http');

/** Twilio needs some time to close its end of a connection. */
const CLOSE_TIMEOUT_MS = 3_000;

/** Limits for whoever sends a request byte by byte. Milliseconds. */
export const REQUEST_LIMITS = {
  requestTimeout: 15_000,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 5_000,
} as const;

/** Not yet bound. Whoever exceeds a limit is answered with 408 and let go of. */
export function createHttpServer(
  listener: RequestListener,
  limits: Readonly<Record<keyof typeof REQUEST_LIMITS, number>> = REQUEST_LIMITS,
): Server {
  return createServer({ ...limits }, listener);
}

/** Idle connections cost memory; calls have one each, webhooks a few more. */
const SPARE_CONNECTIONS = 1_000;

/** Of all connections, what one address may hold before it has shown anything. */
const SHARE_OF_ADDRESS = 0.25;

/** How many connections there may be at once where `calls` streams may. */
function connectionLimit(calls: number): number {
  return 2 * calls + SPARE_CONNECTIONS;
}

/** How many of them one address may have: see connection-shares.ts. */
export function shareOfAddress(calls: number): number {
  return Math.floor(SHARE_OF_ADDRESS * connectionLimit(calls));
}

/** Nobody has so many on one connection but a proxy, which opens another. */
const MAX_REQUESTS_PER_CONNECTION = 30;

/**
 * Turns away whoever sends requests without waiting for the answers. The parser takes as many as fit
 * into what was read, two thousand into 64 KB, and a dozen such connections stopped every call for
 * five seconds. Neither Twilio nor any proxy sends like that.
 */
function refusePipelines(server: Server): void {
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  server.on('dropRequest', (_request, socket) => socket.destroy());
}

/**
 * Listens on `host`, everywhere when left out; resolves with the port there is. Rejects when it
 * cannot be bound. `calls`: how many streams there may be at once; `admit` is told of each connection.
 */
export async function bind(
  server: Server,
  options: {
    readonly port: number;
    readonly host?: string | undefined;
    readonly calls: number;
    readonly admit?: (socket: Socket) => void;
  },
): Promise<number> {
  const { port, host, calls, admit } = options;
  refusePipelines(server);
  server.maxConnections = connectionLimit(calls);
  if (admit) server.on('connection', admit);
  await new Promise<void>((resolve, reject) => {
    const refused = (error: Error): void => reject(bindError(error, port));
    server.once('error', refused);
    server.listen({ port, host }, () => {
      server.off('error', refused);
      resolve();
    });
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

/** Takes no more connections; resolves when the last is gone, by force if it must. */
export async function unbind(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  await closed;
  clearTimeout(timer);
}

function bindError(error: NodeJS.ErrnoException, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new StartError(`port ${port} is in use: set PORT to another, or end what has it`, error);
  }
  if (error.code === 'EACCES') {
    return new StartError(`port ${port} may not be used by this user: set PORT to another`, error);
  }
  return error;
}
