import { DeepgramClient } from '@deepgram/sdk';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startDeepgramEmulator, type DeepgramEmulator } from '../../emulators/deepgram/server.ts';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { eventually } from '../helpers/eventually.ts';

type Nova = Awaited<ReturnType<DeepgramClient['listen']['v1']['connect']>>;
type Message = {
  type: string;
  is_final?: boolean;
  speech_final?: boolean;
  from_finalize?: boolean;
  start?: number;
  duration?: number;
  last_word_end?: number;
  timestamp?: number;
  request_id?: string;
  channel?: { alternatives: { transcript: string; words: { punctuated_word?: string }[] }[] };
};

const CHUNK_BYTES = 640;
const silence = (ms: number): Uint8Array => new Uint8Array(ms * 8).fill(0xff);

let emulator: DeepgramEmulator;
let walk: Utterance;
let nova: Nova | undefined;
let messages: Message[] = [];
let closes: { code: number; reason: string }[] = [];

beforeAll(async () => {
  walk = await buildUtterance([
    { say: 'I went to the' },
    { pauseMs: 1_500 },
    { say: 'market, early this morning.' },
  ]);
}, 60_000);

beforeEach(async () => {
  emulator = await startDeepgramEmulator({ apiKey: 'right-key', noAudioMs: 300 });
  messages = [];
  closes = [];
});

afterEach(async () => {
  nova?.close();
  await emulator.close();
});

async function connected(
  args: Partial<Parameters<DeepgramClient['listen']['v1']['connect']>[0]> = {},
): Promise<Nova> {
  const client = new DeepgramClient({ apiKey: 'right-key', baseUrl: emulator.url });
  nova = await client.listen.v1.connect({
    model: 'nova-3',
    encoding: 'mulaw',
    sample_rate: 8000,
    interim_results: 'true',
    smart_format: 'true',
    endpointing: 300,
    utterance_end_ms: 1_000,
    vad_events: 'true',
    Authorization: 'Token right-key',
    reconnectAttempts: 0,
    ...args,
  });
  nova.on('message', (message) => messages.push(message as Message));
  nova.on('close', (event) => closes.push({ code: event.code, reason: event.reason }));
  nova.on('error', () => undefined);
  nova.connect();
  await nova.waitForOpen();
  return nova;
}

function play(socket: Nova, ...sounds: Uint8Array[]): void {
  const sound = Buffer.concat(sounds);
  for (let at = 0; at < sound.length; at += CHUNK_BYTES) {
    socket.sendMedia(Uint8Array.from(sound.subarray(at, at + CHUNK_BYTES)));
  }
}

const textOf = (message: Message): string => message.channel!.alternatives[0]!.transcript;
const results = (): Message[] => messages.filter((message) => message.type === 'Results');
const finals = (): Message[] => results().filter((m) => m.is_final && textOf(m) !== '');

test('nova-3 transcribes by pauses: interim, final, speech_final, utterance end', async () => {
  const socket = await connected();
  play(socket, walk.mulaw, silence(1_500));
  await eventually(() => {
    return messages.filter((message) => message.type === 'UtteranceEnd').length === 2;
  });
  expect(finals().map(textOf)).toEqual(['I went to the', 'market, early this morning.']);
  expect(finals().every((message) => message.speech_final)).toBe(true);
  const interim = results().filter((message) => !message.is_final && textOf(message) !== '');
  expect(interim.length).toBeGreaterThan(2);
  expect('I went to the').toContain(textOf(interim[0]!));
  const ends = messages.filter((message) => message.type === 'UtteranceEnd');
  expect(ends[0]!.last_word_end).toBeCloseTo(walk.words[3]!.endMs / 1_000, 3);
  expect(ends[1]!.last_word_end).toBeCloseTo(walk.lastWordEndMs / 1_000, 3);
  expect(messages.filter((message) => message.type === 'SpeechStarted')).toHaveLength(2);
  const decided = emulator.log.all('sent').find((e) => e.message['speech_final'] === true)!;
  expect(decided.decision!.silenceMs).toBe(300);
});

test('windows follow each other without a hole', async () => {
  const socket = await connected();
  play(socket, walk.mulaw, silence(6_000));
  await eventually(() => finals().length === 2);
  let end = 0;
  for (const message of results().filter((m) => m.is_final)) {
    expect(message.start).toBeCloseTo(end, 3);
    end = message.start! + message.duration!;
  }
});

test('without smart_format the transcript is plain', async () => {
  const socket = await connected({ smart_format: 'false' });
  play(socket, walk.mulaw, silence(1_500));
  await eventually(() => finals().length === 2);
  expect(finals().map(textOf)).toEqual(['i went to the', 'market early this morning']);
});

test('Finalize makes pending words final at once', async () => {
  const socket = await connected({ endpointing: 'false' });
  play(socket, walk.mulaw.slice(0, walk.words[1]!.endMs * 8));
  socket.sendFinalize({ type: 'Finalize' });
  await eventually(() => results().some((message) => message.from_finalize));
  const final = results().find((message) => message.from_finalize)!;
  expect(textOf(final)).toBe('I went');
  expect(final.is_final).toBe(true);
});

test('CloseStream brings the last result, Metadata and a normal close', async () => {
  const socket = await connected();
  play(socket, walk.mulaw);
  socket.sendCloseStream({ type: 'CloseStream' });
  await eventually(() => closes.length > 0);
  expect(closes[0]!.code).toBe(1000);
  expect(finals().map(textOf)).toEqual(['I went to the', 'market, early this morning.']);
  expect(messages.at(-1)).toMatchObject({ type: 'Metadata', channels: 1 });
});

test('KeepAlive holds the connection; without it NET-0001 ends it', async () => {
  const socket = await connected();
  for (let i = 0; i < 5; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    socket.sendKeepAlive({ type: 'KeepAlive' });
  }
  expect(closes).toEqual([]);
  await eventually(() => closes.length > 0);
  expect(closes[0]).toMatchObject({ code: 1011, reason: 'NET-0001' });
});

test.each([
  { utterance_end_ms: 500 },
  { interim_results: 'false' as const },
  { endpointing: 'soon' },
  { encoding: 'linear16' as const },
])('a query with %o is refused', async (args) => {
  await expect(connected(args)).rejects.toBeDefined();
  expect(emulator.log.all('rejected').map((entry) => entry.status)).toEqual([400]);
});
