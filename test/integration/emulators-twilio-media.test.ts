import { describe, expect, test } from 'vitest';
import { monotonicMs } from '../../emulators/clock.ts';
import { InbandDecoder } from '../../emulators/speech/inband.ts';
import type { CallerLeg, TwilioEmulator } from '../../emulators/twilio/types.ts';
import { tone, toneSpeech } from '../helpers/tone-speech.ts';
import { CALLER, OUR_NUMBER, startPair } from '../helpers/twilio-emulator-fixture.ts';
import type { ServerStream, WebhookServer } from '../helpers/twilio-webhook-server.ts';

type Connected = {
  emulator: TwilioEmulator;
  server: WebhookServer;
  leg: CallerLeg;
  stream: ServerStream;
};

async function connected(...[options]: Parameters<typeof startPair>): Promise<Connected> {
  const { emulator, server } = await startPair(options);
  const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
  return { emulator, server, leg, stream: await server.stream() };
}

type Media = {
  sequenceNumber: string;
  media: Record<'track' | 'chunk' | 'timestamp' | 'payload', string>;
};

function mediaOf(stream: ServerStream): Media[] {
  return stream.of('media') as unknown as Media[];
}

function bytesOf(stream: ServerStream): Buffer {
  return Buffer.concat(mediaOf(stream).map((m) => Buffer.from(m.media.payload, 'base64')));
}

function wordsOf(stream: ServerStream): string[] {
  return new InbandDecoder().push(bytesOf(stream)).map((word) => word.text);
}

describe('what the caller sends', () => {
  test('frames come every 20 ms without drift, silence included, numbered in strings', async () => {
    const { stream } = await connected();
    const startedMs = monotonicMs();
    const before = mediaOf(stream).length;
    await stream.until((s) => mediaOf(s).length >= before + 100);
    expect(Math.abs(monotonicMs() - startedMs - 2_000)).toBeLessThan(60);
    const media = mediaOf(stream);
    media.forEach((message, index) => {
      expect(message.sequenceNumber).toBe(String(index + 2));
      expect(message.media).toMatchObject({ track: 'inbound', chunk: String(index + 1) });
      expect(message.media.timestamp).toBe(String(index * 20));
    });
    expect(new Set(bytesOf(stream))).toEqual(new Set([0xff]));
  });

  test('speech arrives whole; the last word is stamped when its frame leaves', async () => {
    const { leg, stream, emulator } = await connected();
    const speech = toneSpeech('good morning dear');
    const result = await leg.say({
      ...speech,
      mulaw: Buffer.concat([speech.mulaw, Buffer.alloc(1_600 + 40, 0xff)]),
    });
    expect(result).toMatchObject({ frames: 41, framesLost: 0, cut: false });
    // The thirtieth frame of 41; each may leave late on a busy machine, and the next then sooner.
    const [spokenMs, silentMs] = [29 * 20, 11 * 20];
    expect(result.lastSpeechFrameAtMs - result.firstFrameAtMs).toBeGreaterThan(spokenMs - 100);
    expect(result.lastSpeechFrameAtMs - result.firstFrameAtMs).toBeLessThan(spokenMs + 100);
    expect(result.endedAtMs - result.lastSpeechFrameAtMs).toBeGreaterThan(silentMs - 100);
    await stream.until((s) => wordsOf(s).length === 3);
    expect(wordsOf(stream)).toEqual(['good', 'morning', 'dear']);
    const [lastWord] = emulator.log.all('speech-last-word');
    expect(Math.abs(lastWord!.atMs - result.lastSpeechFrameAtMs)).toBeLessThan(20);
    const { caller, companion } = leg.recording();
    expect(caller.length).toBe(companion.length);
    const at = result.lineMs * 8;
    expect(Buffer.from(caller.subarray(at, at + 480)).equals(speech.mulaw.subarray(0, 480))).toBe(
      true,
    );
  });

  test('falling silent cuts the speech and what is queued behind it', async () => {
    const { leg } = await connected();
    const first = leg.say(toneSpeech('this will be cut in the middle'));
    const second = leg.say(toneSpeech('never said'));
    await leg.waitForStream();
    await new Promise((resolve) => setTimeout(resolve, 200));
    leg.stopSpeaking();
    expect((await first).cut).toBe(true);
    expect((await second).frames).toBe(0);
    expect(leg.isSpeaking()).toBe(false);
  });

  test('keys arrive as dtmf, in one sequence with the media', async () => {
    const { leg, stream } = await connected();
    await leg.press('1#');
    await stream.until((s) => s.of('dtmf').length === 2);
    expect(stream.of('dtmf').map((m) => m['dtmf'])).toEqual([
      { track: 'inbound_track', digit: '1' },
      { track: 'inbound_track', digit: '#' },
    ]);
    const numbers = stream.messages.slice(1).map((m) => Number(m['sequenceNumber']));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });
});

