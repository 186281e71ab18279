/** Doors that are not for the public, and callers who are not who their number says. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { isSure } from '../../routes/caller.ts';
import { listenHost } from '../../src/app-parts.ts';
import { loadConfig, webhookUrl } from '../../src/config.ts';
import {
  greeted,
  hangUp,
  lineFor,
  MARGARET,
  OUR_NUMBER,
  postSigned,
  startEmulators,
  type Emulators,
  type LineOptions,
  type LineUnderTest,
} from '../helpers/line-under-test.ts';

let emulators: Emulators;
beforeAll(async () => {
  emulators = await startEmulators();
});
afterAll(async () => {
  await emulators.close();
});

const start = async (test: Pick<TestContext, 'onTestFinished'>, options: LineOptions = {}) =>
  await lineFor(test, { emulators, ...options });

/** A request whose headers are the sender's own, Host among them. */
async function get(url: string, headers: Record<string, string> = {}) {
  return await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const sent = request(url, { headers }, (response) => {
      let body = '';
      response.on('data', (part: Buffer) => (body += part.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

const REBOUND = { host: 'evil.example' };
const PROXIED = { 'x-forwarded-for': '203.0.113.7' };

describe('/health', () => {
  it('tells everybody that it lives and is ready, and nothing more', async (test) => {
    const token = 'x'.repeat(40);
    const line = await start(test, { env: { METRICS_TOKEN: token } });
    for (const headers of [REBOUND, PROXIED]) {
      expect((await get(`${line.url}/health/live`, headers)).status).toBe(200);
      expect((await get(`${line.url}/health/ready`, headers)).status).toBe(200);
      const { body } = await get(`${line.url}/health`, headers);
      expect(JSON.parse(body)).toEqual({ status: 'ok' });
      const wrong = await get(`${line.url}/health`, { ...headers, authorization: 'Bearer y' });
      expect(JSON.parse(wrong.body)).toEqual({ status: 'ok' });
      const bearing = { ...headers, authorization: `Bearer ${token}` };
      expect(JSON.parse((await get(`${line.url}/health`, bearing)).body)).toHaveProperty('vendors');
    }
    expect(JSON.parse((await get(`${line.url}/health`)).body)).toHaveProperty('vendors');
  });
});

describe('/metrics in development', () => {
  it('is for this machine under its own name', async (test) => {
    const line = await start(test);
    expect((await get(`${line.url}/metrics`)).status).toBe(200);
    const evil = { origin: 'https://evil.example' };
    for (const headers of [REBOUND, PROXIED, evil]) {
      expect((await get(`${line.url}/metrics`, headers)).status).toBe(404);
    }
  });

  it('counts what was refused at the webhooks, by why', async (test) => {
    const line = await start(test);
    await postSigned(`${line.url}/voice/status`, { CallSid: 'CA1' }, { signature: 'x' });
    await postSigned(`${line.url}/voice/status`, { CallSid: 'CA1' }, { signature: '' });
    const { body } = await get(`${line.url}/metrics`);
    expect(body).toMatch(/webhooks_refused_total\{why="signature-does-not-match"\} [12]/);
    const lines = line.logLines.filter((each) => each['message'] === 'webhook refused');
    expect(lines.length).toBeGreaterThan(0);
    expect(lines[0]).not.toHaveProperty('dropped');
  });
});

const KEYS = {
  TWILIO_ACCOUNT_SID: `AC${'1'.repeat(32)}`,
  TWILIO_AUTH_TOKEN: 'token',
  TWILIO_PHONE_NUMBER: OUR_NUMBER,
  DEEPGRAM_API_KEY: 'key',
  ANTHROPIC_API_KEY: 'key',
  ELEVENLABS_API_KEY: 'key',
  ELEVENLABS_VOICE_ID: 'voice',
};

describe('the key that the emulated carrier signs with', () => {
  it.each([
    [{}, '127.0.0.1'],
    [{ PUBLIC_URL: 'http://localhost:8080' }, '127.0.0.1'],
    [{ PUBLIC_URL: 'http://127.0.0.2:8080' }, '127.0.0.2'],
    [{ PUBLIC_URL: 'http://[::1]:8080' }, '::1'],
    // Whoever has keys of their own is reached by whichever way they like.
    [{ PUBLIC_URL: 'https://x.example.org', TWILIO_AUTH_TOKEN: 'token' }, undefined],
    [KEYS, undefined],
  ])('is good on this machine only: %j', (env, host) => {
    expect(listenHost(loadConfig(env))).toBe(host);
  });

  it('opens no door to others where PUBLIC_URL says that the server is here', async (test) => {
    const line = await start(test, { env: { PUBLIC_URL: 'http://127.0.0.1:8080' } });
    expect(line.app.server.address()).toMatchObject({ address: '127.0.0.1' });
  });
});

describe('the doors for development', () => {
  it.each([
    ['with no keys', {}, true, false],
    ['with every key', KEYS, false, true],
    ['with every key, by order', { ...KEYS, DEV_ROUTES: 'on' }, true, true],
    [
      'with every key and an emulated carrier',
      { ...KEYS, TWILIO_BASE_URL: 'http://127.0.0.1:9' },
      true,
      false,
    ],
    [
      'with every key and a carrier elsewhere',
      { ...KEYS, TWILIO_BASE_URL: 'https://twilio.example' },
      false,
      true,
    ],
    ['closed by order', { DEV_ROUTES: 'off' }, false, false],
  ])('%s', (_name, env, devRoutes, reachesTelephones) => {
    expect(loadConfig(env)).toMatchObject({ devRoutes, reachesTelephones });
  });

  it('cannot be opened in production', () => {
    expect(() => loadConfig({ NODE_ENV: 'production', DEV_ROUTES: 'on' })).toThrow(/DEV_ROUTES/);
  });

  it('are not there with real keys, nor is the page', async (test) => {
    const env = { ...KEYS, TWILIO_AUTH_TOKEN: 'emulated-twilio-token' };
    const line = await start(test, { env });
    expect((await get(`${line.url}/dev/events`)).status).toBe(404);
    const call = await fetch(`${line.url}/dev/call`, { method: 'POST', body: '{}' });
    expect(call.status).toBe(404);
  });

  it('by order, make nobody’s telephone ring but that of somebody who is known', async (test) => {
    const { accountSid: TWILIO_ACCOUNT_SID } = emulators.twilio;
    const account = { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN: 'emulated-twilio-token' };
    const env = { ...KEYS, ...account, DEV_ROUTES: 'on' };
    const line = await start(test, { env });
    const place = async (to: string): Promise<number> => {
      const response = await fetch(`${line.url}/dev/call`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ to, personName: 'Whoever' }),
      });
      await response.text();
      return response.status;
    };
    expect(await place('+15555550199')).toBe(403);
    expect(line.twilio.calls()).toEqual([]);
    expect(await place(MARGARET.phone)).toBe(202);
  });
});

describe('a caller whose number may be forged', () => {
  it.each([
    ['TN-Validation-Passed-A', true, true],
    ['TN-Validation-Passed-B', true, false],
    ['TN-Validation-Passed-C', true, false],
    ['No-TN-Validation', true, false],
    [undefined, true, false],
    ['', true, false],
    ['TN-Validation-Failed', false, false],
    ['TN-Validation-Failed-A', false, false],
    ['TN-Validation-Failed-C', false, false],
  ])('%s: sure unless failed %s, where attestation is wanted %s', (verdict, usual, strict) => {
    expect(isSure(verdict, 'unless-failed')).toBe(usual);
    expect(isSure(verdict, 'attested')).toBe(strict);
  });

  async function answered(
    line: LineUnderTest,
    extra: Record<string, string>,
  ): Promise<{ name: string; facts: readonly string[]; personId: string }> {
    const callSid = `CA${randomBytes(16).toString('hex')}`;
    const form = {
      CallSid: callSid,
      From: MARGARET.phone,
      To: OUR_NUMBER,
      Direction: 'inbound',
      ...extra,
    };
    const { status, body } = await postSigned(`${line.url}/voice/answer`, form);
    expect({ status, connects: body.includes('<Stream') }).toEqual({ status: 200, connects: true });
    const { person } = line.app.calls.get(callSid)!.identity;
    line.app.calls.over(callSid);
    return person;
  }

  it('is spoken to without anything personal, and the call is theirs all the same', async (test) => {
    const line = await start(test);
    const forged = await answered(line, { StirVerstat: 'TN-Validation-Failed-A' });
    expect(forged).toMatchObject({ personId: MARGARET.personId, name: '', facts: [], people: [] });
    const usual = await answered(line, {});
    expect(usual).toMatchObject({ name: 'Margaret' });

    const strict = await start(test, { env: { TRUST_CALLER_ID: 'attested' } });
    expect(await answered(strict, {})).toMatchObject({ name: '', facts: [] });
    const sure = await answered(strict, { StirVerstat: 'TN-Validation-Passed-A' });
    expect(sure).toMatchObject({ name: 'Margaret', facts: MARGARET.facts });
  });
});

describe('WEBHOOK_SECRET', () => {
  it('is in every URL that the carrier is given, and calls work with it', async (test) => {
    const secret = 'a-secret-of-some-length';
    const line = await start(test, { env: { WEBHOOK_SECRET: secret } });
    line.twilio.setNumber({
      phoneNumber: OUR_NUMBER,
      voiceUrl: `${line.url}/voice/answer?key=${secret}`,
      statusCallbackUrl: `${line.url}/voice/status?key=${secret}`,
    });
    const leg = await line.dial();
    await greeted(leg);
    await hangUp(line, leg);
    const refused = await postSigned(`${line.url}/voice/status`, { CallSid: leg.callSid });
    expect(refused.status).toBe(403);
    const { body } = await get(`${line.url}/metrics`);
    expect(body).toMatch(/webhooks_refused_total\{why="wrong-key"\} 1\n/);
    expect(body).toMatch(/webhooks_refused_total\{why="signature-does-not-match"\} 0\n/);
    expect(JSON.stringify(line.logLines)).not.toContain(secret);
  });

  it('stands behind the path and nowhere else', () => {
    const config = loadConfig({ WEBHOOK_SECRET: 'a-secret-of-some-length', PORT: '8080' });
    expect(webhookUrl(config, '/voice/amd')).toBe(
      'http://127.0.0.1:8080/voice/amd?key=a-secret-of-some-length',
    );
    expect(webhookUrl(loadConfig({}), '/voice/amd')).not.toContain('?');
  });
});
