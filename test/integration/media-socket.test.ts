import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from '../helpers/eventually.ts';
import {
  connectMedia,
  mediaFrame,
  openStream,
  startMediaServer,
  type MediaServer,
  type MediaServerOptions,
} from '../helpers/media-client.ts';

let media: MediaServer;
const open = async (options: MediaServerOptions = {}) => {
  media = await startMediaServer(options);
  return media;
};
afterEach(async () => {
  await media?.close();
});

describe('a media stream that behaves', () => {
  test('reaches its call with what start said, without the token', async () => {
    await open();
    const { client, call } = await openStream(media);
    expect(call.start).toEqual({
      callSid: client.callSid,
      accountSid: 'AC1',
      streamSid: client.streamSid,
      parameters: { person: 'p-1' },
    });
    expect(call.claim).toEqual({ callSid: client.callSid, data: { from: 'test' } });
    expect(call.stream.callSid).toBe(client.callSid);
    expect(media.socket.open()).toEqual({ sockets: 1, pending: 0 });
  });

  test('delivers audio, marks, digits and the end in order', async () => {
    await open();
    const { client, call } = await openStream(media);
    client.media(1, 1);
    client.digit('5');
    client.media(2, 2);
    client.mark('turn-1:"é"\n');
    client.stop();
    client.socket.close(1000);
    expect(await call.closed).toBe('stopped');
    expect(call.told).toEqual([
      'audio',
      'digit 5',
      'audio',
      'mark turn-1:"é"\n',
      'stop',
      'closed stopped',
    ]);
    expect(call.audio).toEqual([Buffer.alloc(160, 1), Buffer.alloc(160, 2)]);
    expect(media.socket.counters.fastFrames).toBe(2);
    await eventually(() => media.socket.open().sockets === 0);
  });

  test('frames that come while the token is looked up are not lost', async () => {
    let give: (claim: { callSid: string; data: {} }) => void = () => undefined;
    const asked: string[] = [];
    await open({
      consumeToken: (token) => {
        asked.push(token);
        return new Promise((resolve) => {
          give = resolve;
        });
      },
    });
    const client = await connectMedia(media.port);
    client.connected();
    client.start('slow');
    for (let chunk = 1; chunk <= 40; chunk += 1) client.media(chunk);
    client.digit('1');
    await eventually(() => asked.length === 1);
    expect(media.calls).toHaveLength(0);
    give({ callSid: client.callSid, data: {} });
    const call = await eventually(() => media.calls[0]);
    await eventually(() => call.told.at(-1) === 'digit 1');
    expect(call.audio.map((audio) => audio[0])).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
  });

  test('what the call sends arrives as Twilio wants it', async () => {
    await open();
    const { client, call } = await openStream(media);
    call.stream.sendMedia('//7+/w==');
    call.stream.sendMedia('');
    call.stream.sendMark('t1:s"2"\u2028');
    call.stream.clear();
    await eventually(() => client.received.length === 3);
    expect(client.received).toEqual([
      { event: 'media', streamSid: client.streamSid, media: { payload: '//7+/w==' } },
      { event: 'mark', streamSid: client.streamSid, mark: { name: 't1:s"2"\u2028' } },
      { event: 'clear', streamSid: client.streamSid },
    ]);
  });

  test('the call may write from within attach', async () => {
    await open({
      attach: (call, sink) => {
        call.stream.sendMedia('/w==');
        return sink;
      },
    });
    const { client } = await openStream(media);
    const first = await eventually(() => client.received[0]);
    expect(first).toMatchObject({ event: 'media', media: { payload: '/w==' } });
  });

  test('compression is refused even where the client offers it', async () => {
    await open();
    const { client } = await openStream(media);
    expect(client.socket.extensions).toBe('');
  });

  test('a path or host that proxies make up changes nothing', async () => {
    await open();
    const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example' };
    const client = await connectMedia(media.port, { headers });
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    await expect(connectMedia(media.port, { path: '/media-streams' })).rejects.toThrow('HTTP 404');
  });
});