describe('what the caller hears', () => {
  test('media of any size plays in real time; each mark returns when its audio has played', async () => {
    const { leg, stream } = await connected();
    const speech = toneSpeech('one two three four');
    const sentMs = monotonicMs();
    for (let at = 0; at < speech.mulaw.length; at += 999) {
      stream.media(speech.mulaw.subarray(at, at + 999));
    }
    stream.mark('end');
    stream.mark('end-too');
    await stream.until((s) => s.marks().length === 2);
    const tookMs = monotonicMs() - sentMs;
    expect(tookMs).toBeGreaterThanOrEqual(799);
    expect(tookMs).toBeLessThan(900);
    const marks = leg.playout.marks();
    expect(marks.map((mark) => [mark.name, mark.outcome])).toEqual([
      ['end', 'played'],
      ['end-too', 'played'],
    ]);
    expect(marks[0]!.position).toBe(speech.mulaw.length);
    expect(leg.playout.heardText()).toBe('one two three four');
    const [stretch] = leg.playout.stretches();
    expect(stretch).toMatchObject({ bytes: 6_400, underruns: [], source: 'stream' });
    expect(stretch!.endedAtMs! - stretch!.startedAtMs).toBeCloseTo(800, 3);
    const words = leg.playout.heardWords();
    expect(words[1]!.playedAtMs - stretch!.startedAtMs).toBeCloseTo(400, 3);
    const { companion } = leg.recording();
    const played = companion.subarray(stretch!.lineStartMs * 8, stretch!.lineEndMs * 8);
    expect(Buffer.from(played).equals(speech.mulaw)).toBe(true);
  });

  test('a mark comes back at once when nothing is buffered', async () => {
    const { leg, stream } = await connected();
    const sentMs = monotonicMs();
    stream.mark('nothing');
    await stream.until((s) => s.marks().length === 1);
    expect(monotonicMs() - sentMs).toBeLessThan(100);
    expect(leg.playout.marks()[0]!.outcome).toBe('idle');
  });

  test('clear stops the sound in mid-word, returns all marks and tells what was cut', async () => {
    const { leg, stream, emulator } = await connected();
    const speech = toneSpeech('alpha beta gamma delta epsilon', 400);
    stream.media(speech.mulaw.subarray(0, 6_400));
    stream.mark('first');
    stream.media(speech.mulaw.subarray(6_400));
    stream.mark('second');
    await stream.until((s) => s.marks().length === 1);
    await leg.waitForWords(/beta/);
    await new Promise((resolve) => setTimeout(resolve, 150));
    stream.clear();
    await stream.until((s) => s.marks().length === 2);
    const [record] = leg.playout.clears();
    expect(record).toMatchObject({
      reason: 'clear',
      flushedMarks: ['second'],
      heardWords: 2,
      cutWord: { text: 'gamma' },
      flushedWords: ['delta', 'epsilon'],
    });
    expect(record!.cutWord!.playedFraction).toBeGreaterThan(0.2);
    expect(record!.cutWord!.playedFraction).toBeLessThan(0.9);
    expect(leg.playout.marks().map((mark) => mark.outcome)).toEqual(['played', 'flushed']);
    expect(leg.playout.playedBytes() + leg.playout.flushedBytes()).toBe(speech.mulaw.length);
    expect(emulator.log.all('clear')[0]!.record).toBe(record);
    await leg.waitForSilence({ afterMs: 300 });
    expect(leg.playout.heardText()).toBe('alpha beta');
    stream.media(toneSpeech('zeta').mulaw);
    await leg.waitForWords(/zeta/);
    expect(leg.playout.stretches()).toHaveLength(2);
    expect(leg.playout.underruns()).toEqual([]);
  });

  test('a gap inside running sound is an underrun; a long one begins another stretch', async () => {
    const { leg, stream } = await connected();
    stream.media(tone(200));
    await leg.waitForAudible();
    await leg.waitForSilence({ afterMs: 100 });
    stream.media(tone(200));
    await leg.waitForAudible();
    await leg.waitForSilence({ afterMs: 500 });
    stream.media(tone(100));
    await leg.waitForAudible();
    await leg.waitForSilence({ afterMs: 60 });
    const [first, second, ...others] = leg.playout.stretches();
    expect(others).toEqual([]);
    expect(first!.underruns).toHaveLength(1);
    expect(first!.underruns[0]!.durationMs).toBeGreaterThanOrEqual(100);
    expect(first!.bytes).toBe(3_200);
    expect(second!.bytes).toBe(800);
    expect(leg.playout.silences(450)).toHaveLength(1);
  });

  test('more than ten minutes of sound are discarded, and said so once', async () => {
    const { leg, stream, emulator } = await connected({ record: false, decodeWords: false });
    const minute = new Uint8Array(60 * 8_000).fill(0xff);
    for (let i = 0; i < 11; i += 1) stream.media(minute);
    stream.media(new Uint8Array(160));
    await emulator.log.waitFor((e) => e.what === 'media' && e.bytes === 160);
    expect(leg.playout.discardedBytes()).toBeGreaterThan(59 * 8_000);
    expect(leg.playout.bufferedMs()).toBeLessThanOrEqual(600_000);
    expect(emulator.log.all('error').map((e) => e.code)).toEqual([31931]);
  });

  test('foreign frames from the server are noted and change nothing', async () => {
    const { leg, stream, emulator } = await connected();
    const bad = [
      'not json',
      '[]',
      'null',
      '{"event":"dance"}',
      '{"event":"media","streamSid":"MZother","media":{"payload":"//8="}}',
      `{"event":"media","streamSid":"${stream.streamSid}","media":{"payload":7}}`,
      `{"event":"media","streamSid":"${stream.streamSid}","media":{"payload":"%%%"}}`,
      `{"event":"mark","streamSid":"${stream.streamSid}"}`,
    ];
    for (const text of bad) stream.socket.send(text);
    stream.socket.send(Buffer.from([1, 2, 3]), { binary: true });
    stream.mark('alive');
    await stream.until((s) => s.marks().length === 1);
    expect(emulator.log.all('foreign-frame').map((e) => e.code)).toEqual([
      31951, 31951, 31951, 31924, 31951, 31951, 31951, 31951, 31950,
    ]);
    expect(leg.playout.receivedBytes()).toBe(0);
  });

  test('<Say> is heard in words, in the recording, before the stream', async () => {
    const { emulator, server } = await startPair();
    server.answers.set('/answer', '<Response><Say>We are sorry.</Say></Response>');
    const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    await leg.ended({ timeoutMs: 20_000 });
    expect(leg.playout.heardText()).toBe('We are sorry.');
    expect(leg.playout.stretches()).toMatchObject([{ source: 'say' }]);
  }, 30_000);
});

