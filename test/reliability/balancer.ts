/**
 * A small load balancer as the carrier meets one (ops/compose/Caddyfile): any request to any instance
 * that is ready, nothing sticky. What could not be delivered, or was not answered with a single byte,
 * goes to another instance: a process that is being killed loses its media sockets a moment before
 * its listening one, and takes requests in between to its grave; webhooks may come twice. Media
 * sockets die with their instance, without a word. It notes what it sent where.
 */
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { monotonicMs } from '../../emulators/clock.ts';
import { freePort } from './ports.ts';

export type Backend = { readonly name: string; readonly port: number };

/** One request or media socket, and who got it. */
export type Routed = {
  readonly atMs: number;
  readonly kind: 'request' | 'stream';
  readonly path: string;
  readonly callSid: string | undefined;
  readonly backend: string;
  /** 0 while, or where, there was no answer. */
  status: number;
};

export type Balancer = {
  readonly url: string;
  readonly routed: readonly Routed[];
  add(backend: Backend): void;
  remove(name: string): void;
  /** Everything goes there while it is ready; undefined: to all in turn. */
  prefer(name: string | undefined): void;
  /** Looks at every backend now instead of at the next second. */
  look(): Promise<void>;
  close(): Promise<void>;
};

/** As docker-compose.yml's does. */
const HEALTH_EVERY_MS = 1_000;
const HEALTH_TIMEOUT_MS = 900;
const CONNECT_TIMEOUT_MS = 1_000;
const MAX_BODY_BYTES = 256 * 1024;

export async function startBalancer(): Promise<Balancer> {
  const balancer = new RoundRobin(await freePort());
  await balancer.listen();
  return balancer;
}

class RoundRobin implements Balancer {
  readonly url: string;
  readonly routed: Routed[] = [];
  readonly #port: number;
  readonly #server = createServer((request, response) => void this.#request(request, response));
  readonly #backends = new Map<string, { backend: Backend; ready: boolean }>();
  readonly #sockets = new Set<Duplex>();
  #preferred: string | undefined;
  #turn = 0;
  readonly #clock: NodeJS.Timeout;

  constructor(port: number) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.#server.on('upgrade', (request, socket, head) => void this.#stream(request, socket, head));
    this.#clock = setInterval(() => void this.look(), HEALTH_EVERY_MS);
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', resolve);
    });
  }

  add(backend: Backend): void {
    this.#backends.set(backend.name, { backend, ready: false });
  }

  remove(name: string): void {
    this.#backends.delete(name);
  }

  prefer(name: string | undefined): void {
    this.#preferred = name;
  }

  async look(): Promise<void> {
    await Promise.all(
      [...this.#backends.values()].map(async (each) => {
        each.ready = await isReady(each.backend.port);
      }),
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#clock);
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Those that are ready, whose turn it is first. */
  #order(): Backend[] {
    const ready = [...this.#backends.values()].filter((each) => each.ready);
    const preferred = ready.find(({ backend }) => backend.name === this.#preferred);
    this.#turn += 1;
    const at = ready.length === 0 ? 0 : this.#turn % ready.length;
    const inTurn = [...ready.slice(at), ...ready.slice(0, at)];
    const first = preferred === undefined ? [] : [preferred];
    return [...first, ...inTurn.filter((each) => each !== preferred)].map((each) => each.backend);
  }

  #gone(backend: Backend): void {
    const known = this.#backends.get(backend.name);
    if (known?.backend.port === backend.port) known.ready = false;
  }

  #note(kind: Routed['kind'], path: string, backend: Backend, callSid?: string): Routed {
    const entry: Routed = {
      atMs: monotonicMs(),
      kind,
      path,
      callSid,
      backend: backend.name,
      status: 0,
    };
    this.routed.push(entry);
    return entry;
  }

  /** Never rejects. */
  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    const body = await readBody(request).catch(() => undefined);
    if (body === undefined) return void response.destroy();
    const callSid = new URLSearchParams(body.toString('utf8')).get('CallSid') ?? undefined;
    for (const backend of this.#order()) {
      const socket = await connectTo(backend.port);
      if (socket === undefined) {
        this.#gone(backend);
        continue;
      }
      const noted = this.#note('request', path, backend, callSid);
      noted.status = await forward(socket, request, body, response);
      if (noted.status > 0) return;
      this.#gone(backend);
    }
    if (!response.headersSent) response.writeHead(502).end();
  }

  /** Never rejects. */
  async #stream(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    client.on('error', () => undefined);
    for (const backend of this.#order()) {
      const upstream = await connectTo(backend.port);
      if (upstream === undefined) {
        this.#gone(backend);
        continue;
      }
      this.#note('stream', request.url ?? '/', backend).status = 101;
      this.#join(client, upstream);
      upstream.write(headOf(request));
      upstream.write(head);
      return;
    }
    client.end('HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n\r\n');
  }

  #join(client: Duplex, upstream: Socket): void {
    this.#sockets.add(client).add(upstream);
    upstream.setNoDelay(true);
    upstream.on('error', () => undefined);
    client.pipe(upstream).pipe(client);
    const drop = (): void => {
      client.destroy();
      upstream.destroy();
      this.#sockets.delete(client);
      this.#sockets.delete(upstream);
    };
    client.once('close', drop);
    upstream.once('close', drop);
  }
}

/** The request's head as it came: the signature is over the public URL, which stays as it is. */
function headOf(request: IncomingMessage): string {
  const lines = [`${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/1.1`];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    lines.push(`${request.rawHeaders[i] ?? ''}: ${request.rawHeaders[i + 1] ?? ''}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function connectTo(port: number): Promise<Socket | undefined> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
  return await new Promise((resolve) => {
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(undefined));
  });
}

/** Resolves with the answer's status; 0 where there was none. */
async function forward(
  socket: Socket,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<number> {
  const outgoing = httpRequest({
    createConnection: () => socket,
    method: request.method,
    path: request.url,
    headers: { ...request.headers, connection: 'close' },
  });
  return await new Promise((resolve) => {
    outgoing.once('response', (answer) => {
      const status = answer.statusCode ?? 502;
      response.writeHead(status, answer.headers);
      answer.pipe(response);
      answer.once('error', () => response.destroy());
      resolve(status);
    });
    outgoing.on('error', () => resolve(0));
    outgoing.end(body);
  });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Error('too long');
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function isReady(port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
  return await fetch(`http://127.0.0.1:${port}/health/ready`, { signal }).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );
}
