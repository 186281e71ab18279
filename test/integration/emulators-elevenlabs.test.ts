import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { InbandDecoder } from '../../emulators/speech/inband.ts';
import {
  startElevenLabsEmulator,
  type ElevenLabsEmulator,
} from '../../emulators/elevenlabs/server.ts';

const FIRST = 'Good morning, Margaret. ';
const SECOND = 'How are the roses today? ';
const THIRD = 'Shall we talk about the garden? ';

type Message = {
  audio?: string | null;
  isFinal?: boolean | null;
  contextId?: string;
  error?: string;
  code?: number;
  message?: string;
  alignment?: { chars: string[]; charStartTimesMs: number[]; charDurationsMs: number[] } | null;
};

/** A plain `ws` client that keeps everything it got. */
class Client {
  readonly messages: Message[] = [];
  readonly raw: string[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  #wake: (() => void)[] = [];

  constructor(url: string, headers: Record<string, string> = { 'xi-api-key': 'key' }) {
    this.socket = new WebSocket(url, { headers, perMessageDeflate: false });
    this.socket.on('message', (data) => {
      const text = (data as Buffer).toString('utf8');
      this.raw.push(text);
      try {
        this.messages.push(JSON.parse(text) as Message);
      } catch {
        // Garbage is looked at in `raw`.
      }
      for (const wake of this.#wake.splice(0)) wake();
    });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: String(reason) }));
    });
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    return this;
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The first message that matches; vitest's own timeout is the bound. */
  async until(matches: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(matches);
      if (found) return found;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  audio(contextId?: string): Buffer {
    const mine = this.messages.filter((m) => contextId === undefined || m.contextId === contextId);
    return Buffer.concat(mine.map((m) => Buffer.from(m.audio ?? '', 'base64')));
  }
}

function heardIn(audio: Buffer): { text: string; damaged: boolean }[] {
  const decoder = new InbandDecoder();
  return [...decoder.push(audio), ...decoder.flush()].map(({ text, damaged }) => ({
    text,
    damaged,
  }));
}

function heardText(audio: Buffer): string {
  const words = heardIn(audio);
  expect(words.filter((word) => word.damaged)).toEqual([]);
  return words.map((word) => word.text).join(' ');
}

let emulator: ElevenLabsEmulator;
const clients: Client[] = [];

beforeAll(async () => {
  const warm = await startElevenLabsEmulator();
  await warm.prepare([FIRST, SECOND, THIRD]);
  await warm.close();
}, 30_000);

beforeEach(async () => {
  emulator = await startElevenLabsEmulator({ apiKey: 'key' });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  await emulator.close();
});

async function connect(
  surface: 'stream-input' | 'multi-stream-input',
  query = '',
  headers?: Record<string, string>,
): Promise<Client> {
  const client = new Client(
    `${emulator.wsUrl}/v1/text-to-speech/voice1/${surface}?model_id=eleven_flash_v2_5&output_format=ulaw_8000${query}`,
    headers,
  );
  clients.push(client);
  return await client.open();
}

