/**
 * The telephone on the development server's page: a WebSocket at `/dev/phone` behind which the
 * emulated Twilio's caller sits. For this machine only; one call per page.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { CallerLeg, TwilioEmulator } from '../emulators/twilio/types.ts';
import { isThisMachine } from '../routes/who-asks.ts';
import { monotonicMs, type EventSink } from '../src/events.ts';
import { WebCall, type PageSink } from './web-call.ts';
import { parseFromPage, type FromPage, type ToPage } from './web-messages.ts';

export const PHONE_PATH = '/dev/phone';
/** Served elsewhere on the same HTTP server. */
const MEDIA_PATH = '/media-stream';

const MAX_MESSAGE_BYTES = 4_096;
const MAX_PAGES = 8;
/** A page that does not read is sent no more sound, then no more at all. */
const MAX_UNSENT_SOUND_BYTES = 64 * 1024;
const MAX_UNSENT_BYTES = 1024 * 1024;
const MAX_MESSAGES_PER_SECOND = 20;
const PING_MS = 15_000;
const RING_TIMEOUT_MS = 10_000;

export type DevPhoneOptions = {
  /** The HTTP server that serves the page. */
  readonly server: Server;
  /** Subscribes to the events of all calls; returns the function that ends it. */
  readonly subscribe: (sink: EventSink) => () => void;
  readonly twilio: TwilioEmulator;
  /** The number that the page dials. */
  readonly number: string;
  /** Tells the server who is about to call from a number, as its address book would. */
  readonly introduce: (phone: string, who: PageUser) => void;
};

/** What the page says of who sits before it. */
export type PageUser = { readonly name: string; readonly language: 'en' | 'es' };

export type DevPhone = {
  /** Hangs up every page's call, closes the sockets and takes no more. */
  close(): Promise<void>;
};

export function startDevPhone(options: DevPhoneOptions): DevPhone {
  const { server, twilio } = options;
  const pages = new Set<Page>();
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
  });
  let lineNumber = 0;
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const path = request.url?.split('?', 1)[0];
    if (path === MEDIA_PATH) return;
    socket.on('error', () => undefined);
    if (path !== PHONE_PATH) return refuse(socket, '404 Not Found');
    if (!isPageOfThisMachine(request)) return refuse(socket, '403 Forbidden');
    if (pages.size >= MAX_PAGES) return refuse(socket, '503 Service Unavailable');
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      lineNumber = (lineNumber % 9_999) + 1;
      const ownNumber = `+1555555${String(lineNumber).padStart(4, '0')}`;
      const page = new Page(webSocket, ownNumber, options, () => pages.delete(page));
      pages.add(page);
    });
  };
  server.on('upgrade', onUpgrade);
  // Whoever is called by the server and has no page picks up and says nothing, as before.
  const takeBack = twilio.onOutboundCall(async (leg) => {
    const page = [...pages].find((each) => each.ownNumber === leg.to);
    if (page) await page.ring(leg);
    else await leg.answer();
  });
  return {
    close: async () => {
      server.off('upgrade', onUpgrade);
      takeBack();
      await Promise.all([...pages].map(async (page) => await page.close()));
      sockets.close();
    },
  };
}

/** A browser always says where its page comes from. */
function isPageOfThisMachine(request: IncomingMessage): boolean {
  return request.headers.origin !== undefined && isThisMachine(request);
}

