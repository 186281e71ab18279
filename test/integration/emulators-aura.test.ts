import { DeepgramClient } from '@deepgram/sdk';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startDeepgramEmulator } from '../../emulators/deepgram/server.ts';
import type { DeepgramEmulator } from '../../emulators/deepgram/types.ts';
import { startElevenLabsEmulator } from '../../emulators/elevenlabs/server.ts';
import type { Fault } from '../../emulators/faults.ts';
import { InbandDecoder } from '../../emulators/speech/inband.ts';

const TEXT = 'Good morning, Margaret. How are the roses today?';
const TELEPHONE = { encoding: 'mulaw', sample_rate: 8_000, container: 'none' } as const;
type Request = Parameters<DeepgramClient['speak']['v1']['audio']['generate']>[0];

let emulator: DeepgramEmulator;
let client: DeepgramClient;

beforeAll(async () => {
  // Both emulated voices are the same synthesiser's; what one prepares, the other finds.
  const warm = await startElevenLabsEmulator();
  await warm.prepare([TEXT], { languageCode: 'en' });
  await warm.close();
}, 30_000);

beforeEach(async () => {
  emulator = await startDeepgramEmulator({ apiKey: 'key', script: { speak: { firstByteMs: 60 } } });
  client = new DeepgramClient({ apiKey: 'key', baseUrl: emulator.url, maxRetries: 0 });
});

afterEach(async () => {
  await emulator.close();
});

type Spoken = { bytes: Buffer; error: unknown; headers: Headers | undefined };

/** Speaks through the SDK; gives up `patienceMs` after the last bytes. */
async function speak(extra: Partial<Request> = {}, patienceMs = 2_000): Promise<Spoken> {
  const abort = new AbortController();
  const watchdog = setTimeout(() => abort.abort(), patienceMs);
  const parts: Uint8Array[] = [];
  let error: unknown;
  let headers: Headers | undefined;
  try {
    const { data, rawResponse } = await client.speak.v1.audio
      .generate(
        { text: TEXT, model: 'aura-2-thalia-en', ...TELEPHONE, ...extra },
        { abortSignal: abort.signal },
      )
      .withRawResponse();
    headers = new Headers(rawResponse.headers);
    for await (const part of data.stream()!) {
      watchdog.refresh();
      parts.push(part);
    }
  } catch (caught) {
    error = caught;
  }
  clearTimeout(watchdog);
  return { bytes: Buffer.concat(parts), error, headers };
}

async function speakWith(fault: Fault, patienceMs?: number): Promise<Spoken> {
  emulator.faults.add({ fault, surface: 'speak', times: 1 });
  return await speak({}, patienceMs);
}

function heard(bytes: Buffer): string {
  const decoder = new InbandDecoder();
  return [...decoder.push(bytes), ...decoder.flush()].map((word) => word.text).join(' ');
}