describe('the single stream', () => {
  it('speaks the text, says it is final and closes', async () => {
    const client = await connect('stream-input', '&auto_mode=true');
    client.send({ text: ' ', voice_settings: { stability: 0.5 } });
    client.send({ text: FIRST });
    client.send({ text: SECOND });
    client.send({ text: '' });
    expect((await client.closed).code).toBe(1000);
    expect(client.messages.at(-1)).toEqual({ audio: null, isFinal: true });
    expect(heardText(client.audio())).toBe((FIRST + SECOND).trim());
  });

  it('refuses a first message that is not a space', async () => {
    const client = await connect('stream-input');
    client.send({ text: FIRST });
    expect((await client.closed).code).toBe(1008);
    expect(client.messages.at(-1)).toMatchObject({ error: 'invalid_input_message', code: 1008 });
  });

  it('refuses settings after the first message', async () => {
    const client = await connect('stream-input');
    client.send({ text: ' ' });
    client.send({ text: FIRST, voice_settings: { speed: 0.9 } });
    expect((await client.closed).code).toBe(1008);
  });

  it('generates by the chunk schedule, and the rest on a flush', async () => {
    const client = await connect('stream-input');
    client.send({ text: ' ', generation_config: { chunk_length_schedule: [50, 500] } });
    client.send({ text: SECOND });
    client.send({ text: `${THIRD}Good` });
    const first = await emulator.log.waitFor((e) => e.what === 'generated');
    const spoken = () => emulator.log.all('generation').map((g) => g.text);
    // The last word may still grow: it waits for the next generation.
    expect(spoken()).toEqual([SECOND + THIRD]);
    client.send({ text: ' morning, Margaret. ' });
    client.send({ text: ' ', flush: true });
    await emulator.log.waitFor((e) => e.what === 'generated' && e !== first);
    expect(spoken()).toEqual([SECOND + THIRD, `${FIRST} `]);
  });

  it('takes the key from the first message, and refuses a wrong one', async () => {
    const good = await connect('stream-input', '&auto_mode=true', {});
    good.send({ text: ' ', 'xi-api-key': 'key' });
    good.send({ text: FIRST });
    await good.until((m) => typeof m.audio === 'string');
    const bad = await connect('stream-input', '', {});
    bad.send({ text: ' ', 'xi-api-key': 'wrong' });
    expect((await bad.closed).code).toBe(1008);
    expect(bad.messages.at(-1)).toMatchObject({ error: 'invalid_api_key' });
    await expect(connect('stream-input', '', { 'xi-api-key': 'wrong' })).rejects.toThrow(/401/);
  });

  it('is kept alive by a space and ends without text, after its timeout', async () => {
    const client = await connect('stream-input', '&inactivity_timeout=0.4');
    const openedAt = performance.now();
    client.send({ text: ' ' });
    const keepAlive = setInterval(() => client.send({ text: ' ' }), 100);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
    clearInterval(keepAlive);
    expect((await client.closed).code).toBe(1008);
    expect(performance.now() - openedAt).toBeGreaterThan(950);
    expect(client.messages.at(-1)).toMatchObject({ error: 'input_timeout_exceeded', code: 1008 });
  });
});

describe('audio', () => {
  it('leaves at the scripted first byte and then faster than it sounds', async () => {
    const client = await connect('multi-stream-input', '&auto_mode=true');
    for (let round = 0; round < 3; round += 1) {
      emulator.log.clear();
      const contextId = `c${round}`;
      client.send({ text: ' ', context_id: contextId });
      client.send({ text: FIRST, context_id: contextId });
      client.send({ text: SECOND, context_id: contextId });
      client.send({ context_id: contextId, close_context: true });
      await client.until((m) => m.isFinal === true && m.contextId === contextId);
    }
    const [first, second] = emulator.log.all('generation');
    expect(first).toMatchObject({ requestedFirstByteMs: 60, text: FIRST, queuedMs: 0 });
    expect(first!.waitMs).toBeGreaterThanOrEqual(60);
    expect(first!.waitMs - first!.synthLateMs).toBeLessThan(100);
    const firstMs = emulator.log.all('generated')[0]!.audioMs;
    // The first may have been sent a little late, which the second does not have to wait for.
    const apartMs = second!.firstAudioAtMs - first!.firstAudioAtMs;
    expect(apartMs).toBeGreaterThanOrEqual(firstMs / 20 - 20);
    expect(second!.queuedMs).toBeGreaterThan(0);
    for (const audio of emulator.log.all('audio')) expect(audio.audioMs).toBeLessThanOrEqual(200);
  });

  it('times its characters as its words sound', async () => {
    const client = await connect('multi-stream-input', '&auto_mode=true');
    client.send({ text: ' ', context_id: 'a' });
    client.send({ text: FIRST + SECOND, context_id: 'a' });
    client.send({ context_id: 'a', close_context: true });
    await client.until((m) => m.isFinal === true);
    const spelt: { char: string; startMs: number; endMs: number }[] = [];
    let offsetMs = 0;
    for (const { audio, alignment } of client.messages) {
      if (!audio) continue;
      alignment?.chars.forEach((char, i) => {
        const startMs = offsetMs + alignment.charStartTimesMs[i]!;
        spelt.push({ char, startMs, endMs: startMs + alignment.charDurationsMs[i]! });
      });
      offsetMs += Buffer.from(audio, 'base64').length / 8;
    }
    expect(spelt.map((s) => s.char).join('')).toBe(FIRST + SECOND);
    const decoder = new InbandDecoder();
    const words = [...decoder.push(client.audio()), ...decoder.flush()];
    let at = 0;
    for (const word of words) {
      const from = spelt
        .map((s) => s.char)
        .join('')
        .indexOf(word.text, at);
      at = from + word.text.length;
      expect(Math.abs(spelt[from]!.startMs - word.startByte / 8)).toBeLessThanOrEqual(2);
      expect(Math.abs(spelt[at - 1]!.endMs - word.endByte / 8)).toBeLessThanOrEqual(4);
    }
    expect(at).toBe((FIRST + SECOND).trimEnd().length);
  });

  it('is slower when asked to speak slowly, and refuses absurd speeds', async () => {
    const lengths: number[] = [];
    for (const speed of [0.7, 1]) {
      const client = await connect('multi-stream-input', '&auto_mode=true');
      client.send({ text: ' ', context_id: 'a', voice_settings: { speed } });
      client.send({ text: SECOND, context_id: 'a' });
      client.send({ context_id: 'a', close_context: true });
      await client.until((m) => m.isFinal === true);
      lengths.push(client.audio().length);
    }
    expect(lengths[0]! / lengths[1]!).toBeGreaterThan(1.15);
    const client = await connect('multi-stream-input');
    client.send({ text: ' ', context_id: 'a', voice_settings: { speed: 3 } });
    expect((await client.closed).code).toBe(1008);
  });

  it('says nothing for text without words', async () => {
    const client = await connect('multi-stream-input', '&auto_mode=true');
    client.send({ text: ' ', context_id: 'a' });
    client.send({ text: '... ', context_id: 'a', flush: true });
    client.send({ context_id: 'a', close_context: true });
    await client.until((m) => m.isFinal === true);
    expect(client.audio()).toHaveLength(0);
  });
});

