import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../helpers/eventually.ts';
import {
  connectMedia,
  mediaFrame,
  openStream,
  sign,
  signedUrl,
  startMediaServer,
  type MediaServer,
  type MediaServerOptions,
} from '../helpers/media-client.ts';

let media: MediaServer;
const open = async (options: MediaServerOptions = {}) => {
  media = await startMediaServer(options);
};
afterEach(async () => {
  await media?.close();
});

describe('peers that go quiet or do not listen', () => {
  const quick = { silentPeerMs: 200, pingAfterMs: 50, sweepEveryMs: 10 };

  test('a peer that has vanished is half-open', async () => {
    await open({ limits: quick });
    const { client, call } = await openStream(media);
    client.media(1);
    client.socket.pause();
    expect(await call.closed).toBe('half-open');
    client.socket.terminate();
  });

  test('a peer that answers pings and sends no frames is stalled', async () => {
    await open({ limits: quick });
    const { client, call } = await openStream(media);
    expect(await call.closed).toBe('stalled');
    expect((await client.closed).code).toBe(1011);
  });

  test('foreign frames do not count as a sign of life', async () => {
    await open({ limits: { ...quick, maxBadFrames: 100_000 } });
    const { client, call } = await openStream(media);
    const noise = setInterval(() => {
      client.send(mediaFrame('MZother', 2, 1, 0, Buffer.alloc(160)));
    }, 10);
    expect(await call.closed).toBe('stalled');
    clearInterval(noise);
  });

  test('frames keep a stream alive for as long as they come', async () => {
    await open({ limits: quick });
    const { client, call } = await openStream(media);
    let chunk = 0;
    const frames = setInterval(() => client.media((chunk += 1)), 20);
    await eventually(() => call.audio.length >= 40, 5_000);
    clearInterval(frames);
    expect(call.told).not.toContain('closed');
    expect(await call.closed).toBe('stalled');
  });

  test('a process that was itself held up does not blame the peer', async () => {
    let suspendedMs = 0;
    let looks = 0;
    const now = () => {
      looks += 1;
      return performance.now() + suspendedMs;
    };
    await open({ limits: { ...quick, silentPeerMs: 2_000 }, now });
    const { client, call } = await openStream(media);
    client.media(1);
    await eventually(() => call.audio.length === 1);
    // Two sweeps later the frame is history: what is known of the peer is that it is quiet.
    const settled = looks + 2;
    await eventually(() => looks >= settled);
    suspendedMs = 60_000;
    const resumed = looks + 2;
    await eventually(() => looks >= resumed);
    client.media(2);
    await eventually(() => call.audio.length === 2);
    expect(call.told).toEqual(['audio', 'audio']);
  });

  test('a peer that takes nothing is cut once too much waits for too long', async () => {
    await open({
      limits: {
        sweepEveryMs: 10,
        maxBufferedBytes: 100_000,
        maxBufferedMs: 100,
        silentPeerMs: 60_000,
      },
    });
    const { client, call } = await openStream(media);
    client.socket.pause();
    const audio = Buffer.alloc(60_000).toString('base64');
    // The kernel's buffers take the first megabytes; only what stays with us counts.
    for (let n = 0; n < 500 && call.stream.bufferedBytes < 1_000_000; n += 1) {
      call.stream.sendMedia(audio);
    }
    expect(call.stream.bufferedBytes).toBeGreaterThan(100_000);
    expect(await call.closed).toBe('slow-peer');
    client.socket.terminate();
  });

  test('a peer that takes nothing is cut when no send gets through in time', async () => {
    await open({
      limits: {
        sweepEveryMs: 10,
        sendTimeoutMs: 150,
        maxBufferedBytes: 1e9,
        hardBufferedBytes: 1e9,
        silentPeerMs: 60_000,
      },
    });
    const { client, call } = await openStream(media);
    client.socket.pause();
    const audio = Buffer.alloc(60_000).toString('base64');
    for (let n = 0; n < 500 && call.stream.bufferedBytes < 1_000_000; n += 1) {
      call.stream.sendMedia(audio);
    }
    expect(await call.closed).toBe('slow-peer');
    client.socket.terminate();
  });

  test('what waits for a peer never grows past the hard limit', async () => {
    const hardBufferedBytes = 2_000_000;
    await open({ limits: { hardBufferedBytes } });
    const { client, call } = await openStream(media);
    client.socket.pause();
    const audio = Buffer.alloc(60_000).toString('base64');
    let most = 0;
    for (let n = 0; n < 1_000; n += 1) {
      call.stream.sendMedia(audio);
      most = Math.max(most, call.stream.bufferedBytes);
    }
    expect(most).toBeLessThan(hardBufferedBytes + 100_000);
    expect(await call.closed).toBe('slow-peer');
    client.socket.terminate();
  });
});

