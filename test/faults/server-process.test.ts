import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, it } from 'vitest';
import {
  OUR_NUMBER,
  postSigned,
  startEmulators,
  until,
  type Emulators,
} from '../helpers/line-under-test.ts';
import {
  callTo as callOn,
  launchServer as launch,
  startServer as startOn,
  type RunningServer,
} from '../helpers/server-process.ts';
import type { CallerLeg } from '../../emulators/twilio/types.ts';

const DRAIN_MS = 12_000;
/**
 * What the process may take beyond its drain: closing, flushing, exiting. Where it ends in the first
 * seconds, V8 still compiles the embedded database, here for six servers at once, and no exit comes
 * before that is over; whoever judges haste goes by what the process says.
 */
const CLOSE_MS = 6_000;

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

async function startServer(scope: {
  onTestFinished(fn: () => Promise<void>): void;
}): Promise<RunningServer> {
  return await startOn(scope, {
    emulators,
    dataDir: await mkdtemp(join(home, 'data-')),
    env: { DRAIN_TIMEOUT_MS: String(DRAIN_MS) },
  });
}

async function callTo(server: RunningServer, ours: string): Promise<CallerLeg> {
  return await callOn(emulators, server, ours);
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

  it('an echo of the signal, as npm makes one, takes nobody their goodbye', async ({
    expect,
    onTestFinished,
  }) => {
    const server = await startServer({ onTestFinished });
    const leg = await callTo(server, '+15005550014');
    server.child.kill('SIGINT');
    // As a rule two deliveries; one where the process had no time between them.
    await sleep(20);
    server.child.kill('SIGINT');
    await leg.waitForWords(/I have to stop here.*Goodbye\./, { timeoutMs: DRAIN_MS });
    expect(await server.exited).toBe(0);
    expect(server.output()).not.toContain('second signal');
  });

  it('a second signal skips the goodbye, and says that it was us who ended the call', async ({
    expect,
    onTestFinished,
  }) => {
    const server = await startServer({ onTestFinished });
    const leg = await callTo(server, '+15005550013');
    server.child.kill('SIGTERM');
    await until(() => server.output().includes('"draining"'), 2_000, server.output);
    server.child.kill('SIGINT');
    await until(() => server.output().includes('"stopped"'), CLOSE_MS, server.output);
    expect(await server.exited).toBe(0);
    expect(server.output()).toContain('second signal');
    expect(server.output()).toMatch(/"reason":"drain".*"call ended"/);
    await leg.ended();
    expect(leg.playout.heardText()).not.toContain('I have to stop here');
  });

  it('SIGTERM without a call ends it at once', async ({ expect, onTestFinished }) => {
    const server = await startServer({ onTestFinished });
    server.child.kill('SIGTERM');
    await until(() => server.output().includes('"stopped"'), CLOSE_MS, server.output);
    expect(await server.exited).toBe(0);
  });

  it('a port that somebody has: one line that says so, and an exit code', async ({
    expect,
    onTestFinished,
  }) => {
    const server = await startServer({ onTestFinished });
    const { port } = new URL(server.url);
    const dataDir = await mkdtemp(join(home, 'data-'));
    const { exited, output } = launch({ PORT: port, DATA_DIR: dataDir });
    expect(await exited).toBe(1);
    expect(output()).toContain(`hearthline: port ${port} is in use`);
    expect(output()).not.toMatch(/^\s+at /m);
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
