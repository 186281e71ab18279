import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createElevenLabsHttp } from '../../adapters/tts/elevenlabs-http.ts';
import type { ElevenLabsHttp } from '../../adapters/tts/elevenlabs-http.ts';
import { startElevenLabsEmulator } from '../../emulators/elevenlabs/server.ts';
import type { ElevenLabsEmulator } from '../../emulators/elevenlabs/server.ts';
import { openVoice, SENTENCES, SPEED, ttsContract } from './contract-tts.ts';

let emulator: ElevenLabsEmulator;
let vendor: ElevenLabsHttp;

beforeAll(async () => {
  emulator = await startElevenLabsEmulator();
  vendor = createElevenLabsHttp({ apiKey: 'key', baseUrl: emulator.url });
  await emulator.prepare([...SENTENCES, SENTENCES.join('')], {
    speed: SPEED,
    languageCode: 'en',
  });
});
afterAll(async () => {
  vendor.shutDown();
  await emulator.close();
});

describe('ElevenLabs over HTTP', () => {
  ttsContract(() => ({ emulator, surface: 'http', vendor }));

  test('gives no word timings', async () => {
    const voice = await openVoice(vendor);
    voice.session.say(1, SENTENCES[0]);
    voice.session.finish(1);
    expect((await voice.over(1))?.kind).toBe('done');
    const words = voice.events.flatMap((e) => (e.kind === 'audio' ? [e.words] : []));
    expect(new Set(words)).toEqual(new Set([undefined]));
  });

  test('a cancelled utterance ends its request at once', async () => {
    const voice = await openVoice(vendor);
    const from = emulator.log.entries.length;
    voice.session.say(1, SENTENCES.join(''));
    await emulator.log.waitFor(
      (e) => e.what === 'audio' && emulator.log.entries.indexOf(e) >= from,
    );
    voice.session.cancel(1);
    const aborted = await emulator.log.waitFor(
      (e) => e.what === 'http-aborted' && emulator.log.entries.indexOf(e) >= from,
    );
    expect(aborted.what).toBe('http-aborted');
  });
});