describe('losing the socket', () => {
  test('an abrupt loss falls through to the next verb after the delay', async () => {
    const { emulator, server } = await startPair();
    emulator.script.abruptLoss = { outcome: 'falls-through', delayMs: 150 };
    server.answers.set('/answer', server.streamTwiml('<Redirect>/resume</Redirect>'));
    server.answers.set('/resume', server.streamTwiml());
    const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    const stream = await server.stream();
    stream.media(tone(2_000));
    stream.mark('never');
    await leg.waitForAudible();
    const cutMs = monotonicMs();
    stream.socket.terminate();
    const second = await server.stream(2);
    expect(monotonicMs() - cutMs).toBeGreaterThanOrEqual(149);
    expect(second.streamSid).not.toBe(stream.streamSid);
    expect(leg.streamCount).toBe(2);
    expect(emulator.log.all('stream-ended')).toMatchObject([{ how: 'lost', closeCode: 1006 }]);
    expect(leg.playout.marks()).toMatchObject([{ name: 'never', outcome: 'lost' }]);
    expect(leg.playout.clears()).toMatchObject([{ reason: 'stream-ended' }]);
    expect(mediaOf(second)[0]?.media.chunk ?? '1').toBe('1');
  });

  test('an abrupt loss hangs up', async () => {
    const { emulator, server, leg, stream } = await connected();
    emulator.script.abruptLoss = { outcome: 'hangs-up' };
    stream.socket.terminate();
    expect(await leg.ended()).toMatchObject({ how: 'stream-lost', status: 'completed' });
    await server.until(() => server.at('/status').length === 1);
  });

  test('an abrupt loss leaves the caller in silence, then ends the call', async () => {
    const { emulator, leg, stream } = await connected();
    emulator.script.abruptLoss = { outcome: 'silent', forMs: 300 };
    const cutMs = monotonicMs();
    stream.socket.terminate();
    const end = await leg.ended();
    expect(end.how).toBe('stream-lost');
    expect(end.atMs - cutMs).toBeGreaterThanOrEqual(299);
  });

  test('the network cuts the socket: the server sees 1006 without stop', async () => {
    const { emulator, leg, stream } = await connected();
    emulator.script.abruptLoss = { outcome: 'silent', forMs: 50 };
    const code = new Promise<number>((resolve) => stream.socket.once('close', resolve));
    leg.network.cut();
    expect(await code).toBe(1006);
    expect(stream.of('stop')).toHaveLength(0);
    expect(await leg.ended()).toMatchObject({ how: 'stream-lost' });
  });
});

