/** One instance without Redis, killed and started again: it finds what it had left behind. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { stored } from '../helpers/kept-call.ts';
import { startEmulators, until, type Emulators } from '../helpers/line-under-test.ts';
import { callTo, startServer } from '../helpers/server-process.ts';

let emulators: Emulators;
let home: string;
beforeAll(async () => {
  [emulators, home] = await Promise.all([
    startEmulators(),
    mkdtemp(join(tmpdir(), 'hearthline-restart-')),
  ]);
}, 60_000);
afterAll(async () => {
  await emulators?.close();
  if (home) await rm(home, { recursive: true, force: true });
});

it('goes on with who is still on the line, and ends the call of who is not', async ({
  expect,
  onTestFinished,
}) => {
  const key = randomBytes(32);
  const env = { ENCRYPTION_KEY: key.toString('hex'), DRAIN_TIMEOUT_MS: '12000' };
  const first = await startServer({ onTestFinished }, { emulators, dataDir: home, env });
  await until(() => first.output().includes('"message":"ready"'), 30_000, first.output);
  const stays = await callTo(emulators, first, '+15005550041');
  const leaves = await callTo(emulators, first, '+15005550041');
  // The carrier may make a long silence of it.
  emulators.twilio.script.abruptLoss = { outcome: 'silent', forMs: 60_000 };
  first.child.kill('SIGKILL');
  await first.exited;
  await leaves.hangUp();
  const fromWord = stays.playout.heardWords().length;

  const again = { ...env, PORT: new URL(first.url).port };
  const second = await startServer({ onTestFinished }, { emulators, dataDir: home, env: again });
  await stays.waitForWords(/lost you for a moment/, { fromWord, timeoutMs: 15_000 });
  expect(stays.playout.heardText(fromWord)).not.toMatch(/AI companion/);
  await until(() => second.output().includes('call lost with its process'), 10_000, second.output);
  // What follows from the end of a call is written with it, and needs the queue.
  await until(() => second.output().includes('jobs are done here'), 10_000, second.output);
  await stays.hangUp();
  second.child.kill('SIGTERM');
  expect(await second.exited).toBe(0);

  const lost = await stored({ dataDir: home, key }, leaves.callSid, undefined);
  expect(lost.conversation).toMatchObject({ state: 'ended', endReason: 'stream-lost' });
  const resumed = await stored({ dataDir: home, key }, stays.callSid, undefined);
  expect(resumed.conversation).toMatchObject({
    state: 'ended',
    endReason: 'caller-hung-up',
    resumeCount: 1,
  });
}, 120_000);
