/**
 * PostgreSQL's wire protocol in front of the embedded database, which has one session for all.
 *
 * What a client sends up to its next Sync (or a simple query) is collected and run in one go, and
 * while a client is in a transaction nobody else's turn comes. So no client ever leaves the session
 * half-way through an exchange: neither by vanishing nor by sending garbage. (pglite-socket 0.2.17
 * hands over message by message; a client that vanished between an error and its Sync left the
 * session deaf to everybody.)
 *
 * Because the session is one: no named prepared statements, no session settings, no LISTEN, no COPY.
 * Everything of ours uses unnamed statements and settings that end with the transaction.
 */
import { createServer, type Server, type Socket } from 'node:net';

/** What is used of PGlite. */
export type WireEngine = {
  runExclusive<T>(work: () => Promise<T>): Promise<T>;
  execProtocolRawStream(
    message: Uint8Array,
    options: { onRawData: (data: Uint8Array) => void },
  ): Promise<void>;
  exec(statement: string): Promise<unknown>;
  isInTransaction(): boolean;
};

export type WireOptions = {
  readonly engine: WireEngine;
  readonly path: string;
  /** Beyond it connections are closed at once. */
  readonly maxConnections: number;
  /** A transaction in which its client says nothing for so long is rolled back: others wait for it. */
  readonly idleInTransactionMs: number;
};

type Client = {
  readonly socket: Socket;
  /** Bytes that are not a whole message yet. */
  received: Buffer;
  /** Whole messages up to the next Sync. */
  collected: Buffer[];
  collectedBytes: number;
  started: boolean;
};

const SSL_REQUEST = 80_877_103;
const GSS_REQUEST = 80_877_104;
const PROTOCOL_3 = 196_608;
/** Parse, Bind, Describe, Execute, Close, Flush: answered at the Sync that follows. */
const COLLECTED = new Set([...'PBDECH'].map((letter) => letter.charCodeAt(0)));
const QUERY = 'Q'.charCodeAt(0);
const SYNC = 'S'.charCodeAt(0);
/** One exchange. The largest that we write is a webhook of some hundred kilobytes. */
const MAX_EXCHANGE_BYTES = 16 * 1024 * 1024;
const MAX_STARTUP_BYTES = 10_000;

/** Listens; `stop` closes every connection, rolls back what is open and waits for what runs. */
export async function startWireServer(options: WireOptions): Promise<{ stop(): Promise<void> }> {
  const turns = new Turns(options.engine, options.idleInTransactionMs);
  const clients = new Set<Client>();
  const server = createServer((socket) => {
    const client: Client = {
      socket,
      received: Buffer.alloc(0),
      collected: [],
      collectedBytes: 0,
      started: false,
    };
    clients.add(client);
    socket.on('data', (part: Buffer) => {
      client.received =
        client.received.length === 0 ? part : Buffer.concat([client.received, part]);
      if (!takeMessages(client, (messages) => turns.enqueue(client, messages))) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clients.delete(client);
      turns.forget(client);
    });
  });
  server.maxConnections = options.maxConnections;
  await listen(server, options.path);
  return {
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const { socket } of clients) socket.destroy();
      await closed;
      await turns.settled();
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
}

/** Takes whole messages off what was received. False: this is not PostgreSQL, or too much of it. */
function takeMessages(client: Client, whole: (messages: Buffer[]) => void): boolean {
  while (client.received.length >= 8 || (client.started && client.received.length >= 5)) {
    const taken = client.started ? takeTyped(client, whole) : takeFirst(client, whole);
    if (taken === 'wait') return true;
    if (taken === 'wrong') return false;
  }
  return true;
}

type Taken = 'taken' | 'wait' | 'wrong';

function takeFirst(client: Client, whole: (messages: Buffer[]) => void): Taken {
  const bytes = client.received.readUInt32BE(0);
  const code = client.received.readUInt32BE(4);
  if (bytes === 8 && (code === SSL_REQUEST || code === GSS_REQUEST)) {
    client.received = client.received.subarray(8);
    client.socket.write('N');
    return 'taken';
  }
  // A cancel request ends here too: the engine cannot be interrupted.
  if (code !== PROTOCOL_3 || bytes < 9 || bytes > MAX_STARTUP_BYTES) return 'wrong';
  if (client.received.length < bytes) return 'wait';
  const message = client.received.subarray(0, bytes);
  client.received = client.received.subarray(bytes);
  client.started = true;
  whole([message]);
  return 'taken';
}

function takeTyped(client: Client, whole: (messages: Buffer[]) => void): Taken {
  const type = client.received.readUInt8(0);
  const bytes = 1 + client.received.readUInt32BE(1);
  // Terminate and whatever is not supported (COPY, function calls) end the connection.
  if (type !== QUERY && type !== SYNC && !COLLECTED.has(type)) return 'wrong';
  if (bytes < 5 || client.collectedBytes + bytes > MAX_EXCHANGE_BYTES) return 'wrong';
  if (client.received.length < bytes) return 'wait';
  client.collected.push(client.received.subarray(0, bytes));
  client.collectedBytes += bytes;
  client.received = client.received.subarray(bytes);
  if (type === QUERY || type === SYNC) {
    const messages = client.collected;
    client.collected = [];
    client.collectedBytes = 0;
    whole(messages);
  }
  return 'taken';
}

/** Whose turn it is: first come, first served, but whoever is in a transaction goes on alone. */
class Turns {
  readonly #engine: WireEngine;
  readonly #idleInTransactionMs: number;
  readonly #waiting: { readonly client: Client; readonly messages: Buffer[] }[] = [];
  #owner: Client | undefined;
  #idle: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(engine: WireEngine, idleInTransactionMs: number) {
    this.#engine = engine;
    this.#idleInTransactionMs = idleInTransactionMs;
  }

  enqueue(client: Client, messages: Buffer[]): void {
    this.#waiting.push({ client, messages });
    this.#run();
  }

  /** The client is gone: what it still wanted is dropped, its transaction rolled back. */
  forget(client: Client): void {
    const rest = this.#waiting.filter((each) => each.client !== client);
    this.#waiting.splice(0, this.#waiting.length, ...rest);
    this.#run();
  }

  async settled(): Promise<void> {
    await this.#running;
    clearTimeout(this.#idle);
  }

  #run(): void {
    // The engine's exceptions end the thread (see embedded-worker.ts).
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
  }

  async #runAll(): Promise<void> {
    for (;;) {
      if (this.#owner?.socket.destroyed === true) {
        await this.#engine.exec('rollback');
        this.#own(undefined);
        continue;
      }
      const owner = this.#owner;
      const at = owner ? this.#waiting.findIndex(({ client }) => client === owner) : 0;
      const [next] = at === -1 ? [] : this.#waiting.splice(at, 1);
      if (next === undefined) return;
      await this.#perform(next.client, next.messages);
    }
  }

  async #perform(client: Client, messages: readonly Buffer[]): Promise<void> {
    const onRawData = (data: Uint8Array): void => {
      // The engine reuses its memory.
      if (client.socket.writable && data.length > 0) client.socket.write(Buffer.from(data));
    };
    await this.#engine.runExclusive(async () => {
      for (const message of messages) {
        await this.#engine.execProtocolRawStream(new Uint8Array(message), { onRawData });
      }
    });
    this.#own(this.#engine.isInTransaction() ? client : undefined);
  }

  #own(owner: Client | undefined): void {
    clearTimeout(this.#idle);
    this.#owner = owner;
    if (owner === undefined) return;
    this.#idle = setTimeout(() => owner.socket.destroy(), this.#idleInTransactionMs);
  }
}