describe('a bad network', () => {
  test('dropped frames leave gaps in the numbers, swapped ones change places', async () => {
    const run = async (): Promise<{ numbers: number[]; lost: number }> => {
      const { leg, stream } = await connected({ seed: 7 });
      leg.network.setLoss({ dropRate: 0.2, duplicateRate: 0.1, swapRate: 0.1 });
      const from = mediaOf(stream).length;
      const result = await leg.say(toneSpeech('a rather long thing to say on a bad line'));
      await stream.until((s) => mediaOf(s).length >= from + result.frames - result.framesLost);
      return {
        numbers: mediaOf(stream)
          .slice(from)
          .map((m) => Number(m.sequenceNumber)),
        lost: result.framesLost,
      };
    };
    const { numbers, lost } = await run();
    expect(lost).toBeGreaterThan(8);
    const steps = numbers.slice(1).map((number, index) => number - numbers[index]!);
    expect(steps.filter((step) => step === 0).length).toBeGreaterThan(0);
    expect(steps.filter((step) => step < 0).length).toBeGreaterThan(0);
    expect(steps.filter((step) => step > 1).length).toBeGreaterThan(5);
  });

  test('the carrier goes quiet: no frames, and time goes on when they return', async () => {
    const { leg, stream } = await connected();
    await stream.until((s) => mediaOf(s).length >= 3);
    leg.network.goQuiet();
    await new Promise((resolve) => setTimeout(resolve, 60));
    const before = mediaOf(stream).length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(mediaOf(stream)).toHaveLength(before);
    leg.network.resumeMedia();
    await stream.until((s) => mediaOf(s).length > before);
    const [last, next] = mediaOf(stream).slice(before - 1);
    expect(Number(next!.sequenceNumber) - Number(last!.sequenceNumber)).toBe(1);
    expect(Number(next!.media.timestamp) - Number(last!.media.timestamp)).toBeGreaterThan(290);
  });

  test('a caller that stops reading: marks wait until it reads again', async () => {
    const { leg, stream } = await connected();
    leg.network.stopReading();
    stream.mark('stuck');
    const media = mediaOf(stream).length;
    await stream.until((s) => mediaOf(s).length > media + 10);
    expect(stream.marks()).toEqual([]);
    leg.network.resumeReading();
    await stream.until((s) => s.marks().length === 1);
  });

  test('foreign bytes can be sent to the server', async () => {
    const { leg, stream } = await connected();
    leg.network.sendRaw('{"event":');
    leg.network.sendRaw(new Uint8Array([1, 2]));
    await stream.until((s) => s.of('binary').length === 1);
    expect(stream.of('garbage')).toHaveLength(1);
  });

  test('scripted faults of the media socket show on the wire', async () => {
    const { emulator, server } = await startPair();
    const streamWith = async (fault: Parameters<typeof emulator.faults.add>[0]['fault']) => {
      emulator.faults.add({ fault, surface: 'media', times: 1 });
      await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
      return await server.stream(server.streams.length + 1);
    };
    const doubled = await streamWith({ kind: 'duplicate' });
    await doubled.until((s) => mediaOf(s).length >= 4);
    expect(doubled.of('start')).toHaveLength(2);
    expect(
      mediaOf(doubled)
        .slice(0, 4)
        .map((m) => m.media.chunk),
    ).toEqual(['1', '1', '2', '2']);
    const stalled = await streamWith({ kind: 'stall', afterMessages: 3 });
    const garbage = await streamWith({ kind: 'garbage' });
    await garbage.until((s) => s.of('binary').length >= 2 && s.of('garbage').length >= 2);
    expect(mediaOf(stalled)).toHaveLength(3);
    const empty = await streamWith({ kind: 'empty' });
    await empty.until((s) => mediaOf(s).length >= 3);
    expect(bytesOf(empty)).toHaveLength(0);
    const swapped = await streamWith({ kind: 'wrong-order' });
    await swapped.until((s) => mediaOf(s).length >= 12);
    expect(
      mediaOf(swapped)
        .slice(8, 11)
        .map((m) => m.media.chunk),
    ).toEqual(['9', '11', '10']);
    const cut = await streamWith({ kind: 'cut', afterMessages: 5 });
    await cut.until((s) => s.closed);
    expect(mediaOf(cut).length).toBeLessThanOrEqual(5);
    const big = await streamWith({ kind: 'oversize', bytes: 200_000 });
    await big.until((s) => s.of('garbage').length === 1);
  });
});

