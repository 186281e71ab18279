import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import {
  AUTH_TOKEN,
  OUR_NUMBER,
  postSigned,
  startEmulators,
  until,
  type Emulators,
} from '../helpers/line-under-test.ts';
import type { CallerLeg } from '../../emulators/twilio/types.ts';

const ROOT = join(import.meta.dirname, '../..');
const DRAIN_MS = 12_000;
/** What the process may take beyond its drain: closing, flushing, exiting. */
const CLOSE_MS = 6_000;

type Server = {
  readonly url: string;
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
};

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function launch(env: Readonly<Record<string, string>>): Omit<Server, 'url'> {
  const child = spawn(process.execPath, ['src/main.ts'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  let output = '';
  const keep = (part: Buffer): void => {
    output = (output + part.toString()).slice(-100_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, output: () => output, exited };
}

let emulators: Emulators;
let home: string;

beforeAll(async () => {
  [emulators, home] = await Promise.all([
    startEmulators(),
    mkdtemp(join(tmpdir(), 'hearthline-process-')),
  ]);
});
afterAll(async () => {
  await emulators.close();
  await rm(home, { recursive: true, force: true });
});

type TestScope = { onTestFinished(fn: () => Promise<void>): void };

/** The real server as a process of its own, in the world of the emulators. */
async function startServer(scope: TestScope): Promise<Server> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = launch({
    NODE_ENV: 'development',
    PORT: String(port),
    // Two processes cannot have the same one.
    DATA_DIR: await mkdtemp(join(home, 'data-')),
    DRAIN_TIMEOUT_MS: String(DRAIN_MS),
    TWILIO_ACCOUNT_SID: emulators.twilio.accountSid,
    TWILIO_AUTH_TOKEN: AUTH_TOKEN,
    TWILIO_PHONE_NUMBER: OUR_NUMBER,
    TWILIO_BASE_URL: emulators.twilio.url,
    DEEPGRAM_API_KEY: 'key',
    DEEPGRAM_BASE_URL: emulators.deepgram.url,
    ANTHROPIC_API_KEY: 'key',
    ANTHROPIC_BASE_URL: emulators.anthropic.url,
    ELEVENLABS_API_KEY: 'key',
    ELEVENLABS_VOICE_ID: 'voice',
    ELEVENLABS_BASE_URL: emulators.elevenlabs.url,
  });
  scope.onTestFinished(async () => {
    server.child.kill('SIGKILL');
    await server.exited;
  });
  await until(() => server.output().includes('"listening"'), 30_000, server.output);
  return { ...server, url };
}

/** A caller whose number of ours leads to this very server. */
async function callTo(server: Server, ours: string): Promise<CallerLeg> {
  emulators.twilio.setNumber({
    phoneNumber: ours,
    voiceUrl: `${server.url}/voice/answer`,
    statusCallbackUrl: `${server.url}/voice/status`,
  });
  const leg = await emulators.twilio.placeCall({ from: '+15555550142', to: ours });
  await leg.waitForWords(/AI companion/);
  return leg;
}

describe.concurrent('the process and its signals', () => {
  it('SIGTERM in a live call: the caller hears a goodbye, and the process ends with 0 in time', async ({
    expect,
    onTestFinished,
  }) => {
    const server = await startServer({ onTestFinished });
    const leg = await callTo(server, '+15005550011');
    const startedAt = performance.now();
    server.child.kill('SIGTERM');
    await leg.waitForWords(/I have to stop here.*Goodbye\./, { timeoutMs: DRAIN_MS });
    const end = await leg.ended();
    expect(end.how).toBe('server-completed');
    expect(await server.exited).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(DRAIN_MS + CLOSE_MS);
  });

  it('while it drains, it is alive, not ready, and takes no call', async ({
    expect,
    onTestFinished,
  }) => {
    const server = await startServer({ onTestFinished });
    const leg = await callTo(server, '+15005550012');
    server.child.kill('SIGTERM');
    await until(() => server.output().includes('"draining"'), 2_000, server.output);
    const statuses = await Promise.all(
      ['live', 'ready'].map(async (name) => (await fetch(`${server.url}/health/${name}`)).status),
    );
    expect(statuses).toEqual([200, 503]);
    const refused = await postSigned(`${server.url}/voice/answer`, {
      CallSid: `CA${'2'.repeat(32)}`,
      From: '+15555550188',
      To: OUR_NUMBER,
      Direction: 'inbound',
    });
    expect(refused.body).toContain('<Say');
    await leg.hangUp();
    expect(await server.exited).toBe(0);
  });

  it('a second SIGTERM skips the goodbye', async ({ expect, onTestFinished }) => {
    const server = await startServer({ onTestFinished });
    const leg = await callTo(server, '+15005550013');
    server.child.kill('SIGTERM');
    await until(() => server.output().includes('"draining"'), 2_000, server.output);
    const startedAt = performance.now();
    server.child.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(server.output()).toContain('second signal');
    await leg.ended();
    expect(leg.playout.heardText()).not.toContain('I have to stop here');
  });

  it('SIGTERM without a call ends it at once', async ({ expect, onTestFinished }) => {
    const server = await startServer({ onTestFinished });
    const startedAt = performance.now();
    server.child.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  it('production without its keys: every problem at once, no value, an exit code', async ({
    expect,
  }) => {
    const secret = 'secret-that-must-not-appear';
    const { exited, output } = launch({
      NODE_ENV: 'production',
      PORT: 'not-a-port',
      TWILIO_AUTH_TOKEN: secret,
      PUBLIC_URL: `http://${secret}.example`,
      REDIS_URL: `mysql://user:${secret}@host`,
    });
    expect(await exited).not.toBe(0);
    for (const name of [
      'PORT',
      'PUBLIC_URL',
      'REDIS_URL',
      'TWILIO_ACCOUNT_SID',
      'DEEPGRAM_API_KEY',
      'ANTHROPIC_API_KEY',
      'ELEVENLABS_API_KEY',
      'ELEVENLABS_VOICE_ID',
      'DATABASE_URL',
      'ENCRYPTION_KEY',
    ]) {
      expect(output()).toContain(name);
    }
    expect(output()).not.toContain(secret);
    expect(output()).not.toContain('not-a-port');
  });
});