describe('Aura', () => {
  it('speaks the words of the text, at the scripted pace', async () => {
    const { bytes, error, headers } = await speak();
    expect(error).toBeUndefined();
    expect(heard(bytes)).toBe(TEXT);
    expect(headers?.get('dg-model-name')).toBe('aura-2-thalia-en');
    expect(headers?.get('dg-char-count')).toBe(String(TEXT.length));
    const [generation] = emulator.log.all('generation');
    expect(generation).toMatchObject({ surface: 'speak', text: TEXT, requestedFirstByteMs: 60 });
    expect(generation!.waitMs).toBeGreaterThanOrEqual(60);
    expect(generation!.waitMs).toBeCloseTo(generation!.firstAudioAtMs - generation!.receivedAtMs);
    const complete = emulator.log.all('speech-complete');
    expect(complete.map((entry) => entry.audioMs)).toEqual([bytes.length / 8]);
  });

  it('arrives while it is being made', async () => {
    emulator.script.speak.realTimeFactor = 4;
    const startedAt = performance.now();
    let firstMs: number | undefined;
    const answer = await client.speak.v1.audio.generate({
      text: TEXT,
      model: 'aura-2-thalia-en',
      ...TELEPHONE,
    });
    let bytes = 0;
    for await (const part of answer.stream()!) {
      firstMs ??= performance.now() - startedAt;
      bytes += part.length;
    }
    const wholeMs = performance.now() - startedAt;
    expect(wholeMs).toBeGreaterThan((bytes / 8 - 400) / 4);
    expect(firstMs!).toBeLessThan(wholeMs / 2);
  });

  it('speaks the language of its model, as slowly as asked', async () => {
    const plain = await speak();
    const slow = await speak({ speed: 0.7 });
    expect(slow.bytes.length / plain.bytes.length).toBeGreaterThan(1.15);
    const spanish = await speak({ text: 'Buenos días.', model: 'aura-2-estrella-es' }, 5_000);
    expect(heard(spanish.bytes)).toBe('Buenos días.');
  });

  it.each([
    [{ model: 'aura-9' }, 400, /model/],
    [{ encoding: 'linear16' }, 400, /encoding/],
    [{ sample_rate: 16_000 }, 400, /sample_rate/],
    [{ container: 'wav' }, 400, /container/],
    [{ speed: 2 }, 400, /speed/],
    [{ text: ' ' }, 400, /No text/],
    [{ text: 'x'.repeat(2_001) }, 413, /maximum character limit/],
  ])('refuses %o with %i', async (extra, statusCode, message) => {
    const { error } = await speak(extra);
    expect(error).toMatchObject({ statusCode, body: { err_msg: expect.stringMatching(message) } });
    expect(emulator.log.all('rejected')).toHaveLength(1);
  });

  it('refuses a wrong key, broken JSON and other paths', async () => {
    const stranger = new DeepgramClient({ apiKey: 'no', baseUrl: emulator.url, maxRetries: 0 });
    const asked = stranger.speak.v1.audio.generate({ text: TEXT, ...TELEPHONE });
    await expect(asked).rejects.toMatchObject({
      statusCode: 401,
      body: { err_code: 'INVALID_AUTH' },
    });
    const query = 'model=aura-2-thalia-en&encoding=mulaw&sample_rate=8000&container=none';
    const post = async (path: string, body: string): Promise<number> => {
      const headers = { authorization: 'Token key' };
      return (await fetch(`${emulator.url}${path}`, { method: 'POST', headers, body })).status;
    };
    for (const body of ['', '{"text":', '[]', '{"text":7}', 'null']) {
      expect(await post(`/v1/speak?${query}`, body)).toBe(400);
    }
    expect(await post(`/v1/speak?${query}&voice=x`, '{"text":"x"}')).toBe(400);
    expect(await post('/v1/listen', '{}')).toBe(404);
  });

  it('notices a client that leaves', async () => {
    emulator.script.speak.realTimeFactor = 1;
    const { bytes } = await speakWith({ kind: 'stall', afterMessages: 2 }, 2_000);
    expect(bytes).toHaveLength(2 * 200 * 8);
    const abort = new AbortController();
    const answer = await client.speak.v1.audio.generate(
      { text: TEXT, ...TELEPHONE },
      { abortSignal: abort.signal },
    );
    await answer.stream()!.getReader().read();
    abort.abort();
    const entry = await emulator.log.waitFor((e) => e.what === 'speech-aborted');
    expect(entry.what === 'speech-aborted' && entry.sentBytes).toBeGreaterThan(0);
  });
});

describe('faults of Aura', () => {
  it.each([
    [401, 'INVALID_AUTH'],
    [402, 'ASR_PAYMENT_REQUIRED'],
    [429, 'TOO_MANY_REQUESTS'],
    [503, 'INTERNAL_SERVER_ERROR'],
  ])('status %i says %s', async (status, err_code) => {
    const { error } = await speakWith({ kind: 'status', status, retryAfterSeconds: 3 });
    expect(error).toMatchObject({ statusCode: status, body: { err_code } });
    const { rawResponse } = error as { rawResponse: { headers: Headers } };
    expect(rawResponse.headers.get('retry-after')).toBe('3');
  });

  it.each(['refuse', 'hang', 'stop-reading'] as const)('%s gives no answer', async (kind) => {
    const { bytes, error } = await speakWith({ kind }, 200);
    expect(error).toBeInstanceOf(Error);
    expect(bytes).toHaveLength(0);
  });

  it.each(['cut', 'stream-error'] as const)('%s: part of it, then an error', async (kind) => {
    const { bytes, error } = await speakWith({ kind, afterMessages: 3 });
    expect(bytes.length).toBe(3 * 200 * 8);
    expect(String(error)).toMatch(/terminated/);
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

  it('do not touch who listens', async () => {
    emulator.faults.add({ fault: { kind: 'hang' }, surface: 'v2' });
    expect((await speak()).error).toBeUndefined();
  });
});