describe('the multi-context socket', () => {
  it('keeps contexts apart, each with its own words', async () => {
    const client = await connect('multi-stream-input');
    for (const [id, text] of [
      ['a', FIRST],
      ['b', SECOND],
    ] as const) {
      client.send({ text: ' ', context_id: id });
      client.send({ text, context_id: id });
    }
    client.send({ context_id: 'a', flush: true });
    client.send({ context_id: 'b', text: THIRD, flush: true });
    client.send({ context_id: 'a', close_context: true });
    client.send({ context_id: 'b', close_context: true });
    await client.until((m) => m.isFinal === true && m.contextId === 'a');
    await client.until((m) => m.isFinal === true && m.contextId === 'b');
    expect(heardText(client.audio('a'))).toBe(FIRST.trim());
    expect(heardText(client.audio('b'))).toBe((SECOND + THIRD).trim());
    expect(client.messages.filter((m) => m.isFinal === true)).toEqual([
      { isFinal: true, contextId: 'a' },
      { isFinal: true, contextId: 'b' },
    ]);
  });

  it('drops unflushed text on close, and lets a flush in progress arrive late', async () => {
    const client = await connect('multi-stream-input');
    client.send({ text: ' ', context_id: 'a' });
    client.send({ text: FIRST, context_id: 'a', flush: true });
    client.send({ text: SECOND, context_id: 'a' });
    client.send({ context_id: 'a', close_context: true });
    await client.until((m) => m.isFinal === true);
    expect(heardText(client.audio())).toBe(FIRST.trim());
    expect(emulator.log.all('audio').every((a) => a.late)).toBe(true);
    expect(emulator.log.all('context-closing')[0]!.unspokenText).toBe(SECOND);
  });

  it('can be told to discard what had not left when a context closes', async () => {
    emulator.script.afterClose = 'discard';
    const client = await connect('multi-stream-input');
    client.send({ text: ' ', context_id: 'a' });
    client.send({ text: FIRST, context_id: 'a', flush: true });
    client.send({ context_id: 'a', close_context: true });
    await client.until((m) => m.isFinal === true);
    expect(client.audio()).toHaveLength(0);
  });

  it('closes the whole socket on the sixth context', async () => {
    const client = await connect('multi-stream-input');
    for (let i = 1; i <= 5; i += 1) client.send({ text: ' ', context_id: `c${i}` });
    // An unknown context is opened by a flush, too.
    client.send({ context_id: 'c6', flush: true });
    const { code, reason } = await client.closed;
    expect(code).toBe(1008);
    expect(reason).toMatch(/^Maximum simultaneous contexts/);
    expect(client.messages.at(-1)).toMatchObject({ error: 'max_active_conversations', code: 1008 });
  });

  it('counts a closing context until its final message', async () => {
    emulator.script.finalDelayMs = 150;
    const client = await connect('multi-stream-input');
    for (let i = 1; i <= 5; i += 1) client.send({ text: ' ', context_id: `c${i}` });
    client.send({ context_id: 'c1', close_context: true });
    await client.until((m) => m.isFinal === true);
    client.send({ text: ' ', context_id: 'c6' });
    await emulator.log.waitFor((e) => e.what === 'context-opened' && e.contextId === 'c6');
    client.send({ context_id: 'c2', close_context: true });
    client.send({ text: ' ', context_id: 'c7' });
    expect((await client.closed).code).toBe(1008);
  });

  it('reuses a context id for an unrelated context', async () => {
    const client = await connect('multi-stream-input');
    for (const text of [FIRST, SECOND]) {
      client.send({ text: ' ', context_id: 'a' });
      client.send({ text, context_id: 'a', flush: true });
      client.send({ context_id: 'a', close_context: true });
    }
    await emulator.log.waitFor(() => emulator.log.all('context-final').length === 2);
    expect(emulator.log.all('context-opened')).toHaveLength(2);
  });

  it('times out the context that is not fed, unless kept alive', async () => {
    const client = await connect('multi-stream-input', '&inactivity_timeout=0.5');
    client.send({ text: ' ', context_id: 'fed' });
    client.send({ text: ' ', context_id: 'starved' });
    const keepAlive = setInterval(() => client.send({ text: '', context_id: 'fed' }), 100);
    expect((await client.closed).code).toBe(1008);
    clearInterval(keepAlive);
    expect(client.messages.at(-1)).toMatchObject({
      error: 'input_timeout_exceeded',
      contextId: 'starved',
      code: 1008,
    });
  });

  it('flushes every context on close_socket', async () => {
    const client = await connect('multi-stream-input');
    client.send({ text: ' ', context_id: 'a' });
    client.send({ text: FIRST, context_id: 'a' });
    client.send({ close_socket: true });
    expect((await client.closed).code).toBe(1000);
    expect(heardText(client.audio('a'))).toBe(FIRST.trim());
    expect(client.messages.at(-1)).toEqual({ isFinal: true, contextId: 'a' });
  });

  it('spells the key of the first message with underscores', async () => {
    const good = await connect('multi-stream-input', '', {});
    good.send({ text: ' ', context_id: 'a', xi_api_key: 'key' });
    await emulator.log.waitFor((e) => e.what === 'context-opened');
    const bad = await connect('multi-stream-input', '', {});
    bad.send({ text: ' ', context_id: 'a', 'xi-api-key': 'key' });
    expect((await bad.closed).code).toBe(1008);
  });

  it('refuses what is not a message', async () => {
    for (const data of ['{', '[]', '{"text":7}', '{"flush":"yes"}']) {
      const client = await connect('multi-stream-input');
      client.socket.send(data);
      expect((await client.closed).code).toBe(1008);
      expect(client.messages.at(-1)).toMatchObject({ error: 'invalid_input_message' });
    }
  });

  it('stops when the quota is spent', async () => {
    const poor = await startElevenLabsEmulator({ quotaChars: 30 });
    const client = new Client(
      `${poor.wsUrl}/v1/text-to-speech/v/multi-stream-input?output_format=ulaw_8000`,
    );
    clients.push(await client.open());
    client.send({ text: FIRST, context_id: 'a', flush: true });
    client.send({ text: SECOND, context_id: 'a', flush: true });
    expect((await client.closed).code).toBe(1008);
    expect(client.messages.at(-1)).toMatchObject({ error: 'quota_exceeded' });
    await poor.close();
  });
});
