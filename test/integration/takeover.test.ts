/** Two live instances on one Redis and one PostgreSQL: calls that go from one to the other. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { twilioSignature } from '../../emulators/twilio/signature.ts';
import { AUTH_TOKEN, until, type LineUnderTest } from '../helpers/line-under-test.ts';
import { startPostgres, type TestPostgres } from '../helpers/postgres-server.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';
import { startTwoLines, type TwoLines } from '../helpers/two-lines.ts';
import { monotonicMs } from '../../src/events.ts';
import { eventually } from '../helpers/eventually.ts';

const REPLIES = [
  { match: /roses/i, reply: 'Oh, how lovely. What colour are the roses?' },
  { match: /they are red/i, reply: 'Red ones are the finest of all.' },
];

/** A call that the emulated carrier does not have. */
const NOBODYS = 'CA00000000000000000000000000000001';

let redis: TestRedis;
let raw: Redis;
let postgres: TestPostgres;
let databaseUrl: string;
let roses: Utterance;
let red: Utterance;

beforeAll(async () => {
  [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
  databaseUrl = (await postgres.createDatabase()).url;
  raw = new Redis(redis.url);
  roses = await buildUtterance([{ say: 'My roses are out.', finality: 'complete' }]);
  red = await buildUtterance([{ say: 'They are red.', finality: 'complete' }]);
}, 180_000);
afterAll(async () => {
  raw?.disconnect();
  await redis?.stop();
  await postgres?.stop();
});

async function two(): Promise<TwoLines> {
  return await startTwoLines({ redisUrl: redis.url, databaseUrl, replies: REPLIES });
}

/** Why a call ended at an instance, each time it did. */
const reasonsOf = (line: LineUnderTest, callSid: string): string[] =>
  line
    .eventsOf('call-ended')
    .filter((event) => event.callSid === callSid)
    .map(({ reason }) => reason);

const endAt = async (line: LineUnderTest, callSid: string): Promise<string> =>
  (await line.waitForEvent('call-ended', (event) => event.callSid === callSid)).reason;

/** The conversation as it is when it has ended in the database. */
async function endOf(lines: TwoLines, callSid: string) {
  const deadline = performance.now() + 5_000;
  for (;;) {
    const kept = await lines.kept(callSid);
    if (kept.conversation?.state === 'ended') return { ...kept, ...kept.conversation };
    if (performance.now() > deadline) throw new Error('the conversation does not end');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The carrier's request, as it reaches one instance in the balancer's name. */
async function askAt(
  line: LineUnderTest,
  url: string,
  fields: Readonly<Record<string, string>>,
): Promise<string> {
  const response = await fetch(`${line.url}${new URL(url).pathname}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-twilio-signature': twilioSignature(AUTH_TOKEN, url, fields),
    },
    body: new URLSearchParams(fields),
  });
  return await response.text();
}

async function resumeAt(
  line: LineUnderTest,
  publicUrl: string,
  callStatus = 'in-progress',
): Promise<string> {
  const fields = { CallSid: NOBODYS, CallStatus: callStatus };
  return await askAt(line, `${publicUrl}/voice/resume`, fields);
}

describe('two live instances', () => {
  let lines: TwoLines;
  beforeAll(async () => {
    lines = await two();
  }, 60_000);
  afterAll(async () => lines?.close());
  beforeEach(() => lines.reach('a'));

  /** A call on `a` in which the roses were talked about. */
  async function talkOfRoses() {
    const { leg, fromWord } = await lines.dial();
    await leg.say(roses);
    await leg.waitForWords(/the roses\?/, { fromWord });
    await leg.waitForSilence();
    const told = ({ callSid, text }: { callSid: string; text: string }): boolean =>
      callSid === leg.callSid && text.includes('the roses?');
    await lines.a.waitForEvent('companion-said', told);
    return leg;
  }

  test('a call whose stream is lost goes on at the other, word for word, with one mouth', async () => {
    const { a, b } = lines;
    const leg = await talkOfRoses();
    const beforeLoss = leg.playout.heardWords().length;
    lines.reach('b');
    leg.network.cut();
    await leg.waitForStream({ count: 2 });
    await leg.waitForWords(/lost you for a moment\. What colour are the roses\?/, {
      fromWord: beforeLoss,
    });
    await leg.waitForSilence();
    expect(leg.playout.heardText(beforeLoss)).not.toMatch(/AI companion/);
    expect(await endAt(a, leg.callSid)).toBe('moved');
    const afterLoss = leg.playout.heardWords().length;
    await leg.say(red);
    await leg.waitForWords(/the finest of all/, { fromWord: afterLoss });
    await leg.waitForSilence();
    const asked = lines.anthropic.log
      .all('request')
      .findLast(({ userText }) => userText.includes('They are red'))!;
    const shown = JSON.stringify(asked.messages);
    for (const said of ['My roses are out', 'lovely. What colour', 'They are red']) {
      expect(shown.split(said)).toHaveLength(2);
    }
    // The carrier's last word comes to the instance that does not have the call any more.
    lines.reach('a');
    await leg.hangUp();
    expect(await endAt(b, leg.callSid)).toBe('caller-hung-up');
    expect(reasonsOf(a, leg.callSid)).toEqual(['moved']);
    const { endReason, resumeCount, turns } = await endOf(lines, leg.callSid);
    expect({ endReason, resumeCount }).toEqual({ endReason: 'caller-hung-up', resumeCount: 1 });
    const callers = turns.filter(({ speaker }) => speaker === 'caller').map(({ heard }) => heard);
    expect(callers).toEqual(['My roses are out.', 'They are red.']);
  });

  test('nothing said or heard is readable in Redis, and no snapshot stays when a call is over', async () => {
    const leg = await talkOfRoses();
    const snapshotKey = `snapshot:{${leg.callSid}}`;
    await eventually(
      async () => (await raw.exists(snapshotKey)) === 1,
      5_000,
      'no snapshot was saved',
    );
    const keys = await raw.keys('*');
    const texts = await Promise.all(
      keys.map(async (key) => ((await raw.type(key)) === 'string' ? raw.get(key) : '')),
    );
    const everything = [...keys, ...texts].join('\n');
    for (const word of ['roses', 'Margaret', '5550142', 'companion']) {
      expect(everything).not.toContain(word);
      expect(everything).not.toContain(Buffer.from(word).toString('base64').slice(0, 6));
    }
    expect(await raw.pttl(snapshotKey)).toBeGreaterThan(3_500_000);
    await leg.hangUp();
    await endAt(lines.a, leg.callSid);
    await eventually(
      async () => (await raw.exists(snapshotKey)) === 0,
      5_000,
      'the snapshot stays',
    );
  });

  test('a stream that comes to the other instance than the webhook did is let in there', async () => {
    const { a, b } = lines;
    lines.twilio.script.streamConnectMs = 400;
    const leg = await lines.twilio.placeCall({ from: '+15555550142', to: '+15005550006' });
    await a.waitForEvent('call-started', ({ callSid }) => callSid === leg.callSid);
    lines.reach('b');
    await leg.waitForStream();
    lines.twilio.script.streamConnectMs = 0;
    await leg.waitForWords(/\?/);
    await leg.waitForSilence();
    expect(leg.playout.heardText()).not.toMatch(/lost you/);
    const attached = b.eventsOf('stream-attached').filter((each) => each.callSid === leg.callSid);
    expect(attached.map(({ resumed }) => resumed)).toEqual([false]);
    expect(await endAt(a, leg.callSid)).toBe('moved');
    await leg.hangUp();
    const { endReason, resumeCount } = await endOf(lines, leg.callSid);
    expect({ endReason, resumeCount }).toEqual({ endReason: 'caller-hung-up', resumeCount: 0 });
  });

  test('an owner that was overtaken falls silent and leaves the conversation to the other', async () => {
    const { a, b } = lines;
    const { leg } = await lines.dial();
    const taken = await b.app.sessions.takeOver({
      callSid: leg.callSid,
      direction: 'inbound',
      person: a.app.calls.get(leg.callSid)!.identity.person,
      isSure: true,
      why: 'resume',
      inProgress: true,
      above: 1,
    });
    expect(taken).toMatchObject({ kind: 'taken' });
    lines.reach('b');
    expect(await endAt(a, leg.callSid)).toBe('moved');
    // Its stream is closed in order, so the carrier asks whoever it reaches for the next.
    await leg.waitForStream({ count: 2 });
    expect(b.app.calls.get(leg.callSid)?.isFinished).toBe(false);
    expect((await lines.kept(leg.callSid)).conversation?.state).toBe('active');
    await leg.hangUp();
    await endAt(b, leg.callSid);
  });

  test('what Redis has forgotten, the database still knows', async () => {
    const leg = await talkOfRoses();
    const inDatabase = async (): Promise<boolean> =>
      (await lines.kept(leg.callSid)).turns.length >= 3;
    await eventually(inDatabase, 5_000, 'the turns are not in the database');
    await raw.flushall();
    const beforeLoss = leg.playout.heardWords().length;
    lines.reach('b');
    leg.network.cut();
    await leg.waitForWords(/lost you for a moment\. What colour are the roses\?/, {
      fromWord: beforeLoss,
    });
    expect(lines.b.app.calls.get(leg.callSid)!.losses).toBe(1);
    await leg.hangUp();
    await endAt(lines.b, leg.callSid);
  });

  test('an old request of a call that is over, told again, brings nobody to the line', async () => {
    const { b, balancer } = lines;
    const leg = await talkOfRoses();
    await leg.hangUp();
    await endOf(lines, leg.callSid);
    const again = async (): Promise<string> =>
      await askAt(b, `${balancer.url}/voice/answer`, {
        CallSid: leg.callSid,
        Direction: 'inbound',
        CallStatus: 'ringing',
      });
    expect(await again()).toMatch(/<Hangup\/>/);
    await raw.flushall();
    expect(await again()).toMatch(/<Hangup\/>/);
  });

  test('lost again and again, on whichever instance, a call is given up with an apology', async () => {
    const { leg } = await lines.dial();
    for (let count = 2; count <= 6; count += 1) {
      lines.reach(count % 2 === 0 ? 'b' : 'a');
      leg.network.cut();
      await leg.waitForStream({ count });
      await leg.waitForAudible();
    }
    lines.reach('b');
    leg.network.cut();
    await leg.waitForWords(/connection is bad today/);
    expect((await leg.ended()).how).toBe('hangup-verb');
    expect((await endOf(lines, leg.callSid)).endReason).toBe('stream-lost');
    await until(() => lines.a.app.calls.active + lines.b.app.calls.active === 0, 3_000);
  });

  test('a call that nobody knows gets a stream where the carrier says that it is under way', async () => {
    const { a, balancer } = lines;
    expect(await resumeAt(a, balancer.url, 'completed')).toMatch(/<Hangup\/>/);
    expect(a.app.calls.active).toBe(0);
    expect(await resumeAt(a, balancer.url)).toMatch(/<Stream /);
    expect(a.app.calls.get(NOBODYS)?.identity.resumed).toBeDefined();
    a.app.calls.over(NOBODYS);
    expect(a.app.calls.active).toBe(0);
    expect(await resumeAt(a, balancer.url)).toMatch(/<Hangup\/>/);
  });

  test('let go of at a second signal, a call goes on at the other', async () => {
    const { a, b } = lines;
    const { leg, fromWord } = await lines.dial();
    lines.reach('b');
    a.app.calls.close('move');
    expect(await endAt(a, leg.callSid)).toBe('moved');
    await leg.waitForWords(/lost you for a moment/, { fromWord });
    await leg.hangUp();
    expect(await endAt(b, leg.callSid)).toBe('caller-hung-up');
  });
});

describe('an instance that is drained beside another', () => {
  test('gives its calls away at a boundary; one that comes back too early is sent on', async ({
    onTestFinished,
  }) => {
    const lines = await two();
    onTestFinished(async () => lines.close());
    const { a, b } = lines;
    const { leg, fromWord } = await lines.dial();
    await leg.say(roses);
    await leg.waitForWords(/the roses\?/, { fromWord });
    const draining = a.app.drain(monotonicMs() + 20_000, new AbortController().signal);
    expect(await endAt(a, leg.callSid)).toBe('moved');
    expect(await draining).toBe('move');
    // Where the balancer does not know yet, the carrier comes back to where it was sent away from.
    const early = await resumeAt(a, lines.balancer.url);
    expect(early).toMatch(/<Pause length="1"\/><Redirect method="POST">[^<]*\/voice\/resume</);
    await leg.waitForStream({ count: 2, timeoutMs: 6_000 });
    await leg.waitForWords(/lost you for a moment/, { fromWord });
    expect(leg.playout.heardText(fromWord)).toMatch(/What colour are the roses\?/);
    expect(lines.twilio.log.all('call-ended')).toEqual([]);
    await leg.hangUp();
    const { endReason, resumeCount } = await endOf(lines, leg.callSid);
    expect({ endReason, resumeCount }).toEqual({ endReason: 'caller-hung-up', resumeCount: 1 });
    expect(reasonsOf(b, leg.callSid)).toEqual(['caller-hung-up']);
  });
});