describe('how a stream ends', () => {
  test('the call closes it: told once, writes afterwards are counted and ignored', async () => {
    await open();
    const { client, call } = await openStream(media);
    call.stream.close();
    call.stream.close(4000);
    call.stream.sendMedia('/w==');
    call.stream.sendMark('late');
    call.stream.clear();
    client.media(1);
    expect(await call.closed).toBe('ours');
    expect((await client.closed).code).toBe(1000);
    expect(call.told).toEqual(['closed ours']);
    expect(client.received).toEqual([]);
    expect(media.socket.counters.sendsAfterEnd).toBe(3);
  });

  test('a close code that no frame may carry is not passed on', async () => {
    await open();
    const { client, call } = await openStream(media);
    call.stream.close(1006);
    expect((await client.closed).code).toBe(1000);
  });

  test('the call closes it from within onAudio: the rest of a gap is not delivered', async () => {
    await open({
      attach: (call, sink) => ({
        ...sink,
        onAudio: (mulaw) => {
          sink.onAudio(mulaw);
          if (call.audio.length === 3) call.stream.close();
        },
      }),
    });
    const { client, call } = await openStream(media);
    client.media(1);
    client.media(11);
    expect(await call.closed).toBe('ours');
    expect(call.audio).toHaveLength(3);
  });

  test('the call closes it from within attach: it still hears of the end', async () => {
    await open({
      attach: (call, sink) => {
        call.stream.close();
        return sink;
      },
    });
    const { client, call } = await openStream(media);
    expect(await call.closed).toBe('ours');
    expect((await client.closed).code).toBe(1000);
  });

  test('the peer closes without stop', async () => {
    await open();
    const { client, call } = await openStream(media);
    client.socket.close(1000);
    expect(await call.closed).toBe('peer-closed');
  });

  test('the connection breaks', async () => {
    await open();
    const { client, call } = await openStream(media);
    client.socket.terminate();
    expect(await call.closed).toBe('lost');
  });

  test('stop without a close: closed by us after a short wait', async () => {
    await open({ limits: { stopLingerMs: 60, sweepEveryMs: 10 } });
    const { client, call } = await openStream(media);
    client.stop();
    client.media(1);
    expect(await call.closed).toBe('stopped');
    expect((await client.closed).code).toBe(1000);
    expect(call.told).toEqual(['stop', 'closed stopped']);
    expect(media.socket.counters.droppedUnexpected).toBe(1);
  });

  test('a sink that throws ends its own stream only', async () => {
    await open({
      attach: (call, sink) =>
        media.calls.length > 1
          ? sink
          : {
              ...sink,
              onAudio: () => {
                throw new Error('defect');
              },
            },
    });
    const first = await openStream(media);
    const second = await openStream(media);
    first.client.media(1);
    expect(await first.call.closed).toBe('failed');
    expect((await first.client.closed).code).toBe(1011);
    second.client.media(1);
    await eventually(() => second.call.audio.length === 1);
    expect(media.notices.filter((notice) => notice.kind === 'failed')).toHaveLength(1);
  });

  test('shutdown closes every stream, waits for a peer that does not answer, and takes no more', async () => {
    await open({ limits: { closeTimeoutMs: 100 } });
    const first = await openStream(media);
    const second = await openStream(media);
    second.client.socket.pause();
    const beganMs = performance.now();
    await media.socket.close();
    expect(performance.now() - beganMs).toBeLessThan(1_000);
    expect(await first.call.closed).toBe('shutdown');
    expect(await second.call.closed).toBe('shutdown');
    expect((await first.client.closed).code).toBe(1001);
    await expect(connectMedia(media.port)).rejects.toThrow(/hang up|ECONNRESET|HTTP/);
    second.client.socket.terminate();
  });
});

