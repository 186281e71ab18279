/** What stands before the carrier's webhooks besides its signature. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterEach, describe, expect, test } from 'vitest';
import { twilioSignature } from '../../emulators/twilio/signature.ts';
import { createRefusalLimit } from '../../routes/refusal-limit.ts';
import { logRefusals } from '../../routes/refusal-log.ts';
import { peerIn, senderIn } from '../../routes/sender.ts';
import {
  createSignatureCheck,
  rawFormOf,
  type SignatureOptions,
} from '../../routes/twilio-signature.ts';

const TOKEN = 'a-token';
const PUBLIC = 'https://line.example';
const form = { CallSid: 'CA1', From: '+15550002222', To: '+15550001111', CallStatus: 'ringing' };

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
});

async function serve(options: Partial<SignatureOptions> = {}) {
  const check = createSignatureCheck({ publicUrl: () => PUBLIC, authToken: TOKEN, ...options });
  const raw: string[] = [];
  const app = express();
  app.use('/voice', ...check.handlers, (req, res) => {
    raw.push(rawFormOf(req));
    res.send('done');
  });
  const server = createServer(app);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  /** `body` as it is sent; signed over `fields`, unless given a signature. */
  const ask = async (
    options: {
      readonly body?: string;
      readonly fields?: Record<string, string | string[]>;
      readonly path?: string;
      readonly signature?: string;
      readonly headers?: Record<string, string>;
    } = {},
  ) => {
    const { fields = form, path = '/voice/status' } = options;
    const body = options.body ?? new URLSearchParams(form).toString();
    const response = await fetch(base + path, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-twilio-signature': options.signature ?? twilioSignature(TOKEN, PUBLIC + path, fields),
        ...options.headers,
      },
    });
    await response.text();
    return response;
  };
  return { ask, check, raw };
}

const encode = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();

describe('a form that fits its signature in more than one way', () => {
  test('a field that something depends on may not come twice, not even with one value', async () => {
    const { ask, check } = await serve();
    for (const name of ['CallSid', 'From', 'To', 'CallStatus']) {
      const value = form[name as keyof typeof form];
      // Twilio signs a repeated value once, so that the copy fits the signature of the original.
      const body = `${encode(form)}&${encode({ [name]: value })}`;
      expect((await ask({ body })).status).toBe(403);
    }
    const fields = { ...form, MessageSid: ['SM1', 'SM2'] };
    const body = `${encode(form)}&MessageSid=SM1&MessageSid=SM2`;
    expect((await ask({ body, fields })).status).toBe(403);
    expect(check.refused()['ambiguous form']).toBe(5);
  });

  test('a field without a name, or with one that is none, is refused', async () => {
    const { ask, check } = await serve();
    for (const name of ['', ' ', 'CallSidCA1From+1555', 'a b', '__proto__', 'x'.repeat(200)]) {
      const fields = { ...form, [name]: 'x' };
      expect((await ask({ body: encode(fields), fields })).status).toBe(403);
    }
    expect(check.refused()['ambiguous form']).toBe(6);
    // Names that carriers do send.
    const usual = { ...form, 'SipHeader_X-Twilio-CallSid': 'x', MediaUrl0: 'x', 'Digits.1': '' };
    expect((await ask({ body: encode(usual), fields: usual })).status).toBe(200);
  });

  test('what passes is kept as it came', async () => {
    const { ask, raw } = await serve();
    const body = `${encode(form)}&Body=a%20b+c`;
    expect((await ask({ body, fields: { ...form, Body: 'a b c' } })).status).toBe(200);
    expect(raw).toEqual([body]);
  });
});

describe('WEBHOOK_SECRET', () => {
  const secret = 'a-secret-of-some-length';

  test('is wanted in the signed URL, once, and besides the signature', async () => {
    const { ask, check } = await serve({ secret });
    const good = `/voice/status?key=${secret}`;
    expect((await ask({ path: good })).status).toBe(200);
    for (const path of [
      '/voice/status',
      '/voice/status?key=',
      '/voice/status?key=wrong',
      `/voice/status?key=${secret}x`,
      `/voice/status?key=${secret.toUpperCase()}`,
      `/voice/status?other=${secret}`,
      `/voice/status?key=wrong&key=${secret}`,
      `/voice/status?key=${secret}&key=${secret}`,
    ]) {
      expect((await ask({ path })).status, path).toBe(403);
    }
    expect(check.refused()['wrong key']).toBe(8);
    expect((await ask({ path: good, signature: 'x' })).status).toBe(403);
    expect(check.refused()['signature does not match']).toBe(1);
  });
});

