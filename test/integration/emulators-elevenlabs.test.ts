import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  startElevenLabsEmulator,
  type ElevenLabsEmulator,
} from '../../emulators/elevenlabs/server.ts';
import { InbandDecoder } from '../../emulators/speech/inband.ts';
import { closeClients, connectVoice, heardText } from '../helpers/elevenlabs-client.ts';

const FIRST = 'Good morning, Margaret. ';
const SECOND = 'How are the roses today? ';
const THIRD = 'Shall we talk about the garden? ';

let emulator: ElevenLabsEmulator;

beforeAll(async () => {
  const warm = await startElevenLabsEmulator();
  await warm.prepare([FIRST, SECOND, THIRD]);
  await warm.close();
}, 30_000);

beforeEach(async () => {
  emulator = await startElevenLabsEmulator({ apiKey: 'key' });
});

afterEach(async () => {
  closeClients();
  await emulator.close();
});

const connect = (
  surface: 'stream-input' | 'multi-stream-input',
  query?: string,
  headers?: Record<string, string>,
) => connectVoice(emulator.wsUrl, surface, query, headers);

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
