/** Somebody who holds as many of the server's connections as they can. */
import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import express from 'express';
import { describe, expect, it, type TestContext } from 'vitest';
import { twilioSignature } from '../../emulators/twilio/signature.ts';
import { senderIn } from '../../routes/sender.ts';
import { createSignatureCheck, type SignatureRefusal } from '../../routes/twilio-signature.ts';
import { createConnectionShares } from '../../src/connection-shares.ts';
import { bind, createHttpServer, unbind } from '../../src/http-server.ts';
import { eventually } from '../helpers/eventually.ts';
import { greeted, hangUp, lineFor, postSigned } from '../helpers/line-under-test.ts';

type Test = Pick<TestContext, 'onTestFinished'>;

const TOKEN = 'a-token';
const PUBLIC = 'https://line.example';
const FORM = { CallSid: 'CA1', CallStatus: 'ringing' };

type Client = {
  readonly socket: Socket;
  /** What it was told, once its connection is closed. */
  readonly told: Promise<string>;
};

/** A connection that sends `text` and waits. */
async function open(port: number, text: string, localAddress = '127.0.0.1'): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  let heard = '';
  socket.on('data', (part: Buffer) => (heard += part.toString()));
  socket.on('error', () => undefined);
  const told = new Promise<string>((resolve) => socket.once('close', () => resolve(heard)));
  socket.write(text);
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
  return { socket, told };
}

/** The beginning of a form with a signature that is none: one byte of a hundred. */
function begunForm(sender = '203.0.113.7'): string {
  const headers = [
    'POST /voice/status HTTP/1.1',
    'Host: line.example',
    'Content-Type: application/x-www-form-urlencoded',
    'X-Twilio-Signature: x',
    `X-Forwarded-For: ${sender}`,
    'Content-Length: 100',
  ];
  return `${headers.join('\r\n')}\r\n\r\na`;
}

async function serve(
  test: Test,
  onRequest: RequestListener,
  admit?: (socket: Socket) => void,
): Promise<number> {
  const server = createHttpServer(onRequest);
  const port = await bind(server, { port: 0, calls: 10, ...(admit && { admit }) });
  test.onTestFinished(async () => {
    server.closeAllConnections();
    await unbind(server);
  });
  return port;
}

/** The check behind a proxy on this machine. */
async function serveForms(test: Test) {
  const refusals: SignatureRefusal[] = [];
  let begun = 0;
  const check = createSignatureCheck({
    publicUrl: () => PUBLIC,
    authToken: TOKEN,
    senderOf: senderIn(['127.0.0.1']),
    onRefused: (refusal) => refusals.push(refusal),
  });
  const app = express();
  app.use((_req, _res, next) => {
    begun += 1;
    next();
  });
  app.use('/voice', ...check.handlers, (_req, res) => res.send('done'));
  const port = await serve(test, app);
  return {
    refusals,
    /** Resolves when the server has read its headers. */
    begin: async (sender?: string): Promise<Client> => {
      const before = begun;
      const client = await open(port, begunForm(sender));
      await eventually(() => begun > before, 5_000);
      return client;
    },
    postSigned: async (sender: string): Promise<number> => {
      const response = await fetch(`http://127.0.0.1:${port}/voice/status`, {
        method: 'POST',
        body: new URLSearchParams(FORM),
        headers: {
          'x-twilio-signature': twilioSignature(TOKEN, `${PUBLIC}/voice/status`, FORM),
          'x-forwarded-for': sender,
        },
      });
      return response.status;
    },
  };
}

