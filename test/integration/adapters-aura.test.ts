import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createDeepgramAura } from '../../adapters/tts/deepgram-aura.ts';
import type { DeepgramAura } from '../../adapters/tts/deepgram-aura.ts';
import { startDeepgramEmulator } from '../../emulators/deepgram/server.ts';
import type { DeepgramEmulator } from '../../emulators/deepgram/types.ts';
import { startElevenLabsEmulator } from '../../emulators/elevenlabs/server.ts';
import { startRelay } from '../helpers/tcp-relay.ts';
import { openVoice, SENTENCES, SPEED, ttsContract, wordsIn } from './contract-tts.ts';

let emulator: DeepgramEmulator;
let vendor: DeepgramAura;

beforeAll(async () => {
  emulator = await startDeepgramEmulator({ apiKey: 'key' });
  vendor = await createDeepgramAura({ apiKey: 'key', baseUrl: emulator.wsUrl });
  // Both emulated voices are the same synthesiser's; what one prepares, the other finds.
  const warm = await startElevenLabsEmulator();
  await warm.prepare([...SENTENCES, SENTENCES.join('')], { speed: SPEED, languageCode: 'en' });
  await warm.close();
});
afterAll(async () => {
  vendor.shutDown();
  await emulator.close();
});

/** The query of the request made last. */
function lastQuery(): Readonly<Record<string, readonly string[]>> {
  return emulator.log.all('connect').at(-1)!.query;
}

describe('Deepgram Aura', () => {
  ttsContract(() => ({ emulator, surface: 'speak', vendor }));

  test('asks for what the telephone plays, in the voice of the language', async () => {
    const voice = await openVoice(vendor);
    voice.session.say(1, SENTENCES[0]);
    voice.session.finish(1);
    expect((await voice.over(1))?.kind).toBe('done');
    expect(lastQuery()).toEqual({
      model: ['aura-2-harmonia-en'],
      encoding: ['mulaw'],
      sample_rate: ['8000'],
      container: ['none'],
      speed: ['0.9'],
    });
    const { headers } = emulator.log.all('connect').at(-1)!;
    expect(headers['authorization']).toBe('Token ***');
    const words = voice.events.flatMap((e) => (e.kind === 'audio' ? [e.words] : []));
    expect(new Set(words)).toEqual(new Set([undefined]));
  });

  test('speaks Spanish with a Spanish voice, never slower than it can', async () => {
    const options = {
      language: 'es-MX',
      speed: 0.7,
      firstByteTimeoutMs: 3_000,
      stallTimeoutMs: 3_000,
    };
    const voice = await openVoice(vendor, options);
    voice.session.say(1, 'Buenos días, señora. ');
    voice.session.finish(1);
    expect(await voice.over(1, 5_000)).toMatchObject({ kind: 'done' });
    expect(wordsIn(voice.sound(1))).toBe('Buenos días, señora.');
    expect(lastQuery()).toMatchObject({ model: ['aura-2-estrella-es'], speed: ['0.9'] });
  });

  test('voices may be chosen, and other languages are spoken to in English', async () => {
    const own = await createDeepgramAura({
      apiKey: 'key',
      baseUrl: emulator.url,
      voices: { en: 'aura-2-thalia-en' },
    });
    onTestFinished(() => own.shutDown());
    const voice = await openVoice(own, { language: 'pt-BR', speed: 1 });
    voice.session.say(1, SENTENCES[1]);
    voice.session.finish(1);
    await voice.over(1);
    expect(lastQuery()['model']).toEqual(['aura-2-thalia-en']);
    expect(lastQuery()['speed']).toBeUndefined();
  });

  test('one request for each text, one after the other, and none again', async () => {
    const voice = await openVoice(vendor);
    const before = emulator.log.all('connect').length;
    for (const text of SENTENCES) voice.session.say(1, text);
    voice.session.finish(1);
    expect((await voice.over(1))?.kind).toBe('done');
    const spoken = emulator.log.all('generation').slice(-2);
    expect(spoken.map((generation) => generation.text)).toEqual([...SENTENCES]);
    expect(emulator.log.all('connect')).toHaveLength(before + 2);
    const [first] = emulator.log.all('speech-complete').slice(-2);
    expect(first!.atMs).toBeLessThan(spoken[1]!.receivedAtMs);
  });

  test('a cancelled utterance ends its request at once', async () => {
    const { realTimeFactor } = emulator.script.speak;
    emulator.script.speak.realTimeFactor = 1;
    onTestFinished(() => void (emulator.script.speak.realTimeFactor = realTimeFactor));
    const voice = await openVoice(vendor);
    const from = emulator.log.entries.length;
    voice.session.say(1, SENTENCES.join(''));
    const isNew = (entry: object): boolean =>
      (emulator.log.entries as object[]).indexOf(entry) >= from;
    await emulator.log.waitFor((e) => e.what === 'speech' && isNew(e));
    voice.session.cancel(1);
    const aborted = await emulator.log.waitFor((e) => e.what === 'speech-aborted' && isNew(e), 500);
    expect(aborted.what).toBe('speech-aborted');
  });

  test('uses one connection for sentence after sentence', async () => {
    const relay = await startRelay(emulator.url);
    onTestFinished(() => relay.close());
    const pooled = await createDeepgramAura({ apiKey: 'key', baseUrl: relay.url });
    onTestFinished(() => pooled.shutDown());
    await pooled.warm();
    const voice = await openVoice(pooled);
    for (const text of [...SENTENCES, ...SENTENCES]) voice.session.say(1, text);
    voice.session.finish(1);
    expect((await voice.over(1))?.kind).toBe('done');
    expect(relay.accepted()).toBe(1);
    relay.reset();
    voice.session.say(2, SENTENCES[0]);
    voice.session.finish(2);
    expect((await voice.over(2))?.kind).toBe('done');
    expect(relay.accepted()).toBe(2);
  });

  test('headers without a sound are a cut', async () => {
    onTestFinished(
      emulator.faults.add({ fault: { kind: 'cut', afterMessages: 0 }, surface: 'speak' }),
    );
    const voice = await openVoice(vendor);
    voice.session.say(1, SENTENCES[0]);
    expect(await voice.over(1)).toMatchObject({ error: { failure: 'cut' } });
  });

  test('a name that does not resolve and a handshake that fails are unreachable', async () => {
    const tls = emulator.url.replace('http:', 'https:');
    for (const baseUrl of [tls, 'wss://no-such-host.invalid']) {
      const lost = await createDeepgramAura({ apiKey: 'key', baseUrl });
      onTestFinished(() => lost.shutDown());
      await lost.warm();
      const voice = await openVoice(lost, { firstByteTimeoutMs: 5_000 });
      voice.session.say(1, SENTENCES[0]);
      expect(await voice.over(1, 6_000)).toMatchObject({ error: { failure: 'unreachable' } });
    }
  });

  test('says what the vendor asks to wait, and nothing on the console', async () => {
    const spies = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) =>
      vi.spyOn(console, name),
    );
    onTestFinished(() => void vi.restoreAllMocks());
    const fault = { kind: 'status', status: 429, retryAfterSeconds: 7 } as const;
    onTestFinished(emulator.faults.add({ fault, surface: 'speak' }));
    const voice = await openVoice(vendor);
    voice.session.say(1, SENTENCES[0]);
    expect(await voice.over(1)).toMatchObject({
      kind: 'utterance-failed',
      error: { vendor: 'deepgram-aura', failure: 'rate-limited', status: 429, retryAfterMs: 7_000 },
    });
    for (const spy of spies) expect(spy).not.toHaveBeenCalled();
  });
});