describe('senders of forgeries', () => {
  test('are told 429 when there were too many, and what is signed passes all the same', async () => {
    const { ask, check } = await serve({ limit: createRefusalLimit({ burst: 5 }) });
    const statuses: number[] = [];
    for (let n = 0; n < 10; n += 1) statuses.push((await ask({ signature: 'x' })).status);
    expect(statuses.slice(0, 5)).toEqual([403, 403, 403, 403, 403]);
    expect(statuses.slice(6)).toEqual([429, 429, 429, 429]);
    const last = await ask({ signature: 'x' });
    expect(last.headers.get('retry-after')).toBe('10');
    // Nobody else's forgeries may keep a caller out.
    expect((await ask()).status).toBe(200);
    // A flood is read in small portions only.
    expect((await ask({ body: `a=${'x'.repeat(20_000)}` })).status).toBe(429);
    expect(check.refused()['form too large']).toBe(1);
  });

  test('are forgiven with time, and remembered in bounded number', () => {
    let nowMs = 0;
    const limit = createRefusalLimit({ burst: 2, now: () => nowMs });
    expect([1, 2, 3].map(() => limit.count('a').isOver)).toEqual([false, false, true]);
    expect(limit.isOver('a')).toBe(true);
    expect(limit.isOver('b')).toBe(false);
    nowMs = 600;
    expect(limit.isOver('a')).toBe(false);
    expect(limit.count('a')).toEqual({ count: 4, isOver: false });
    for (let n = 0; n < 5_000; n += 1) limit.count(`sender-${n}`);
    expect(limit.counts().size).toBe(1_000);
    expect(limit.counts().has('a')).toBe(false);
  });

  test('do not fill the log: a line per reason and ten seconds, with how many it was', () => {
    let nowMs = 0;
    const lines: unknown[] = [];
    const tell = logRefusals({ warn: (_text, fields) => lines.push(fields) }, () => nowMs);
    const refusal = { status: 403, sender: '203.0.113.7', count: 1 } as const;
    for (let n = 0; n < 1_000; n += 1) tell({ ...refusal, why: 'signature does not match' });
    tell({ ...refusal, why: 'wrong key' });
    nowMs = 10_000;
    tell({ ...refusal, why: 'signature does not match' });
    expect(lines).toEqual([
      { status: 403, why: 'signature-does-not-match', refusedCount: 1 },
      { status: 403, why: 'wrong-key', refusedCount: 1 },
      { status: 403, why: 'signature-does-not-match', refusedCount: 1_000 },
    ]);
  });
});

describe('who sent a request', () => {
  const from = (remoteAddress: string | undefined, forwarded?: string, proxies: string[] = []) =>
    senderIn(proxies)({
      socket: { remoteAddress },
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    });

  test.each([
    ['203.0.113.7', undefined, [], '203.0.113.7'],
    ['::ffff:203.0.113.7', undefined, [], '203.0.113.7'],
    [undefined, undefined, [], 'unknown'],
    ['2001:db8:1:2:3:4:5:6', undefined, [], '2001:db8:1:2::/64'],
    ['2001:db8::6', undefined, [], '2001:db8:0:0::/64'],
    ['::1', undefined, [], '0:0:0:0::/64'],
    // What anybody may write is not believed of anybody.
    ['203.0.113.7', '198.51.100.1', [], '203.0.113.7'],
    ['203.0.113.7', '198.51.100.1', ['10.0.0.0/8'], '203.0.113.7'],
    ['10.1.2.3', '198.51.100.1', ['10.0.0.0/8'], '198.51.100.1'],
    ['::ffff:10.1.2.3', '198.51.100.1', ['10.0.0.0/8'], '198.51.100.1'],
    // Only what our own proxies have added, from the right.
    ['10.1.2.3', '1.2.3.4, 198.51.100.1, 10.9.9.9', ['10.0.0.0/8'], '198.51.100.1'],
    ['10.1.2.3', '1.2.3.4, not an address', ['10.0.0.0/8'], '10.1.2.3'],
    ['10.1.2.3', '', ['10.0.0.0/8'], '10.1.2.3'],
    ['fd00::5', '2001:db8::7', ['fd00::/8'], '2001:db8:0:0::/64'],
    ['192.168.1.5', '198.51.100.1', ['192.168.1.5'], '198.51.100.1'],
  ])('%s, forwarded for %s, trusting %j: %s', (address, forwarded, proxies, sender) => {
    expect(from(address, forwarded, proxies)).toBe(sender);
  });

  test('a connection is its peer’s, whoever that speaks for, unless it is a proxy of ours', () => {
    const peerOf = peerIn(['10.0.0.0/8', 'fd00::/8']);
    expect(peerOf({ remoteAddress: '::ffff:203.0.113.7' })).toBe('203.0.113.7');
    expect(peerOf({ remoteAddress: '2001:db8:1:2:3:4:5:6' })).toBe('2001:db8:1:2::/64');
    expect(peerOf({ remoteAddress: undefined })).toBe('unknown');
    expect(peerOf({ remoteAddress: '::ffff:10.1.2.3' })).toBeUndefined();
    expect(peerOf({ remoteAddress: 'fd00::5' })).toBeUndefined();
  });

  test('a header of a million addresses is read from its end only', () => {
    const header = '10.0.0.1,'.repeat(100_000);
    const startedAt = performance.now();
    expect(from('10.1.2.3', header, ['10.0.0.0/8'])).toBe('10.1.2.3');
    expect(performance.now() - startedAt).toBeLessThan(100);
  });
});