describe('a form that nobody has verified', () => {
  it('has to be whole within three seconds, or loses its connection', async (test) => {
    const { begin, refusals } = await serveForms(test);
    const beganAt = performance.now();
    const { told } = await begin();
    expect(await told).toMatch(/^HTTP\/1\.1 408 [\s\S]*\r\nConnection: close\r\n/);
    expect(performance.now() - beganAt).toBeGreaterThan(2_900);
    // Not by Node's own limit, which knows nothing of forms and comes after fifteen.
    expect(refusals).toMatchObject([{ status: 408, why: 'form too slow' }]);
  });

  it('has one of sixty-four places of its sender, and the oldest makes room', async (test) => {
    const { begin, postSigned, refusals } = await serveForms(test);
    const first = await begin();
    for (let n = 1; n < 64; n += 1) await begin();
    expect(await postSigned('198.51.100.1')).toBe(200);
    expect(refusals).toEqual([]);
    await begin();
    expect(await first.told).toMatch(/^HTTP\/1\.1 429 [\s\S]*\r\nRetry-After: 10\r\n/);
    expect(refusals).toMatchObject([{ why: 'too many forms at once', sender: '203.0.113.7' }]);
    // Whoever shares an address with such a sender is not kept out.
    expect(await postSigned('203.0.113.7')).toBe(200);
  });
});

describe('connections', () => {
  const OK: RequestListener = (_request, response) => void response.end('ok');
  const ASK = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

  it('of one address beyond its share cost it the oldest, and nobody else any', async (test) => {
    const lines: unknown[] = [];
    let nowMs = 0;
    const shares = createConnectionShares({
      max: 3,
      peerOf: ({ remoteAddress }) => remoteAddress?.replace('::ffff:', ''),
      log: { warn: (_text, fields) => lines.push(fields) },
      now: () => nowMs,
    });
    const port = await serve(test, OK, shares.admit);
    const other = await open(port, '', '127.0.0.2');
    const mine = [];
    for (let n = 0; n < 5; n += 1) mine.push(await open(port, ''));
    await Promise.all(mine.slice(0, 2).map(async ({ told }) => await told));
    for (const { socket } of [other, ...mine.slice(2)]) {
      const answered = new Promise((resolve) => socket.once('data', resolve));
      socket.write(ASK);
      expect(String(await answered)).toContain('200 OK');
    }
    nowMs = 10_000;
    await open(port, '');
    await mine[2]!.told;
    expect(lines).toEqual([{ refusedCount: 1 }, { refusedCount: 2 }]);
  });

  it('that have carried something signed, or are a proxy’s, are nobody’s share', async (test) => {
    const shares = createConnectionShares({
      max: 2,
      peerOf: ({ remoteAddress = '' }) =>
        remoteAddress.endsWith('127.0.0.2') ? undefined : 'somebody',
      log: { warn: () => undefined },
    });
    const port = await serve(
      test,
      (request, response) => {
        shares.prove(request.socket);
        response.end('ok');
      },
      shares.admit,
    );
    const proven = await open(port, '');
    const answered = new Promise((resolve) => proven.socket.once('data', resolve));
    proven.socket.write(ASK);
    await answered;
    const proxied = await Promise.all([1, 2, 3, 4].map(() => open(port, '', '127.0.0.2')));
    const junk = [];
    for (let n = 0; n < 4; n += 1) junk.push(await open(port, ''));
    await Promise.all(junk.slice(0, 2).map(async ({ told }) => await told));
    for (const { socket } of [proven, ...proxied]) {
      const again = new Promise((resolve) => socket.once('data', resolve));
      socket.write(ASK);
      expect(String(await again)).toContain('200 OK');
    }
  });
});

describe('more junk than the server has connections, from one address', () => {
  it('keeps out neither webhooks, calls nor whoever asks how it is', async (test) => {
    const line = await lineFor(test, { env: { MAX_CALLS: '1' } });
    const { port } = new URL(line.url);
    const leg = await line.dial();
    const clients: Client[] = [];
    test.onTestFinished(() => {
      for (const { socket } of clients) socket.destroy();
    });
    // 2 × 1 + 1,000 is all there are.
    while (clients.length < 1_100) {
      const some = Array.from({ length: 50 }, () => open(Number(port), begunForm()));
      clients.push(...(await Promise.all(some)));
    }
    expect((await fetch(`${line.url}/health/ready`)).status).toBe(200);
    const fields = { CallSid: leg.callSid, CallStatus: 'in-progress' };
    expect((await postSigned(`${line.url}/voice/status`, fields)).status).toBe(204);
    await greeted(leg);
    await hangUp(line, leg);
    await line.dial();
  });
});
