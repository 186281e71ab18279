import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startOnEmulators } from '../../demo/dev-server.ts';
import type { FromPage, ToPage } from '../../demo/web-messages.ts';
import { loadConfig } from '../../src/config.ts';
import type { TimedCallEvent } from '../../src/events.ts';
import { createLogger } from '../../src/log.ts';

/** Speech may have to be synthesised first, which takes a while on a fresh clone. */
const PATIENCE_MS = 40_000;

let running: Awaited<ReturnType<typeof startOnEmulators>>;
let dataDir: string;
let port: number;
const events: TimedCallEvent[] = [];
const pages: PagePhone[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hearthline-page-'));
  // With a key on every webhook, which the emulated carrier has to be given too.
  const WEBHOOK_SECRET = 'a-key-that-every-webhook-carries';
  const config = loadConfig({ NODE_ENV: 'test', PORT: '0', DATA_DIR: dataDir, WEBHOOK_SECRET });
  running = await startOnEmulators(config, createLogger('fatal'));
  running.app.events.subscribe((event) => events.push(event));
  const address = running.app.server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
}, 120_000);

afterEach(async () => {
  for (const page of pages.splice(0)) await page.leave();
});

afterAll(async () => {
  await running.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** What the page's script does, without the page. */
class PagePhone {
  readonly socket: WebSocket;
  readonly messages: ToPage[] = [];
  soundBytes = 0;
  #wake: () => void = () => undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => this.#wake());
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.soundBytes += data.length;
      else this.messages.push(JSON.parse(data.toString('utf8')) as ToPage);
      this.#wake();
    });
  }

  static async open(): Promise<PagePhone> {
    const origin = `http://127.0.0.1:${port}`;
    const page = new PagePhone(new WebSocket(`ws://127.0.0.1:${port}/dev/phone`, { origin }));
    pages.push(page);
    await page.until((m) => m.kind === 'ready');
    return page;
  }

  send(message: FromPage): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The first message, past or future, that is wanted. */
  async until<M extends ToPage>(wanted: (message: ToPage) => message is M): Promise<M>;
  async until(wanted: (message: ToPage) => boolean): Promise<ToPage>;
  async until(wanted: (message: ToPage) => boolean): Promise<ToPage> {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      const found = this.messages.find(wanted);
      if (found) return found;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0)
        throw new Error(`not told; last: ${JSON.stringify(this.messages.slice(-3))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  heard(): string {
    return this.messages.flatMap((m) => (m.kind === 'heard' ? [m.text] : [])).join(' ');
  }

  async untilHeard(words: RegExp): Promise<void> {
    await this.until(() => words.test(this.heard()));
  }

  async leave(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }
}

/** The status with which an upgrade is refused; 101 when it is not. */
async function upgradeStatus(path: string, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
  socket.on('error', () => undefined);
  return await new Promise((resolve) => {
    socket.once('unexpected-response', (request, response) => {
      request.destroy();
      resolve(response.statusCode ?? 0);
    });
    socket.once('open', () => {
      socket.terminate();
      resolve(101);
    });
  });
}

describe('the telephone on the page', () => {
  test(
    'dials, hears the companion, mentions a fall, and sees the alert and the wait',
    async () => {
      const page = await PagePhone.open();
      page.send({ kind: 'call', direction: 'inbound', name: '', language: 'en' });
      await page.until((m) => m.kind === 'call' && m.state === 'connected');
      await page.untilHeard(/\?$/);
      expect(page.soundBytes).toBeGreaterThan(8_000);
      page.send({ kind: 'say', text: 'I had a little fall in the garden.' });
      await page.until((m) => m.kind === 'spoke' && !m.cut);
      await page.until((m) => m.kind === 'event' && m.event.what === 'alert-raised');
      const answered = await page.until((m) => m.kind === 'answered');
      expect(answered).toMatchObject({ waitMs: expect.any(Number) });
      const wordsBefore = page.messages.filter((m) => m.kind === 'heard').length;
      await page.until(() => page.messages.filter((m) => m.kind === 'heard').length > wordsBefore);
      page.send({ kind: 'hang-up' });
      expect(await page.until((m) => m.kind === 'ended')).toMatchObject({ how: 'caller-hung-up' });
    },
    2 * PATIENCE_MS,
  );

  test(
    'is called by name, rings, and is answered; leaving the page hangs up',
    async () => {
      const page = await PagePhone.open();
      page.send({ kind: 'call', direction: 'outbound', name: 'Ruth', language: 'en' });
      await page.until((m) => m.kind === 'call' && m.state === 'ringing');
      await page.until((m) => m.kind === 'call' && m.state === 'connected');
      await page.untilHeard(/Ruth/);
      const started = events.findLast((event) => event.what === 'call-started');
      await page.leave();
      await expect
        .poll(() => events.some((e) => e.what === 'call-ended' && e.callSid === started?.callSid), {
          timeout: PATIENCE_MS,
        })
        .toBe(true);
    },
    2 * PATIENCE_MS,
  );

  test(
    'dials as who the page says it is: greeted by name, in the language chosen',
    async () => {
      const page = await PagePhone.open();
      page.send({ kind: 'call', direction: 'inbound', name: 'Carmen', language: 'es' });
      await page.untilHeard(/inteligencia artificial/);
      expect(page.heard()).toContain('Carmen');
    },
    2 * PATIENCE_MS,
  );

  test('has one call at a time, and none to speak into before that', async () => {
    const page = await PagePhone.open();
    page.send({ kind: 'say', text: 'Hello?' });
    await page.until((m) => m.kind === 'problem' && m.text === 'There is no call.');
    page.send({ kind: 'call', direction: 'inbound', name: '', language: 'es' });
    page.send({ kind: 'call', direction: 'inbound', name: '', language: 'es' });
    await page.until((m) => m.kind === 'problem' && m.text === 'There is a call already.');
    const begun = events.filter((event) => event.what === 'call-started').length;
    await page.until((m) => m.kind === 'call' && m.state === 'connected');
    expect(events.filter((event) => event.what === 'call-started').length - begun).toBeLessThan(2);
  });
});

describe('what is not the page', () => {
  const host = (): string => `127.0.0.1:${port}`;

  test('a page from elsewhere, none at all, and another name for us are refused', async () => {
    expect(await upgradeStatus('/dev/phone', { origin: 'https://evil.example' })).toBe(403);
    expect(await upgradeStatus('/dev/phone', { origin: 'http://127.0.0.1.evil.example' })).toBe(
      403,
    );
    expect(await upgradeStatus('/dev/phone', {})).toBe(403);
    const rebound = { origin: `http://${host()}`, host: 'evil.example' };
    expect(await upgradeStatus('/dev/phone', rebound)).toBe(403);
    const tunnelled = { origin: `http://${host()}`, 'x-forwarded-for': '203.0.113.7' };
    expect(await upgradeStatus('/dev/phone', tunnelled)).toBe(403);
    expect(await upgradeStatus('/dev/phone', { origin: `http://${host()}` })).toBe(101);
  });

  test('another path is not there, and the media path is still the media socket’s', async () => {
    expect(await upgradeStatus('/dev/other', { origin: `http://${host()}` })).toBe(404);
    expect(await upgradeStatus('/media-stream', {})).toBe(403);
  });

  test('what is not understood is said so; too much is shown the door', async () => {
    const page = await PagePhone.open();
    page.socket.send('{"kind":"sing"}');
    page.socket.send(Buffer.from([1, 2, 3]));
    await page.until((m) => m.kind === 'problem' && m.text === 'That was not understood.');
    const closed = once(page.socket, 'close');
    for (let i = 0; i < 100; i += 1) page.socket.send('{}');
    expect((await closed)[0]).toBe(1008);
  });

  test('a message of more than 4 KB closes the socket', async () => {
    const page = await PagePhone.open();
    const closed = once(page.socket, 'close');
    page.socket.send('x'.repeat(5_000));
    expect((await closed)[0]).toBe(1009);
  });

  test('the ninth page is one too many', async () => {
    for (let i = 0; i < 8; i += 1) await PagePhone.open();
    expect(await upgradeStatus('/dev/phone', { origin: `http://${host()}` })).toBe(503);
  });
});

test('the page is served with a policy that allows nothing foreign', async () => {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  const html = await response.text();
  expect(response.status).toBe(200);
  expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
  expect(html).toContain('Running on emulators');
  expect(html).not.toMatch(/https?:\/\/|<style|style=|onclick=|<script>/);
  for (const file of ['page.js', 'page.css', 'conversation.js', 'earpiece.js', 'latency.js']) {
    expect((await fetch(`http://127.0.0.1:${port}/${file}`)).status, file).toBe(200);
  }
});