describe('before a stream is a call', () => {
  test('no start in time: closed', async () => {
    await open({ limits: { startTimeoutMs: 80, sweepEveryMs: 10 } });
    const client = await connectMedia(media.port);
    client.connected();
    expect(await client.closed).toEqual({ code: 1008, reason: 'no start in time' });
    await eventually(() => media.socket.open().pending === 0);
  });

  test('a start before connected is refused', async () => {
    await open();
    const client = await connectMedia(media.port);
    client.start('t');
    expect(await client.closed).toEqual({ code: 1008, reason: 'start before connected' });
  });

  test('something that does not speak the protocol is closed after a few frames', async () => {
    await open();
    const client = await connectMedia(media.port);
    for (let chunk = 1; chunk < 9; chunk += 1) client.media(chunk);
    expect((await client.closed).code).toBe(1008);
    expect(media.socket.counters.droppedUnexpected).toBe(4);
  });

  test('audio in another format is refused before the token is touched', async () => {
    await open();
    for (const mediaFormat of [
      { encoding: 'audio/x-l16', sampleRate: 8000, channels: 1 },
      { encoding: 'audio/x-mulaw', sampleRate: 16000, channels: 1 },
      { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 2 },
    ]) {
      const client = await connectMedia(media.port);
      media.tokens.set('t', client.callSid);
      client.connected();
      client.start('t', { mediaFormat });
      expect((await client.closed).reason).toBe('unsupported media format');
    }
    expect(media.tokens.has('t')).toBe(true);
  });

  test('too much while the token is looked up: closed', async () => {
    await open({ consumeToken: () => new Promise(() => undefined) });
    const client = await connectMedia(media.port);
    client.connected();
    client.start('t');
    for (let chunk = 1; chunk <= 300; chunk += 1) client.media(chunk);
    expect((await client.closed).code).toBe(1008);
  });

  test('a store that hangs: turned away with 1013, and a late answer is ignored', async () => {
    let answer: (claim: { callSid: string; data: {} }) => void = () => undefined;
    await open({
      limits: { claimTimeoutMs: 50, sweepEveryMs: 10 },
      consumeToken: () => new Promise((resolve) => (answer = resolve)),
    });
    const client = await connectMedia(media.port);
    client.connected();
    client.start('t');
    expect((await client.closed).code).toBe(1013);
    answer({ callSid: client.callSid, data: {} });
    await new Promise((resolve) => setImmediate(resolve));
    expect(media.calls).toEqual([]);
  });

  test('a stream that leaves while its token is looked up never becomes a call', async () => {
    let answer: (claim: { callSid: string; data: {} }) => void = () => undefined;
    let asked = false;
    await open({
      consumeToken: () =>
        new Promise((resolve) => {
          asked = true;
          answer = resolve;
        }),
    });
    const client = await connectMedia(media.port);
    client.connected();
    client.start('t');
    await eventually(() => asked);
    client.socket.terminate();
    await eventually(() => media.socket.open().sockets === 0);
    answer({ callSid: client.callSid, data: {} });
    await new Promise((resolve) => setImmediate(resolve));
    expect(media.calls).toEqual([]);
  });

  test('only so many sockets may wait at once, and each gives its place back', async () => {
    await open({ limits: { maxPendingPerAddress: 3 } });
    const waiting = await Promise.all([1, 2, 3].map(() => connectMedia(media.port)));
    await expect(connectMedia(media.port)).rejects.toThrow('HTTP 503');
    expect(media.socket.counters.upgradesOverCap).toBe(1);
    waiting[0]!.socket.terminate();
    await eventually(() => media.socket.open().pending === 2);
    const { client } = await openStream(media);
    // An accepted call does not count as waiting.
    expect(media.socket.open()).toEqual({ sockets: 3, pending: 2 });
    const another = await connectMedia(media.port);
    expect(another.socket.readyState).toBe(client.socket.readyState);
  });

  test('an upgrade that is no WebSocket handshake gives its place back', async () => {
    await open({ limits: { maxPendingSockets: 1 } });
    const { request } = await import('node:http');
    for (let n = 0; n < 3; n += 1) {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const headers = {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'x-twilio-signature': sign(signedUrl),
        };
        const asking = request({ port: media.port, path: '/media-stream', headers });
        asking.on('response', (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        asking.on('error', reject);
        asking.end();
      });
      expect(status).toBe(400);
      await eventually(() => media.socket.open().pending === 0);
    }
  });
});