describe('faults that begin in mid-stream', () => {
  test('cut, slow, hang and trickle befall the stream that is up', async () => {
    const cut = await connected();
    await cut.stream.until((s) => mediaOf(s).length >= 3);
    cut.leg.network.disturb({ kind: 'cut', afterMessages: 2 });
    const { length } = mediaOf(cut.stream);
    await cut.stream.until((s) => s.closed);
    expect(mediaOf(cut.stream).length).toBeLessThanOrEqual(length + 3);
    expect(cut.emulator.log.all('fault')).toMatchObject([
      { surface: 'media', callSid: cut.leg.callSid },
    ]);
    const slow = await connected();
    await slow.stream.until((s) => mediaOf(s).length >= 3);
    slow.leg.network.disturb({ kind: 'slow', factor: 3 });
    const startedMs = performance.now();
    const atOnce = mediaOf(slow.stream).length;
    // What had left before may still be on its way.
    await slow.stream.until((s) => mediaOf(s).length >= atOnce + 5);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(290);
    const chunks = mediaOf(slow.stream).map(({ media }) => Number(media.chunk));
    expect(chunks).toEqual(chunks.map((_, index) => index + 1));
    for (const kind of ['hang', 'trickle'] as const) {
      const { leg, stream } = await connected();
      await stream.until((s) => mediaOf(s).length >= 3);
      leg.network.disturb(kind === 'hang' ? { kind } : { kind, bytesPerSecond: 50 });
      const said = await leg.say(toneSpeech('is anybody there'));
      expect(said.framesLost).toBe(said.frames);
      expect(stream.closed).toBe(false);
    }
  });

  test('asked of a call that has no stream yet, it befalls that call’s first and no other call', async () => {
    const { emulator, server } = await startPair();
    server.answers.set('/answer', server.streamTwiml('<Hangup/>'));
    const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    leg.network.disturb({ kind: 'refuse' });
    expect(await leg.ended()).toMatchObject({ how: 'hangup-verb' });
    expect(emulator.log.all('error').map((e) => e.code)).toEqual([31902]);
    const other = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    await other.waitForStream();
  });
});