function refuse(socket: Duplex, status: string): void {
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/** One browser page and the call it may have. */
class Page {
  readonly ownNumber: string;
  readonly #socket: WebSocket;
  readonly #options: DevPhoneOptions;
  readonly #unsubscribe: () => void;
  readonly #pinger: NodeJS.Timeout;
  #call: WebCall | undefined;
  #dialling = false;
  #language: 'en' | 'es' = 'en';
  #alive = true;
  #tokens = MAX_MESSAGES_PER_SECOND;
  #tokensAtMs = monotonicMs();

  constructor(socket: WebSocket, ownNumber: string, options: DevPhoneOptions, onGone: () => void) {
    this.#socket = socket;
    this.ownNumber = ownNumber;
    this.#options = options;
    this.#unsubscribe = options.subscribe((event) => {
      if (event.callSid === this.#call?.leg.callSid) this.#tell({ kind: 'event', event });
    });
    this.#pinger = setInterval(() => this.#ping(), PING_MS);
    socket.on('pong', () => {
      this.#alive = true;
    });
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, isBinary) => {
      this.#take(isBinary ? undefined : parseFromPage(data.toString('utf8')));
    });
    socket.once('close', () => {
      clearInterval(this.#pinger);
      this.#unsubscribe();
      this.#own(this.#call?.hangUp());
      onGone();
    });
    this.#tell({ kind: 'ready', number: options.number, nowMs: monotonicMs() });
  }

  /** The server calls this page's number: it is answered after a moment of ringing. */
  async ring(leg: CallerLeg): Promise<void> {
    if (this.#call || !this.#isOpen()) return await leg.busy();
    this.#begin(leg);
    this.#tell({ kind: 'call', state: 'ringing' });
    await leg.answer({ afterMs: 1_500 });
    this.#tell({ kind: 'call', state: 'connected' });
  }

  async close(): Promise<void> {
    await this.#call?.hangUp();
    this.#socket.close(1001);
    const timer = setTimeout(() => this.#socket.terminate(), 500);
    timer.unref();
  }

  #take(message: FromPage | undefined): void {
    if (!this.#mayTalk()) {
      this.#socket.close(1008, 'too many messages');
      return;
    }
    if (message === undefined) return this.#problem('That was not understood.');
    if (message.kind === 'call') return this.#own(this.#place(message));
    if (!this.#call) return this.#problem('There is no call.');
    this.#own(this.#call.obey(message));
  }

  async #place(wish: Extract<FromPage, { kind: 'call' }>): Promise<void> {
    if (this.#call || this.#dialling) return this.#problem('There is a call already.');
    this.#dialling = true;
    this.#language = wish.language;
    this.#tell({ kind: 'call', state: 'dialling' });
    try {
      // The server's call comes back through `ring`, which takes the dialling off.
      if (wish.direction === 'outbound') await this.#askToBeCalled(wish);
      else await this.#dial(wish);
    } catch (error) {
      this.#dialling = false;
      if (!this.#call) this.#tell({ kind: 'ended', how: 'it did not come about' });
      throw error;
    }
  }

  async #dial({ name, language }: PageUser): Promise<void> {
    const { twilio, number, introduce } = this.#options;
    introduce(this.ownNumber, { name, language });
    const leg = await twilio.placeCall({ from: this.ownNumber, to: number });
    // The page may have gone meanwhile; then nobody is there to hang up later.
    if (!this.#isOpen()) return await leg.hangUp();
    this.#begin(leg);
    await leg.waitForStream();
    this.#tell({ kind: 'call', state: 'connected' });
  }

  async #askToBeCalled(wish: Extract<FromPage, { kind: 'call' }>): Promise<void> {
    const address = this.#options.server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the server is closing');
    const response = await fetch(`http://127.0.0.1:${address.port}/dev/call`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        to: this.ownNumber,
        personName: wish.name,
        language: wish.language,
      }),
      signal: AbortSignal.timeout(RING_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    if (response.status !== 202) throw new Error(`the server answered ${response.status}`);
    const timer = setTimeout(() => {
      if (!this.#dialling) return;
      this.#dialling = false;
      this.#tell({ kind: 'ended', how: 'it did not ring' });
    }, RING_TIMEOUT_MS);
    timer.unref();
  }

  #begin(leg: CallerLeg): void {
    const sink: PageSink = {
      tell: (message) => this.#tell(message),
      play: (mulaw) => this.#play(mulaw),
    };
    this.#dialling = false;
    this.#call = new WebCall(leg, this.#language, sink, (how) => {
      this.#call = undefined;
      this.#tell({ kind: 'ended', how });
    });
  }

  #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #tell(message: ToPage): void {
    if (!this.#isOpen()) return;
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) return this.#socket.terminate();
    this.#socket.send(JSON.stringify(message));
  }

  #play(mulaw: Uint8Array): void {
    if (!this.#isOpen() || this.#socket.bufferedAmount > MAX_UNSENT_SOUND_BYTES) return;
    this.#socket.send(mulaw);
  }

  #problem(text: string): void {
    this.#tell({ kind: 'problem', text });
  }

  /** Whatever the page asked for: its failure is the page's to know. */
  #own(work: Promise<void> | undefined): void {
    work?.catch((error: unknown) => {
      this.#problem(error instanceof Error ? error.message : String(error));
    });
  }

  #mayTalk(): boolean {
    const nowMs = monotonicMs();
    const gained = ((nowMs - this.#tokensAtMs) / 1_000) * MAX_MESSAGES_PER_SECOND;
    this.#tokens = Math.min(MAX_MESSAGES_PER_SECOND, this.#tokens + gained);
    this.#tokensAtMs = nowMs;
    this.#tokens -= 1;
    return this.#tokens >= 0;
  }

  #ping(): void {
    if (!this.#alive) return this.#socket.terminate();
    this.#alive = false;
    this.#socket.ping();
  }
}
