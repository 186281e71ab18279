/** A process that cannot keep up, or is full, turns new callers away with words; live calls go on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, it, type TestContext } from 'vitest';
import type { CallerLeg } from '../../emulators/twilio/types.ts';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { eventually } from '../helpers/eventually.ts';
import { greeted, startEmulators, type Emulators } from '../helpers/line-under-test.ts';
import { callTo, startServer, type RunningServer } from '../helpers/server-process.ts';

const LATE_LOOP = pathToFileURL(join(import.meta.dirname, '../fixtures/late-loop.mjs'));
const BUSY = /All our lines are busy just now\..*Goodbye\./;

let emulators: Emulators;
let home: string;
let roses: Utterance;
beforeAll(async () => {
  [emulators, home, roses] = await Promise.all([
    startEmulators([{ match: /roses/i, reply: 'What colour are the roses?' }]),
    mkdtemp(join(tmpdir(), 'hearthline-admission-')),
    buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]),
  ]);
});
afterAll(async () => {
  await emulators.close();
  await rm(home, { recursive: true, force: true });
});

async function start(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  env: Readonly<Record<string, string>>,
): Promise<RunningServer> {
  const dataDir = await mkdtemp(join(home, 'data-'));
  return await startServer({ onTestFinished }, { emulators, dataDir, env });
}

async function figure(server: RunningServer, series: string): Promise<number> {
  const page = await (await fetch(`${server.url}/metrics`)).text();
  const line = page.split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length));
}

const turnedAway = async (server: RunningServer, why: string): Promise<number> =>
  await figure(server, `hearthline_calls_turned_away_total{why="${why}"}`);

/** Hears that there is no room, and the carrier hangs up. */
async function expectRefusal({ expect }: Pick<TestContext, 'expect'>, ours: string): Promise<void> {
  const leg = await emulators.twilio.placeCall({ from: '+15555550199', to: ours });
  await leg.waitForWords(BUSY, { timeoutMs: 20_000 });
  expect((await leg.ended()).how).toBe('hangup-verb');
}

/** The one who was there before is understood and answered, and nobody hung up on them. */
async function expectAnswered(
  { expect }: Pick<TestContext, 'expect'>,
  leg: CallerLeg,
): Promise<void> {
  const fromWord = leg.playout.heardWords().length;
  await leg.say(roses);
  await leg.waitForWords(/the roses\?/, { fromWord, timeoutMs: 20_000 });
  expect(leg.status).toBe('in-progress');
  await leg.hangUp();
}

describe.concurrent('new callers', { timeout: 120_000 }, () => {
  it('hear that all lines are busy where MAX_CALLS are live, and the one who is live goes on', async (context) => {
    const { expect } = context;
    const server = await start(context, { MAX_CALLS: '1' });
    const live = await callTo(emulators, server, '+15005550041');
    await greeted(live);
    expect(await figure(server, 'hearthline_accepting_calls')).toBe(0);
    await expectRefusal(context, '+15005550041');
    expect(await turnedAway(server, 'limit')).toBe(1);
    await expectAnswered(context, live);
    await eventually(async () => (await figure(server, 'hearthline_accepting_calls')) === 1, 5_000);
  });

  it('hear it while the event loop is late, the one who is live goes on, and then there is room', async (context) => {
    const { expect } = context;
    const server = await start(context, { NODE_OPTIONS: `--import=${LATE_LOOP.href}` });
    const live = await callTo(emulators, server, '+15005550042');
    await greeted(live);
    expect(await figure(server, 'hearthline_accepting_calls')).toBe(1);
    server.child.kill('SIGUSR2');
    const isShut = async (): Promise<boolean> =>
      (await figure(server, 'hearthline_accepting_calls')) === 0;
    // What a start costs turns nobody away: the loop is watched from when it is over.
    await eventually(isShut, 30_000);
    expect(await figure(server, 'hearthline_admission_late_seconds')).toBeGreaterThan(0.05);
    await expectRefusal(context, '+15005550042');
    expect(await turnedAway(server, 'late')).toBe(1);
    server.child.kill('SIGUSR2');
    await eventually(async () => !(await isShut()), 20_000);
    await expectAnswered(context, live);
  });
});
