import { DeepgramClient } from '@deepgram/sdk';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startDeepgramEmulator, type DeepgramEmulator } from '../../emulators/deepgram/server.ts';
import type { Fault } from '../../emulators/faults.ts';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { eventually } from '../helpers/eventually.ts';

const CHUNK_BYTES = 640;
const paths = {
  v1: '/v1/listen?model=nova-3&encoding=mulaw&sample_rate=8000&interim_results=true',
  v2: '/v2/listen?model=flux-general-en&encoding=mulaw&sample_rate=8000',
} as const;
type Surface = keyof typeof paths;
const surfaces: readonly Surface[] = ['v1', 'v2'];

let emulator: DeepgramEmulator;
let walk: Utterance;
const sockets: WebSocket[] = [];

beforeAll(async () => {
  walk = await buildUtterance([{ say: 'I went to the market this morning.' }, { pauseMs: 1_500 }]);
}, 60_000);

beforeEach(async () => {
  emulator = await startDeepgramEmulator();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await emulator.close();
});

type Line = { socket: WebSocket; texts: string[]; closed: number | undefined };

/** A bare socket, because what is received is not the protocol. */
async function dial(surface: Surface): Promise<Line> {
  const socket = new WebSocket(emulator.wsUrl + paths[surface], {
    headers: { authorization: 'Token k' },
  });
  sockets.push(socket);
  const line: Line = { socket, texts: [], closed: undefined };
  socket.on('message', (data: Buffer) => line.texts.push(data.toString('utf8')));
  socket.on('close', (code) => (line.closed = code));
  await new Promise((resolve, reject) => {
    socket.on('open', resolve);
    socket.on('error', reject);
  });
  return line;
}

function play({ socket }: Line): void {
  for (let at = 0; at < walk.mulaw.length; at += CHUNK_BYTES) {
    socket.send(walk.mulaw.subarray(at, at + CHUNK_BYTES));
  }
}

function isContent(text: string): boolean {
  return /"type":"(?:TurnInfo|Results)"/u.test(text);
}

async function dialFaulty(surface: Surface, fault: Fault): Promise<Line> {
  emulator.faults.add({ fault, surface });
  return await dial(surface);
}

/** All audio has arrived, so everything it decides has been decided. */
async function allHeard(): Promise<void> {
  await emulator.log.waitFor(
    (entry) => entry.what === 'audio' && entry.position === walk.mulaw.length,
  );
}

