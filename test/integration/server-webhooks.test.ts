import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { twilioSignature } from '../../emulators/twilio/signature.ts';
import {
  AUTH_TOKEN,
  MARGARET,
  OUR_NUMBER,
  postSigned,
  startEmulators,
  startLine,
  until,
  type Emulators,
  type LineUnderTest,
} from '../helpers/line-under-test.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';

function newCallSid(): string {
  return `CA${randomBytes(16).toString('hex')}`;
}

function answerForm(callSid: string, from = MARGARET.phone): Record<string, string> {
  return {
    CallSid: callSid,
    AccountSid: `AC${'0'.repeat(32)}`,
    From: from,
    To: OUR_NUMBER,
    CallStatus: 'ringing',
    Direction: 'inbound',
    ApiVersion: '2010-04-01',
  };
}

function statusForm(callSid: string, status: string, sequence: number): Record<string, string> {
  return { ...answerForm(callSid), CallStatus: status, SequenceNumber: String(sequence) };
}

function tokenIn(twiml: string): string {
  return /name="token" value="([^"]+)"/.exec(twiml)?.[1] ?? '';
}

type Stream = {
  readonly socket: WebSocket;
  /** Events that the server sent. */
  readonly received: string[];
  readonly closed: Promise<number>;
};

/** The carrier's side of a media stream, up to and including `start`. */
async function openStream(line: LineUnderTest, callSid: string, token: string): Promise<Stream> {
  const url = `${line.url.replace('http', 'ws')}/media-stream`;
  const socket = new WebSocket(url, {
    headers: { 'x-twilio-signature': twilioSignature(AUTH_TOKEN, url) },
  });
  const received: string[] = [];
  socket.on('message', (data) => {
    const message = JSON.parse(String(data)) as { event: string };
    received.push(message.event);
  });
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  const streamSid = `MZ${randomBytes(16).toString('hex')}`;
  socket.send(JSON.stringify({ event: 'connected', protocol: 'Call', version: '1.0.0' }));
  const start = {
    accountSid: `AC${'0'.repeat(32)}`,
    streamSid,
    callSid,
    tracks: ['inbound'],
    mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
    customParameters: token === '' ? {} : { token },
  };
  socket.send(JSON.stringify({ event: 'start', sequenceNumber: '1', streamSid, start }));
  return { socket, received, closed };
}

let emulators: Emulators;
let redis: TestRedis;

beforeAll(async () => {
  [emulators, redis] = await Promise.all([startEmulators(), startRedis()]);
});
afterAll(async () => {
  await Promise.all([emulators.close(), redis.stop()]);
});

