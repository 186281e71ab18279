import { describe, expect, test } from 'vitest';
import { monotonicMs } from '../../emulators/clock.ts';
import { tone, toneSpeech } from '../helpers/tone-speech.ts';
import { CALLER, OUR_NUMBER, startPair } from '../helpers/twilio-emulator-fixture.ts';
import { bytesOf, connected, mediaOf, wordsOf } from '../helpers/twilio-media-stream.ts';

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