describe('case 61: bad frames are dropped and counted, and the call survives', () => {
  async function live(options: MediaServerOptions = {}) {
    await open(options);
    return openStream(media);
  }

  test('case 61: malformed, unknown, binary and oversize frames', async () => {
    const { client, call } = await live();
    client.media(1, 1);
    client.send('');
    client.send('not json');
    client.send('[1]');
    client.send('{"event":7}');
    client.send(`{"event":"media","sequenceNumber":"1","streamSid":"${client.streamSid}"}`);
    client.send(mediaFrame(client.streamSid, 9, 2, 20, Buffer.alloc(160)).replace('AAAA', '!!!!'));
    client.send('{"event":"weather","streamSid":"MZ1","sequenceNumber":"4"}');
    client.send(Buffer.alloc(200, 7));
    client.send(JSON.stringify({ event: 'mark', filler: 'x'.repeat(40_000) }));
    client.media(2, 2);
    await eventually(() => call.audio.length === 2);
    expect(call.audio).toEqual([Buffer.alloc(160, 1), Buffer.alloc(160, 2)]);
    expect(media.socket.counters).toMatchObject({
      droppedMalformed: 6,
      droppedUnknown: 1,
      droppedBinary: 1,
      droppedOversize: 1,
    });
  });

  test('case 61: doubled and late frames', async () => {
    const { client, call } = await live();
    for (const chunk of [1, 2, 2, 5, 3, 4, 1, 6]) client.media(chunk);
    await eventually(() => call.audio.length === 6);
    expect(call.audio.map((audio) => audio[0])).toEqual([1, 2, 0xff, 0xff, 5, 6]);
    expect(media.socket.counters).toMatchObject({
      droppedDuplicate: 2,
      droppedLate: 2,
      filledSilenceMs: 40,
    });
  });

  test('case 61: frames of a foreign stream', async () => {
    const { client, call } = await live();
    client.send(mediaFrame('MZother', 2, 1, 0, Buffer.alloc(160, 9)));
    client.send('{"event":"stop","sequenceNumber":"3","streamSid":"MZother","stop":{}}');
    client.send('{"event":"mark","sequenceNumber":"4","streamSid":"MZother","mark":{"name":"m"}}');
    client.media(1, 1);
    await eventually(() => call.audio.length === 1);
    expect(call.told).toEqual(['audio']);
    expect(media.socket.counters.droppedForeign).toBe(3);
  });

  test('case 61: a second start and a second connected', async () => {
    const { client, call } = await live();
    media.tokens.set('second', client.callSid);
    client.start('second');
    client.connected();
    client.media(1);
    await eventually(() => call.audio.length === 1);
    expect(media.calls).toHaveLength(1);
    expect(media.tokens.has('second')).toBe(true);
    expect(media.socket.counters.droppedUnexpected).toBe(2);
  });

  test('case 61: a digit that comes twice counts once', async () => {
    const { client, call } = await live();
    const digit = `{"event":"dtmf","sequenceNumber":"7","streamSid":"${client.streamSid}","dtmf":{"track":"inbound_track","digit":"1"}}`;
    client.send(digit);
    client.send(digit);
    client.send(digit.replace('"7"', '"8"').replace('"1"}', '"x"}'));
    client.send(digit.replace('"7"', '"9"'));
    await eventually(() => call.told.length === 2);
    expect(media.socket.counters).toMatchObject({ droppedDuplicate: 1, droppedMalformed: 1 });
  });

  test('case 61: abuse closes the socket', async () => {
    const { client, call } = await live({ limits: { maxBadFrames: 20 } });
    for (let n = 0; n < 30; n += 1) client.send('garbage');
    expect(await call.closed).toBe('abuse');
    expect((await client.closed).code).toBe(1008);
    expect(media.socket.counters.droppedMalformed).toBe(21);
  });

  test('case 61: a flood of good frames is abuse, too', async () => {
    const { client, call } = await live({ limits: { maxMessagesPerSecond: 200 } });
    for (let chunk = 1; chunk <= 1_000; chunk += 1) client.media(chunk);
    expect(await call.closed).toBe('abuse');
    expect(call.audio.length).toBeLessThan(300);
  });

  test('case 61: a message beyond the hard cap is never assembled', async () => {
    const { client, call } = await live();
    client.send('x'.repeat(70_000));
    expect(await call.closed).toBe('abuse');
    expect((await client.closed).code).toBe(1009);
  });

  test('case 61: text that is not UTF-8 closes the socket', async () => {
    const { client, call } = await live();
    client.socket.send(Buffer.from([0x7b, 0xff, 0xfe]), { binary: false });
    expect(await call.closed).toBe('abuse');
    expect((await client.closed).code).toBe(1007);
  });
});