describe('sockets that never work', () => {
  test('refuse: the TwiML goes on; hang: connected, but nothing is ever said', async () => {
    const { emulator, server } = await startPair();
    server.answers.set('/answer', server.streamTwiml('<Hangup/>'));
    emulator.faults.add({ fault: { kind: 'refuse' }, surface: 'media', times: 1 });
    const refused = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    expect(await refused.ended()).toMatchObject({ how: 'hangup-verb' });
    expect(emulator.log.all('error').map((e) => e.code)).toEqual([31902]);
    emulator.faults.add({ fault: { kind: 'hang' }, surface: 'media', times: 1 });
    const hanging = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
    await server.until(() => server.streams.length === 1);
    const said = await hanging.say(toneSpeech('is anybody there'));
    expect(said.framesLost).toBe(said.frames);
    expect(server.streams[0]!.messages).toEqual([]);
    await hanging.hangUp();
    expect(server.streams[0]!.of('stop')).toEqual([]);
  });

  test('nobody listens on the URL: 31902; a bad URL is refused before any connection', async () => {
    const { emulator, server } = await startPair();
    const urls = ['ws://127.0.0.1:9/x', 'ws://example.org/x', 'wss://127.0.0.1/x?a=1', 'wss://'];
    for (const url of urls) {
      server.answers.set(
        '/answer',
        `<Response><Connect><Stream url="${url}"/></Connect><Hangup/></Response>`,
      );
      const leg = await emulator.placeCall({ from: CALLER, to: OUR_NUMBER });
      await leg.ended();
    }
    const codes = emulator.log.all('error').map((entry) => entry.code);
    expect(codes).toEqual([31902, 31922, 31920, 31923]);
  });
});

describe('many calls at once', () => {
  test('forty callers keep their clocks on one timer', async () => {
    const { emulator, server } = await startPair({ record: false, decodeWords: false });
    const legs = await Promise.all(
      Array.from({ length: 40 }, () => emulator.placeCall({ from: CALLER, to: OUR_NUMBER })),
    );
    await server.until(() => server.streams.length === 40);
    await Promise.all(server.streams.map((s) => s.until((one) => mediaOf(one).length >= 100)));
    const counts = server.streams.map((s) => mediaOf(s).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(25);
    await Promise.all(legs.map((leg) => leg.hangUp()));
    expect(emulator.log.all('call-ended')).toHaveLength(40);
  });
});
