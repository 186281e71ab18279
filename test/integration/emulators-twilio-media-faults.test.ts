import { describe, expect, test } from 'vitest';
import { monotonicMs } from '../../emulators/clock.ts';
import { tone, toneSpeech } from '../helpers/tone-speech.ts';
import { CALLER, OUR_NUMBER, startPair } from '../helpers/twilio-emulator-fixture.ts';
import { bytesOf, connected, mediaOf } from '../helpers/twilio-media-stream.ts';

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
