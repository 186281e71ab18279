/** Redis slow, gone before a call, gone in the middle of it, and back again: no caller notices. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import type { CallerLeg } from '../../emulators/twilio/types.ts';
import { startByteProxy, type ByteProxy } from '../helpers/byte-proxy.ts';
import { greeted, startLine, type LineUnderTest } from '../helpers/line-under-test.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { eventually } from '../helpers/eventually.ts';

const REPLIES = [{ match: /roses/i, reply: 'Oh, how lovely. What colour are the roses?' }];
/** Of a healthy answer here; a Redis that is waited for would show as far more. */
const SOON_MS = 4_000;

let redis: TestRedis;
let raw: Redis;
let proxy: ByteProxy;
let home: string;
let line: LineUnderTest;
let roses: Utterance;

beforeAll(async () => {
  [redis, home, roses] = await Promise.all([
    startRedis(),
    mkdtemp(join(tmpdir(), 'hearthline-outages-')),
    buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]),
  ]);
  raw = new Redis(redis.url);
  proxy = await startByteProxy(redis.url);
  line = await startLine({ keepsIn: home, redisUrl: proxy.path, replies: REPLIES });
}, 180_000);
afterAll(async () => {
  await line?.close();
  await proxy?.close();
  raw?.disconnect();
  await redis?.stop();
  await rm(home, { recursive: true, force: true });
});

/** Says something; the answer's beginning is heard in time. */
async function talk(leg: CallerLeg): Promise<void> {
  const fromWord = leg.playout.heardWords().length;
  await leg.say(roses);
  await leg.waitForWords(/Oh, how lovely/, { fromWord, timeoutMs: SOON_MS });
  await leg.waitForSilence();
}

test(
  'gone before the call, back in it, hanging, and lost with the stream',
  { timeout: 60_000 },
  async () => {
    proxy.set('refuse');
    await eventually(
      async () => (await fetch(`${line.url}/health/live`)).ok && !(await isUp()),
      10_000,
      'the line did not notice',
    );
    const leg = await line.dial();
    await greeted(leg);
    await talk(leg);

    proxy.set('pass');
    const snapshot = `snapshot:{${leg.callSid}}`;
    const call = `call:{${leg.callSid}}`;
    await eventually(
      async () => (await raw.exists(snapshot, call)) === 2,
      10_000,
      'nothing was kept',
    );

    proxy.set('hang');
    await talk(leg);
    const beforeLoss = leg.playout.heardWords().length;
    leg.network.cut();
    await leg.waitForStream({ count: 2 });
    await leg.waitForWords(/lost you for a moment/, { fromWord: beforeLoss });
    await leg.waitForSilence();

    proxy.set('refuse');
    await talk(leg);
    await leg.hangUp();
    await line.waitForEvent('call-ended', ({ callSid }) => callSid === leg.callSid);
    expect(line.eventsOf('call-ended').map(({ reason }) => reason)).toEqual(['caller-hung-up']);
    await line.untilNothingIsLeft();

    proxy.set('pass');
    await eventually(
      async () => {
        const text = await raw.get(call);
        return text !== null && JSON.parse(text).phase === 'ended' && !(await raw.exists(snapshot));
      },
      10_000,
      'nobody was told that the call is over',
    );
    const errors = line.logLines.filter(({ level }) => Number(level) >= 50);
    // The one that this test has made.
    expect(errors.map(({ message }) => message)).toEqual(['stream error at the carrier']);
  },
);

test('how often a Redis that is away is asked has a bound', async () => {
  const leg = await line.dial();
  await greeted(leg);
  proxy.set('hang');
  await talk(leg);
  const before = proxy.bytesIn();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  // A beat each half second and a write of the call each second or less; a snapshot has some 2 kB.
  expect(proxy.bytesIn() - before).toBeLessThan(20_000);
  proxy.set('pass');
  await leg.hangUp();
  await line.waitForEvent('call-ended', ({ callSid }) => callSid === leg.callSid);
});

async function isUp(): Promise<boolean> {
  const health = (await (await fetch(`${line.url}/health`)).json()) as { store: { ok: boolean } };
  return health.store.ok;
}