describe.each(surfaces)('faults of %s', (surface) => {
  test('status: the upgrade is answered with the vendor’s error', async () => {
    const fault = { kind: 'status', status: 429, retryAfterSeconds: 2 } as const;
    await expect(dialFaulty(surface, fault)).rejects.toThrow('Unexpected server response: 429');
  });

  test('status reaches the SDK as a failed connect', async () => {
    emulator.faults.add({ fault: { kind: 'status', status: 503 }, surface });
    const client = new DeepgramClient({ apiKey: 'k', baseUrl: emulator.url });
    const common = { Authorization: 'Token k', reconnectAttempts: 0, sample_rate: 8000 } as const;
    const socket =
      surface === 'v1'
        ? await client.listen.v1.connect({ model: 'nova-3', encoding: 'mulaw', ...common })
        : await client.listen.v2.connect({
            model: 'flux-general-en',
            encoding: 'mulaw',
            ...common,
          });
    const closes: number[] = [];
    socket.on('close', (event: { code: number }) => closes.push(event.code));
    socket.on('error', () => undefined);
    socket.connect();
    await expect(socket.waitForOpen()).rejects.toBeDefined();
    expect(closes[0]).toBe(1000);
    socket.close();
  });

  test('refuse: the connection is destroyed', async () => {
    await expect(dialFaulty(surface, { kind: 'refuse' })).rejects.toThrow('socket hang up');
  });

  test('hang: the upgrade is never answered', async () => {
    emulator.faults.add({ fault: { kind: 'hang' }, surface });
    const socket = new WebSocket(emulator.wsUrl + paths[surface], {
      headers: { authorization: 'Token k' },
      handshakeTimeout: 200,
    });
    const error = await new Promise<Error>((resolve) => socket.on('error', resolve));
    expect(error.message).toBe('Opening handshake has timed out');
  });

  test('slow: delays are multiplied', async () => {
    const name = surface === 'v1' ? 'Results' : 'StartOfTurn';
    emulator.script.delayMs = { [name]: 20 };
    const line = await dialFaulty(surface, { kind: 'slow', factor: 5 });
    play(line);
    const sent = await emulator.log.waitFor((e) => e.what === 'sent' && e.name === name);
    expect(sent.what === 'sent' && sent.atMs - sent.decidedAtMs).toBeGreaterThanOrEqual(100);
  });

  test('trickle: messages arrive whole but late', async () => {
    const started = performance.now();
    const line = await dialFaulty(surface, { kind: 'trickle', bytesPerSecond: 1_000 });
    play(line);
    await eventually(() => line.texts.some(isContent), 4_000);
    const text = line.texts.find(isContent)!;
    expect(() => JSON.parse(text) as unknown).not.toThrow();
    expect(performance.now() - started).toBeGreaterThan(Buffer.byteLength(text) * 0.8);
  });

  test('garbage: nothing that is content is JSON of the protocol', async () => {
    const line = await dialFaulty(surface, { kind: 'garbage' });
    play(line);
    await eventually(() => line.texts.includes('<html>502 Bad Gateway</html>'));
    for (const text of line.texts.filter((candidate) => !candidate.includes('"Connected"'))) {
      expect(() => JSON.parse(text) as unknown).toThrow();
    }
  });

  test('wrong-shape: JSON that is no message', async () => {
    const line = await dialFaulty(surface, { kind: 'wrong-shape' });
    play(line);
    await eventually(() => line.texts.includes('{"hello":"world"}'));
    await eventually(() => line.texts.length > 4);
    for (const text of line.texts) expect(() => JSON.parse(text) as unknown).not.toThrow();
    expect(line.texts.some((text) => text.includes('"transcript":"'))).toBe(false);
  });

  test('wrong-order: messages change places', async () => {
    const line = await dialFaulty(surface, { kind: 'wrong-order' });
    play(line);
    await allHeard();
    await eventually(() => line.texts.filter(isContent).length > 3);
    const order = line.texts
      .map((text) => JSON.parse(text) as { sequence_id?: number; start: number; duration: number })
      .map((message) => message.sequence_id ?? message.start + message.duration);
    expect(order).not.toEqual(order.toSorted((a, b) => a - b));
  });

  test('duplicate: every message twice', async () => {
    const line = await dialFaulty(surface, { kind: 'duplicate' });
    play(line);
    await allHeard();
    await eventually(() => line.texts.length > 3 && line.texts.length % 2 === 0);
    for (let i = 0; i < line.texts.length; i += 2) expect(line.texts[i]).toBe(line.texts[i + 1]);
  });

  test('empty: complete messages without words', async () => {
    const line = await dialFaulty(surface, { kind: 'empty' });
    play(line);
    await allHeard();
    await eventually(() => line.texts.filter(isContent).length > 3);
    for (const text of line.texts.filter(isContent)) expect(text).toContain('"transcript":""');
  });

  test('oversize: one message of the given size', async () => {
    const line = await dialFaulty(surface, { kind: 'oversize', bytes: 2_000_000 });
    play(line);
    await eventually(() => line.texts.filter(isContent).length > 1);
    expect(line.texts.find(isContent)!.length).toBeGreaterThan(2_000_000);
    expect(line.texts.findLast(isContent)!.length).toBeLessThan(10_000);
  });

  test('cut: destroyed after so many messages of content', async () => {
    const line = await dialFaulty(surface, { kind: 'cut', afterMessages: 2 });
    play(line);
    await eventually(() => line.closed !== undefined);
    expect(line.closed).toBe(1006);
    expect(line.texts.filter(isContent).length).toBeLessThanOrEqual(2);
  });

  test('stall: open, but nothing more comes', async () => {
    const line = await dialFaulty(surface, { kind: 'stall', afterMessages: 1 });
    play(line);
    await allHeard();
    await eventually(() => line.texts.some(isContent));
    const pong = new Promise((resolve) => line.socket.once('pong', resolve));
    line.socket.ping();
    await pong;
    expect(line.texts.filter(isContent)).toHaveLength(1);
    expect(line.closed).toBeUndefined();
  });

  test('stream-error: the vendor’s own, then the close', async () => {
    const line = await dialFaulty(surface, { kind: 'stream-error', afterMessages: 1 });
    play(line);
    await eventually(() => line.closed !== undefined);
    expect(line.texts.filter(isContent)).toHaveLength(1);
    if (surface === 'v1') {
      expect(line.closed).toBe(1011);
    } else {
      expect(line.closed).toBe(1005);
      expect(line.texts.at(-1)).toContain('INTERNAL_SERVER_ERROR');
    }
  });

  test('stop-reading: what we send piles up', async () => {
    const line = await dialFaulty(surface, { kind: 'stop-reading' });
    const megabyte = new Uint8Array(1_000_000).fill(0xff);
    for (let i = 0; i < 24; i += 1) line.socket.send(megabyte);
    // A sound connection is served meanwhile, so the emulator had its chance to read.
    emulator.faults.clear();
    play(await dial(surface));
    await allHeard();
    expect(line.socket.bufferedAmount).toBeGreaterThan(4_000_000);
    expect(emulator.log.all('audio').filter((entry) => entry.connection === 1)).toEqual([]);
  });

  test('a fault with a count is spent, and other surfaces are spared', async () => {
    emulator.faults.add({ fault: { kind: 'refuse' }, surface, times: 1 });
    const other = surface === 'v1' ? 'v2' : 'v1';
    expect((await dial(other)).socket.readyState).toBe(WebSocket.OPEN);
    await expect(dial(surface)).rejects.toBeDefined();
    expect((await dial(surface)).socket.readyState).toBe(WebSocket.OPEN);
    await eventually(() => emulator.connections() === 2);
  });
});
