/** Signatures on webhooks and on the upgrade, made with Twilio's own SDK. */
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fc from 'fast-check';
import twilio from 'twilio';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRefusalLimit } from '../../routes/refusal-limit.ts';
import { createSignatureCheck, type SignatureRefusal } from '../../routes/twilio-signature.ts';
import {
  authToken,
  connectMedia,
  publicUrl,
  sign,
  signedUrl,
  startMediaServer,
  type MediaServer,
} from '../helpers/media-client.ts';

// A wrapper's export, so the SDK's typed names are reached through the default import.
const { getExpectedTwilioSignature } = twilio as unknown as {
  getExpectedTwilioSignature(key: string, url: string, form: Record<string, unknown>): string;
};

const form = {
  CallSid: 'CA1',
  AccountSid: 'AC1',
  From: '+15550002222',
  To: '+15550001111',
  CallStatus: 'ringing',
  CallerName: 'Zoë O’Neil & Söhne',
  Empty: '',
  SomethingNew: 'a=b&c',
};

describe('webhooks', () => {
  let server: Server;
  let port: number;
  let check: ReturnType<typeof createSignatureCheck>;
  const refusals: SignatureRefusal[] = [];
  const handled: unknown[] = [];

  beforeAll(async () => {
    const app = express();
    check = createSignatureCheck({
      publicUrl: () => `${publicUrl}/`,
      authToken,
      limit: createRefusalLimit({ burst: 10_000 }),
      onRefused: (refusal) => refusals.push(refusal),
    });
    app.use('/voice', ...check.handlers, (req, res) => {
      handled.push({ ...req.body });
      res.send('done');
    });
    server = createServer(app);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  beforeEach(() => {
    refusals.length = 0;
    handled.length = 0;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  type Ask = {
    method?: string;
    path?: string;
    body?: string;
    type?: string | undefined;
    signature?: string | undefined;
    headers?: Record<string, string>;
  };

  const encode = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
  const signatureOf = (path: string, fields: Record<string, unknown>, key = authToken) =>
    getExpectedTwilioSignature(key, publicUrl + path, fields);

  /** A raw request: `fetch` would tidy paths and headers up. */
  function ask(options: Ask): Promise<number> {
    const body = options.body ?? encode(form);
    const headers: Record<string, string> = {
      'content-length': String(Buffer.byteLength(body)),
      ...options.headers,
    };
    const type = 'type' in options ? options.type : 'application/x-www-form-urlencoded';
    if (type !== undefined) headers['content-type'] = type;
    const signature =
      'signature' in options ? options.signature : signatureOf('/voice/answer', form);
    if (signature !== undefined) headers['x-twilio-signature'] = signature;
    return new Promise((resolve, reject) => {
      const path = options.path ?? '/voice/answer';
      const asking = httpRequest(
        { port, path, method: options.method ?? 'POST', headers, agent: false },
        (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
        },
      );
      asking.on('error', reject);
      asking.end(body);
    });
  }

  test('case 59: what Twilio signed passes, with every field', async () => {
    expect(await ask({})).toBe(200);
    expect(handled).toEqual([form]);
    expect(refusals).toEqual([]);
  });

  test('case 59: the known vector of Twilio’s documentation passes through the SDK', () => {
    const known = {
      CallSid: 'CA1234567890ABCDE',
      Caller: '+14158675309',
      Digits: '1234',
      From: '+14158675309',
      To: '+18005551212',
    };
    const url = 'https://mycompany.com/myapp.php?foo=1&bar=2';
    expect(getExpectedTwilioSignature('12345', url, known)).toBe('RSOYDt4T1cUTdK1PDd93/VVr8B8=');
  });

  test('case 59: a missing, empty, garbled or foreign signature → 403, nothing done', async () => {
    const good = signatureOf('/voice/answer', form);
    const forged = [
      undefined,
      '',
      'x',
      good.slice(0, -1),
      `${good}=`,
      good.toLowerCase(),
      `${good}, ${good}`,
      signatureOf('/voice/answer', form, 'another key'),
      signatureOf('/voice/answer', {}),
    ];
    for (const signature of forged) expect(await ask({ signature })).toBe(403);
    expect(handled).toEqual([]);
    expect(refusals).toHaveLength(forged.length);
  });

  test('case 59: any one changed, added, removed or moved field → 403', async () => {
    const changes: Record<string, string>[] = [];
    for (const name of Object.keys(form) as (keyof typeof form)[]) {
      changes.push({ ...form, [name]: `${form[name]}x` });
      const { [name]: _gone, ...rest } = form;
      // A field that is empty adds its name only, so its removal still changes what was signed.
      changes.push(rest);
      changes.push({ ...rest, [`${name}2`]: form[name] });
    }
    changes.push({ ...form, Extra: '1' });
    for (const change of changes) expect(await ask({ body: encode(change) })).toBe(403);
    expect(handled).toEqual([]);
  });

  test('case 59: any single changed byte of the body → never accepted as something else', async () => {
    const body = encode(form);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(body.length - 1),
        fc.integer({ min: 33, max: 126 }),
        async (at, code) => {
          const changed = body.slice(0, at) + String.fromCharCode(code) + body.slice(at + 1);
          handled.length = 0;
          const status = await ask({ body: changed });
          if (status === 200) expect(handled).toEqual([form]);
          else expect(handled).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('case 59: signed for another URL → 403', async () => {
    const urls = [
      'https://line.example/voice/status',
      'https://line.example/voice/answer/',
      'https://line.example/voice/answer?x=1',
      'https://evil.example/voice/answer',
      'wss://line.example/voice/answer',
      'http://line.example/voice/answer',
    ];
    for (const url of urls) {
      const signature = getExpectedTwilioSignature(authToken, url, form);
      expect(await ask({ signature })).toBe(403);
    }
  });

  test('case 59: the URL is the configured one, whatever Host and proxies say', async () => {
    const headers = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
    };
    const evil = getExpectedTwilioSignature(authToken, 'http://evil.example/voice/answer', form);
    expect(await ask({ headers, signature: evil })).toBe(403);
    expect(await ask({ headers })).toBe(200);
  });

  test('case 59: query and path count as they arrived, before any router', async () => {
    const path = '/voice/answer?person=p%2D1&b=%27';
    expect(await ask({ path, signature: signatureOf(path, form) })).toBe(200);
    const other = '/voice/answer?person=p%2D2&b=%27';
    expect(await ask({ path: other, signature: signatureOf(path, form) })).toBe(403);
  });

  test('case 59: repeated fields count with all their values', async () => {
    const fields = { ...form, Tag: ['b', 'a', 'b'] };
    const signature = signatureOf('/voice/answer', fields);
    const body = `${encode(form)}&Tag=b&Tag=a&Tag=b`;
    expect(await ask({ body, signature })).toBe(200);
    expect(await ask({ body: `${encode(form)}&Tag=b&Tag=c`, signature })).toBe(403);
  });

  test('case 59: what is no form is turned away unread', async () => {
    const json = { body: JSON.stringify(form), type: 'application/json' };
    expect(await ask(json)).toBe(415);
    expect(await ask({ type: undefined })).toBe(415);
    expect(await ask({ type: 'multipart/form-data; boundary=x' })).toBe(415);
    expect(await ask({ headers: { 'content-encoding': 'gzip' } })).toBe(400);
    expect(await ask({ body: `a=${'x'.repeat(40_000)}` })).toBe(413);
    expect(await ask({ body: 'a=1&'.repeat(2_000) })).toBe(413);
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) expect(await ask({ method })).toBe(405);
    expect(handled).toEqual([]);
  });

  test('case 59: an added field passes under no name, not even an object’s own or one with brackets', async () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'To[]', 'To[a]'];
    for (const name of names) {
      const body = `${encode(form)}&${encodeURIComponent(name)}=x`;
      expect(await ask({ body })).toBe(403);
    }
    expect(handled).toEqual([]);
    expect(Object.prototype).not.toHaveProperty('x');
  });

  test('case 59: refusals are counted per sender', async () => {
    await ask({ signature: undefined });
    await ask({ signature: 'x' });
    expect(refusals.map((refusal) => refusal.why)).toEqual([
      'no signature',
      'signature does not match',
    ]);
    expect(refusals[1]!.count).toBe(refusals[0]!.count + 1);
    expect(check.failures().get(refusals[0]!.sender)).toBe(refusals[1]!.count);
    expect(JSON.stringify(refusals)).not.toContain('5550002222');
  });

  test('case 59: without a key nothing passes', async () => {
    const app = express();
    const unkeyed = createSignatureCheck({ publicUrl: () => publicUrl, authToken: '' });
    app.use(...unkeyed.handlers, (_req, res) => res.send('done'));
    const other = createServer(app);
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}/voice/answer`;
    const response = await fetch(url, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: { 'x-twilio-signature': signatureOf('/voice/answer', form, '') },
    });
    expect(response.status).toBe(403);
    other.closeAllConnections();
    await new Promise<void>((resolve) => other.close(() => resolve()));
  });
});

describe('the media stream’s upgrade', () => {
  let media: MediaServer;
  beforeEach(async () => {
    media = await startMediaServer();
  });
  afterEach(() => media.close());

  test('case 59: the SDK’s signature over the wss URL opens the socket', async () => {
    const signature = getExpectedTwilioSignature(authToken, signedUrl, {});
    expect(signature).toBe(sign(signedUrl));
    const client = await connectMedia(media.port, { signature });
    expect(client.socket.readyState).toBe(client.socket.OPEN);
  });

  test('case 59: a missing, forged or wrong-URL signature is refused before the upgrade', async () => {
    const signatures = [
      undefined,
      '',
      'x'.repeat(10_000),
      sign(signedUrl, 'another key'),
      sign('https://line.example/media-stream'),
      sign('ws://line.example/media-stream'),
      sign('wss://line.example/media-stream/'),
      sign('wss://evil.example/media-stream'),
      sign('wss://line.example/media-stream?token=x'),
      sign(signedUrl).toLowerCase(),
    ];
    for (const signature of signatures) {
      await expect(connectMedia(media.port, { signature })).rejects.toThrow('HTTP 403');
    }
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example' };
    const evil = sign('wss://evil.example/media-stream');
    await expect(connectMedia(media.port, { signature: evil, headers })).rejects.toThrow(
      'HTTP 403',
    );
    expect(media.socket.open()).toEqual({ sockets: 0, pending: 0 });
    expect(media.socket.counters.upgradesForged).toBe(signatures.length + 1);
    expect(media.calls).toEqual([]);
  });
});