describe('webhooks and streams of the whole server', () => {
  const open: LineUnderTest[] = [];
  const start = async (options: Parameters<typeof startLine>[0] = {}): Promise<LineUnderTest> => {
    const line = await startLine({ emulators, ...options });
    open.push(line);
    return line;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map(async (line) => line.close()));
  });
  const vendorConnects = (): number =>
    emulators.deepgram.log.all('connect').length + emulators.elevenlabs.log.all('connected').length;

  it('case 57: a stream with an unknown, missing or used token is turned away', async () => {
    const line = await start();
    const before = vendorConnects();
    const forged = await openStream(line, newCallSid(), 'not-a-token');
    const tokenless = await openStream(line, newCallSid(), '');
    expect(await Promise.all([forged.closed, tokenless.closed])).toEqual([1008, 1008]);
    expect(vendorConnects()).toBe(before);
    expect(line.app.calls.active).toBe(0);

    const callSid = newCallSid();
    const { body } = await postSigned(`${line.url}/voice/answer`, answerForm(callSid));
    const first = await openStream(line, callSid, tokenIn(body));
    await until(() => first.received.includes('media'), 3_000);
    const again = await openStream(line, callSid, tokenIn(body));
    expect(await again.closed).toBe(1008);
    expect(first.socket.readyState).toBe(WebSocket.OPEN);
    first.socket.close();
  });

  it('case 57: with every line taken, the carrier speaks a refusal and no vendor is asked', async () => {
    const line = await start({ env: { MAX_CALLS: '1' } });
    const first = await line.dial();
    await first.waitForAudible();
    const before = vendorConnects();
    const second = await emulators.twilio.placeCall({ from: '+15555550188', to: OUR_NUMBER });
    await second.waitForWords(/lines are busy/);
    expect((await second.ended()).how).toBe('hangup-verb');
    expect(vendorConnects()).toBe(before);
    expect(line.app.calls.active).toBe(1);
    await first.hangUp();
    await line.untilNothingIsLeft();
    const third = await line.dial('+15555550188');
    await third.waitForAudible();
    await third.hangUp();
    await line.untilNothingIsLeft();
  });

  it('case 58: one token on two instances at once lets one stream in', async () => {
    const a = await start({ redisUrl: redis.url });
    const b = await start({ redisUrl: redis.url });
    for (let round = 0; round < 5; round += 1) {
      const callSid = newCallSid();
      const { body } = await postSigned(`${a.url}/voice/answer`, answerForm(callSid));
      const token = tokenIn(body);
      expect(token).not.toBe('');
      const streams = await Promise.all([
        openStream(a, callSid, token),
        openStream(b, callSid, token),
      ]);
      const winner = (): Stream | undefined =>
        streams.find(({ received }) => received.includes('media'));
      await until(() => winner() !== undefined, 3_000);
      const loser = streams.find((stream) => stream !== winner());
      expect(await loser?.closed).toBe(1008);
      expect(loser?.received).toEqual([]);
      winner()?.socket.close();
      await Promise.all(
        [a, b].map(async ({ url }) =>
          postSigned(`${url}/voice/status`, statusForm(callSid, 'completed', round + 3)),
        ),
      );
    }
    await until(() => a.app.calls.active + b.app.calls.active === 0, 3_000);
  });

  it('case 59: a forged, missing or foreign signature, or a changed field, does nothing', async () => {
    const line = await start();
    const callSid = newCallSid();
    const before = vendorConnects();
    for (const path of ['answer', 'resume', 'status', 'stream-status', 'amd']) {
      const url = `${line.url}/voice/${path}`;
      const form = answerForm(callSid);
      const attempts = [
        { signature: twilioSignature('another-key', url, form) },
        { signature: '' },
        { signature: twilioSignature(AUTH_TOKEN, `https://elsewhere.example/voice/${path}`, form) },
        { sent: { ...form, From: '+15555550199' } },
        { sent: { ...form, Added: '1' } },
      ];
      for (const attempt of attempts) {
        const { status, body } = await postSigned(url, form, attempt);
        expect({ path, status, body }).toEqual({ path, status: 403, body: '' });
      }
    }
    expect(line.app.calls.active).toBe(0);
    expect(vendorConnects()).toBe(before);
    expect(line.events).toEqual([]);
  });

  it('case 60: twenty copies of one answer webhook make one call, and every stream is that call', async () => {
    const line = await start();
    const callSid = newCallSid();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () =>
        postSigned(`${line.url}/voice/answer`, answerForm(callSid)),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(line.app.calls.active).toBe(1);
    expect(line.eventsOf('call-started')).toHaveLength(1);
    expect(line.eventsOf('stt-opened').length).toBeLessThanOrEqual(1);
    await postSigned(`${line.url}/voice/status`, statusForm(callSid, 'completed', 3));
    await line.waitForEvent('call-ended');
    await line.untilNothingIsLeft();
  });

  it('case 60: an end that is told twenty times, and before its beginning, is one end', async () => {
    const line = await start();
    const callSid = newCallSid();
    await postSigned(`${line.url}/voice/answer`, answerForm(callSid));
    const statusUrl = `${line.url}/voice/status`;
    await Promise.all(
      Array.from({ length: 20 }, async () =>
        postSigned(statusUrl, statusForm(callSid, 'completed', 3)),
      ),
    );
    await postSigned(statusUrl, statusForm(callSid, 'in-progress', 2));
    await line.waitForEvent('call-ended');
    expect(line.eventsOf('call-ended')).toHaveLength(1);
    // The answer webhook, come again, does not bring the call back.
    const late = await postSigned(`${line.url}/voice/answer`, answerForm(callSid));
    expect(late.body).toContain('<Hangup/>');

    // An end overtakes everything else.
    const overtaken = newCallSid();
    await postSigned(statusUrl, statusForm(overtaken, 'completed', 3));
    await until(() => line.app.calls.endOf(overtaken) === 'ended', 1_000);
    const answer = await postSigned(`${line.url}/voice/answer`, answerForm(overtaken));
    expect(answer.body).toContain('<Hangup/>');
    expect(line.app.calls.active).toBe(0);
    await line.untilNothingIsLeft();
  });
});
