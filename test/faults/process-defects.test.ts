/** What a defect of ours does to callers, to the process and to what operators are told. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, it, type TestContext } from 'vitest';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { greeted, startEmulators, until, type Emulators } from '../helpers/line-under-test.ts';
import { placesOf, startSentryReceiver, type SentryReceiver } from '../helpers/sentry-receiver.ts';
import { callTo, startServer, type RunningServer } from '../helpers/server-process.ts';

const DEFECTS = pathToFileURL(join(import.meta.dirname, '../fixtures/defects.mjs'));
const REPORT_WITHIN_MS = 5_000;

let emulators: Emulators;
let home: string;
let roses: Utterance;

beforeAll(async () => {
  [emulators, home, roses] = await Promise.all([
    startEmulators([{ match: /roses/i, reply: 'What colour are the roses?' }]),
    mkdtemp(join(tmpdir(), 'hearthline-defects-')),
    buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]),
  ]);
});
afterAll(async () => {
  await emulators.close();
  await rm(home, { recursive: true, force: true });
});

async function start({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): Promise<{
  server: RunningServer;
  sentry: SentryReceiver;
}> {
  const sentry = await startSentryReceiver();
  onTestFinished(() => sentry.close());
  const server = await startServer(
    { onTestFinished },
    {
      emulators,
      dataDir: await mkdtemp(join(home, 'data-')),
      env: { SENTRY_DSN: sentry.dsn, NODE_OPTIONS: `--import=${DEFECTS.href}` },
    },
  );
  return { server, sentry };
}

/** It is reported from that place, and neither there nor in the log stands what it said. */
async function expectReport(
  { expect }: Pick<TestContext, 'expect'>,
  { server, sentry }: { server: RunningServer; sentry: SentryReceiver },
  where: string,
): Promise<void> {
  await until(() => sentry.received.length > 0, REPORT_WITHIN_MS, server.output);
  expect(placesOf(sentry)).toEqual([where]);
  const told = `${JSON.stringify(sentry.received)}${server.output()}`;
  expect(told).toContain('"type":"Error"');
  expect(told).not.toMatch(/Margaret|5555550142/);
}

describe.concurrent('a defect', () => {
  it('in a call ends that call with an apology, and no other', async (context) => {
    const { expect } = context;
    const { server, sentry } = await start(context);
    const struck = await callTo(emulators, server, '+15005550031');
    const other = await callTo(emulators, server, '+15005550032');
    await struck.press('9');
    await struck.waitForWords(/I am sorry, the connection is bad today/, { timeoutMs: 10_000 });
    expect((await struck.ended()).how).toBe('hangup-verb');
    await expectReport(context, { server, sentry }, 'call');
    expect(server.output()).toMatch(/"level":50.*"call ended by a defect"/);
    const fromWord = await greeted(other);
    await other.say(roses);
    await other.waitForWords(/the roses\?/, { fromWord });
    expect(server.child.exitCode).toBeNull();
    await other.hangUp();
  });

  it('in a request is answered with 500, and the next one as ever', async (context) => {
    const { expect } = context;
    const { server, sentry } = await start(context);
    const broken = await fetch(`${server.url}/health/live?defect=1`);
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toMatch(/Margaret|5555550142|at .*\.ts/);
    await expectReport(context, { server, sentry }, 'request');
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
  });

  it.for([
    ['an exception', 'SIGUSR2', '+15005550033'],
    ['a rejection', 'SIGHUP', '+15005550034'],
  ] as const)(
    'that nobody caught, %s, ends the process behind a goodbye, with 1',
    async ([_what, signal, ours], context) => {
      const { expect } = context;
      const { server, sentry } = await start(context);
      const leg = await callTo(emulators, server, ours);
      server.child.kill(signal);
      await leg.waitForWords(/I have to stop .*Goodbye\./, { timeoutMs: 10_000 });
      expect((await leg.ended()).how).toBe('server-completed');
      expect(await server.exited).toBe(1);
      await expectReport(context, { server, sentry }, 'process');
      expect(server.output()).toMatch(/"level":60.*"nobody caught this: ending"/);
      expect(server.output()).toContain('"stopped"');
    },
  );
});
