import type { ElevenLabsClient as Sdk } from '@elevenlabs/elevenlabs-js';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  startElevenLabsEmulator,
  type ElevenLabsEmulator,
} from '../../emulators/elevenlabs/server.ts';
import type { Fault } from '../../emulators/faults.ts';
import { InbandDecoder } from '../../emulators/speech/inband.ts';

const TEXT = 'Good morning, Margaret. How are the roses today?';

let ElevenLabsClient: typeof Sdk;
let emulator: ElevenLabsEmulator;
let client: Sdk;

beforeAll(async () => {
  ({ ElevenLabsClient } = await import('@elevenlabs/elevenlabs-js'));
  const warm = await startElevenLabsEmulator();
  await warm.prepare([TEXT]);
  await warm.close();
}, 30_000);

beforeEach(async () => {
  emulator = await startElevenLabsEmulator({ apiKey: 'key' });
  client = new ElevenLabsClient({ apiKey: 'key', baseUrl: emulator.url, maxRetries: 0 });
});

afterEach(async () => {
  await emulator.close();
});

type Spoken = { bytes: Buffer; error: unknown };

/** Synthesises through the SDK; gives up `patienceMs` after the last bytes. */
async function speak(extra: Record<string, unknown> = {}, patienceMs = 2_000): Promise<Spoken> {
  const abort = new AbortController();
  const watchdog = setTimeout(() => abort.abort(), patienceMs);
  const parts: Uint8Array[] = [];
  let error: unknown;
  try {
    const stream = await client.textToSpeech.stream(
      'voice1',
      { text: TEXT, modelId: 'eleven_flash_v2_5', outputFormat: 'ulaw_8000', ...extra },
      { abortSignal: abort.signal },
    );
    const reader = stream.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      watchdog.refresh();
      parts.push(value);
    }
  } catch (caught) {
    error = caught;
  }
  clearTimeout(watchdog);
  return { bytes: Buffer.concat(parts), error };
}

function heard(bytes: Buffer): string {
  const decoder = new InbandDecoder();
  return [...decoder.push(bytes), ...decoder.flush()].map((word) => word.text).join(' ');
}

async function speakWith(fault: Fault, patienceMs?: number): Promise<Spoken> {
  emulator.faults.add({ fault, surface: 'http', times: 1 });
  return await speak({}, patienceMs);
}

describe('the HTTP stream', () => {
  it('carries the words of the text', async () => {
    const { bytes, error } = await speak();
    expect(error).toBeUndefined();
    expect(heard(bytes)).toBe(TEXT);
    const [generation] = emulator.log.all('generation');
    expect(generation!.waitMs).toBeGreaterThanOrEqual(60);
    expect(emulator.log.all('http-complete')).toHaveLength(1);
  });

  it('is longer at a slower speed, and twice the bytes as PCM', async () => {
    const plain = await speak();
    const slow = await speak({ voiceSettings: { speed: 0.7 } });
    expect(slow.bytes.length / plain.bytes.length).toBeGreaterThan(1.15);
    const pcm = await speak({ outputFormat: 'pcm_8000' });
    expect(pcm.bytes).toHaveLength(plain.bytes.length * 2);
  });

  it('lists a voice', async () => {
    const { voices } = await client.voices.getAll();
    expect(voices[0]!.voiceId).toBe('hearthline-emulated');
  });

  it('refuses a wrong key, a bad speed, empty text and foreign formats', async () => {
    const stranger = new ElevenLabsClient({ apiKey: 'no', baseUrl: emulator.url, maxRetries: 0 });
    await expect(
      stranger.textToSpeech.stream('voice1', { text: TEXT, outputFormat: 'ulaw_8000' }),
    ).rejects.toMatchObject({ statusCode: 401, body: { detail: { status: 'invalid_api_key' } } });
    expect((await speak({ voiceSettings: { speed: 2 } })).error).toMatchObject({ statusCode: 422 });
    expect((await speak({ text: ' ' })).error).toMatchObject({ statusCode: 422 });
    expect((await speak({ outputFormat: 'mp3_44100_128' })).error).toMatchObject({
      statusCode: 422,
    });
  });

  it('notices a client that leaves', async () => {
    emulator.script.realTimeFactor = 1;
    const abort = new AbortController();
    const stream = await client.textToSpeech.stream(
      'voice1',
      { text: TEXT, outputFormat: 'ulaw_8000' },
      { abortSignal: abort.signal },
    );
    await stream.getReader().read();
    abort.abort();
    const entry = await emulator.log.waitFor((e) => e.what === 'http-aborted');
    if (entry.what !== 'http-aborted') throw new Error('unreachable');
    expect(entry.sentBytes).toBeGreaterThan(0);
  });

  it('spends a quota', async () => {
    const poor = await startElevenLabsEmulator({ quotaChars: 10 });
    const own = new ElevenLabsClient({ apiKey: 'k', baseUrl: poor.url, maxRetries: 0 });
    await expect(
      own.textToSpeech.stream('voice1', { text: TEXT, outputFormat: 'ulaw_8000' }),
    ).rejects.toMatchObject({ statusCode: 401, body: { detail: { status: 'quota_exceeded' } } });
    await poor.close();
  });
});

describe('faults of the HTTP stream', () => {
  it.each([
    [429, 'too_many_concurrent_requests'],
    [503, 'system_busy'],
    [500, 'internal_error'],
  ])('status %i says %s', async (statusCode, status) => {
    const { error } = await speakWith({ kind: 'status', status: statusCode });
    expect(error).toMatchObject({ statusCode, body: { detail: { status } } });
  });

  it.each(['refuse', 'hang', 'stop-reading'] as const)('%s gives no answer', async (kind) => {
    const { bytes, error } = await speakWith({ kind }, 200);
    expect(error).toBeInstanceOf(Error);
    expect(bytes).toHaveLength(0);
  });

  it('cut: part of the audio, then an error', async () => {
    const { bytes, error } = await speakWith({ kind: 'cut', afterMessages: 3 });
    expect(bytes.length).toBe(3 * 200 * 8);
    expect(String(error)).toMatch(/terminated/);
  });

  it('stall: part of the audio, then nothing', async () => {
    const { bytes, error } = await speakWith({ kind: 'stall', afterMessages: 2 }, 300);
    expect(bytes.length).toBe(2 * 200 * 8);
    expect(error).toMatchObject({ name: 'AbortError' });
  });

  it('slow and trickle: whole, and late', async () => {
    const slow = await speakWith({ kind: 'slow', factor: 4 });
    expect(heard(slow.bytes)).toBe(TEXT);
    expect(emulator.log.all('generation')[0]!.waitMs).toBeGreaterThanOrEqual(240);
    const startedAt = performance.now();
    const trickled = await speakWith({ kind: 'trickle', bytesPerSecond: 40_000 });
    expect(heard(trickled.bytes)).toBe(TEXT);
    expect(performance.now() - startedAt).toBeGreaterThan((trickled.bytes.length / 40_000) * 1000);
  });

  it('empty, doubled, oversize and foreign bytes', async () => {
    const plain = await speak();
    expect((await speakWith({ kind: 'empty' })).bytes).toHaveLength(0);
    expect((await speakWith({ kind: 'duplicate' })).bytes).toHaveLength(plain.bytes.length * 2);
    expect((await speakWith({ kind: 'oversize', bytes: 50_000 })).bytes.length % 50_000).toBe(0);
    for (const kind of ['garbage', 'wrong-shape', 'wrong-order'] as const) {
      expect(heard((await speakWith({ kind })).bytes)).not.toBe(TEXT);
    }
  });
});