describe('case 61: fuzz', () => {
  test('case 61: 12,000 arbitrary messages at a live stream: no crash, no growth', async () => {
    await open({ limits: { maxBadFrames: 1e9, maxMessagesPerSecond: 1e9, silentPeerMs: 60_000 } });
    const { client, call } = await openStream(media);
    const { streamSid } = client;
    const seed = Number(process.env['FUZZ_SEED']);
    const messages = fc.sample(arbitraryMessage(streamSid), { numRuns: 12_000, seed });
    let rounds = 0;
    const sendAll = async (): Promise<void> => {
      for (const [index, message] of messages.entries()) {
        client.socket.send(message.bytes, { binary: message.isBinary });
        if (index % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      // Everything before a mark that has arrived has been dealt with.
      rounds += 1;
      client.send(
        `{"event":"mark","sequenceNumber":"${1e12 + rounds}","streamSid":"${streamSid}",` +
          `"mark":{"name":"round ${rounds}"}}`,
      );
      await eventually(() => call.told.includes(`mark round ${rounds}`), 20_000);
      call.told.length = 0;
      call.audio.length = 0;
    };
    await sendAll();
    const { counters } = media.socket;
    for (const kind of ['Malformed', 'Unknown', 'Binary', 'Foreign', 'Duplicate'] as const) {
      expect(counters[`dropped${kind}`]).toBeGreaterThan(10);
    }
    expect(counters.mediaFrames).toBeGreaterThan(10);
    const before = heapAfterCollection();
    await sendAll();
    await sendAll();
    expect(heapAfterCollection() - before, `seed ${seed}`).toBeLessThan(4_000_000);
    client.stop();
    client.socket.close();
    expect(await call.closed).toMatch(/stopped|peer-closed/);
  }, 60_000);

  test('case 61: with the usual limits garbage ends its own socket and nobody else’s', async () => {
    await open();
    const good = await openStream(media);
    let chunk = 0;
    const frames = setInterval(() => good.client.media((chunk += 1)), 20);
    const garbage = fc.sample(arbitraryMessage('MZ1'), { numRuns: 2_000, seed: 7 });
    for (let round = 0; round < 10; round += 1) {
      const { client, call } = await openStream(media);
      for (const message of garbage.slice(round * 200, round * 200 + 200)) {
        if (client.socket.readyState !== client.socket.OPEN) break;
        client.socket.send(message.bytes, { binary: message.isBinary });
      }
      expect(await call.closed).toBe('abuse');
    }
    clearInterval(frames);
    const delivered = good.call.audio.length;
    good.client.media(chunk + 1);
    await eventually(() => good.call.audio.length > delivered);
    expect(good.call.audio.map((audio) => audio[0])).toEqual(
      Array.from({ length: good.call.audio.length }, (_, index) => (index + 1) % 256),
    );
  }, 30_000);
});

/** Bytes of live JavaScript objects. */
function heapAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('no garbage collector to call');
  collect();
  return process.memoryUsage().heapUsed;
}

/** Random bytes, random text, random JSON, and real frames with something wrong in them. */
function arbitraryMessage(streamSid: string): fc.Arbitrary<{ bytes: Buffer; isBinary: boolean }> {
  const text = (value: string) => ({ bytes: Buffer.from(value, 'utf8'), isBinary: false });
  // Near where an honest stream would be: a step back, the same again, or a step ahead.
  let place = 10;
  const frame = fc
    .tuple(fc.integer({ min: -3, max: 5 }), fc.uint8Array({ maxLength: 400 }))
    .map(([step, audio]) => {
      place += 1;
      const chunk = Math.max(1, place + step);
      return mediaFrame(streamSid, place, chunk, chunk * 20, Buffer.from(audio));
    });
  const broken = fc.tuple(frame, fc.nat(), fc.string({ maxLength: 4 })).map(([whole, at, put]) => {
    const place = at % (whole.length + 1);
    return whole.slice(0, place) + put + whole.slice(place + put.length);
  });
  const event = fc.record(
    {
      event: fc.constantFrom('media', 'mark', 'dtmf', 'start', 'connected', 'weather', 5, null),
      streamSid: fc.constantFrom(streamSid, 'MZ2', '', 7),
      sequenceNumber: fc.oneof(fc.nat().map(String), fc.anything()),
      media: fc.anything(),
      mark: fc.anything(),
      dtmf: fc.anything(),
    },
    { requiredKeys: [] },
  );
  return fc.oneof(
    fc.uint8Array({ maxLength: 600 }).map((b) => ({ bytes: Buffer.from(b), isBinary: true })),
    fc.string({ unit: 'binary', maxLength: 600 }).map(text),
    fc.json({ maxDepth: 4 }).map(text),
    event.map((value) => text(JSON.stringify(value) ?? '')),
    frame.map(text),
    broken.map(text),
  );
}
