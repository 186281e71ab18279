/**
 * A small real server (express and ws) that plays the customer of Twilio in the emulator's own
 * tests. It checks every signature with Twilio's SDK and keeps what it was sent.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import twilio from 'twilio';
import { WebSocketServer, type WebSocket } from 'ws';

export type Hit = {
  readonly path: string;
  readonly signed: boolean;
  readonly params: Record<string, string>;
};

export type StreamMessage = { readonly event: string } & Record<string, unknown>;

/** One media socket as the server sees it. */
export class ServerStream {
  readonly socket: WebSocket;
  readonly signed: boolean;
  readonly messages: StreamMessage[] = [];
  streamSid = '';
  closed = false;
  #wake: (() => void)[] = [];

  constructor(socket: WebSocket, signed: boolean) {
    this.socket = socket;
    this.signed = signed;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, isBinary) => {
      const text = data.toString('utf8');
      let message: StreamMessage = { event: isBinary ? 'binary' : 'garbage', text };
      try {
        const parsed: unknown = JSON.parse(text);
        if (!isBinary && typeof parsed === 'object' && parsed !== null && 'event' in parsed) {
          message = parsed as StreamMessage;
        }
      } catch {
        // Kept as garbage.
      }
      if (message.event === 'start') this.streamSid = String(message['streamSid']);
      this.messages.push(message);
      this.#notify();
    });
    socket.on('close', () => {
      this.closed = true;
      this.#notify();
    });
  }

  of(event: string): StreamMessage[] {
    return this.messages.filter((message) => message.event === event);
  }

  marks(): string[] {
    return this.of('mark').map((message) => (message['mark'] as { name: string }).name);
  }

  media(bytes: Uint8Array): void {
    this.#send({ event: 'media', media: { payload: Buffer.from(bytes).toString('base64') } });
  }

  mark(name: string): void {
    this.#send({ event: 'mark', mark: { name } });
  }

  clear(): void {
    this.#send({ event: 'clear' });
  }

  /** Resolves once the condition holds; it is looked at after every message. */
  async until(condition: (stream: ServerStream) => boolean, timeoutMs = 5_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition(this)) {
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) {
        const tail = this.messages.slice(-5).map((m) => m.event);
        throw new Error(`condition not met in ${timeoutMs} ms; last: ${tail.join(', ')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  #send(message: Record<string, unknown>): void {
    this.socket.send(JSON.stringify({ ...message, streamSid: this.streamSid }));
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

export class WebhookServer {
  readonly hits: Hit[] = [];
  readonly streams: ServerStream[] = [];
  /** TwiML by path; a number is an HTTP status without a body. */
  readonly answers = new Map<string, string | number>();
  url = '';
  /** Upgrades are answered with this status instead of 101 when it is set. */
  refuseUpgradeWith: number | undefined;
  readonly #authToken: string;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  #wake: (() => void)[] = [];

  constructor(authToken: string) {
    this.#authToken = authToken;
    const app = express();
    app.use(express.urlencoded({ extended: false }));
    app.use((request, response) => {
      const signed = twilio.validateExpressRequest(request, authToken, {
        url: this.url + request.originalUrl,
      });
      const params = { ...(request.query as Record<string, string>), ...request.body };
      this.hits.push({ path: request.path, signed, params });
      this.#notify();
      const answer = this.answers.get(request.path) ?? '<Response/>';
      if (typeof answer === 'number') response.sendStatus(answer);
      else response.type('text/xml').send(answer);
    });
    this.#server = createServer(app);
    this.#server.on('upgrade', (request: IncomingMessage, socket, head) => {
      const header = request.headers['x-twilio-signature'];
      const url = `${this.url.replace('http', 'ws')}${request.url ?? ''}`;
      const signed = twilio.validateRequest(this.#authToken, String(header), url, {});
      if (this.refuseUpgradeWith !== undefined) {
        socket.end(`HTTP/1.1 ${this.refuseUpgradeWith} No\r\nConnection: close\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.streams.push(new ServerStream(webSocket, signed));
        this.#notify();
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get mediaUrl(): string {
    return `${this.url.replace('http', 'ws')}/media`;
  }

  /** TwiML that connects a stream, with anything before and after it. */
  streamTwiml(after = '', stream = ''): string {
    const noun = `<Stream url="${this.mediaUrl}" ${stream}><Parameter name="token" value="s3cret"/></Stream>`;
    return `<?xml version="1.0"?><Response><Connect>${noun}</Connect>${after}</Response>`;
  }

  /** The number-th media socket, once it has been started. */
  async stream(number = 1): Promise<ServerStream> {
    await this.until(() => this.streams.length >= number);
    const stream = this.streams[number - 1]!;
    await stream.until((s) => s.streamSid !== '');
    return stream;
  }

  at(path: string): Hit[] {
    return this.hits.filter((hit) => hit.path === path);
  }

  async until(condition: () => boolean, timeoutMs = 5_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) {
        throw new Error(`condition not met; hits: ${this.hits.map((h) => h.path).join(', ')}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  async close(): Promise<void> {
    for (const stream of this.streams) stream.socket.terminate();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
