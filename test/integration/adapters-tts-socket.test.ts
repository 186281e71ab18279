import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createElevenLabsSocket } from '../../adapters/tts/elevenlabs-socket.ts';
import type { TtsVendor } from '../../adapters/tts/port.ts';
import { startElevenLabsEmulator } from '../../emulators/elevenlabs/server.ts';
import type { ElevenLabsEmulator } from '../../emulators/elevenlabs/server.ts';
import { openVoice, SENTENCES, SPEED, ttsContract } from './contract-tts.ts';

let emulator: ElevenLabsEmulator;
let vendor: TtsVendor;

beforeAll(async () => {
  emulator = await startElevenLabsEmulator();
  vendor = createElevenLabsSocket({ apiKey: 'key', baseUrl: emulator.url });
  await emulator.prepare([...SENTENCES, SENTENCES.join('')], {
    speed: SPEED,
    languageCode: 'en',
  });
});
afterAll(async () => emulator.close());

describe('ElevenLabs multi-context socket', () => {
  ttsContract(() => ({ emulator, surface: 'multi', vendor }));

  test('times every word once, in order, inside the audio', async () => {
    emulator.script.chunkMs = 70;
    const voice = await openVoice(vendor);
    for (const text of SENTENCES) voice.session.say(1, text);
    voice.session.finish(1);
    expect((await voice.over(1))?.kind).toBe('done');
    emulator.script.chunkMs = 200;
    const words = voice.events.flatMap((e) => (e.kind === 'audio' ? (e.words ?? []) : []));
    expect(words.map((word) => word.text).join(' ')).toBe(SENTENCES.join('').trim());
    let lastMs = 0;
    for (const { startMs, endMs } of words) {
      expect(startMs).toBeGreaterThanOrEqual(lastMs);
      expect(endMs).toBeGreaterThan(startMs);
      lastMs = startMs;
    }
    expect(words.at(-1)!.endMs).toBeLessThanOrEqual(voice.sound(1).length / 8);
  });

  test.for([110, 130, 150, 200, 250])(
    'gives an utterance up whose chunks of %i ms come in the wrong order, before any is heard',
    async (chunkMs) => {
      const remove = emulator.faults.add({ surface: 'multi', fault: { kind: 'wrong-order' } });
      emulator.script.chunkMs = chunkMs;
      onTestFinished(() => {
        emulator.script.chunkMs = 200;
        remove();
      });
      const voice = await openVoice(vendor);
      for (const text of SENTENCES) voice.session.say(1, text);
      voice.session.finish(1);
      const failed = { kind: 'utterance-failed', error: { failure: 'garbage' } };
      expect(await voice.over(1)).toMatchObject(failed);
      expect(voice.sound(1)).toHaveLength(0);
    },
  );

  test('a chunk that comes after what the vendor called the end is missed, not forgotten', async () => {
    const remove = emulator.faults.add({ surface: 'multi', fault: { kind: 'wrong-order' } });
    emulator.script.chunkMs = 10_000;
    onTestFinished(() => {
      emulator.script.chunkMs = 200;
      remove();
    });
    const voice = await openVoice(vendor);
    voice.session.say(1, SENTENCES[1]);
    voice.session.finish(1);
    expect(await voice.over(1)).toMatchObject({ kind: 'utterance-failed' });
  });

  test('asks for flash speech as μ-law with timings, at the pace of the options', async () => {
    await emulator.prepare(['Hola. '], { speed: 0.7, languageCode: 'es' });
    const voice = await openVoice(vendor, { language: 'es-US', speed: 0.5 });
    voice.session.say(1, 'Hola. ');
    const query = new URLSearchParams(emulator.log.all('connected').at(-1)?.query);
    expect(Object.fromEntries(query)).toEqual({
      model_id: 'eleven_flash_v2_5',
      language_code: 'es',
      output_format: 'ulaw_8000',
      auto_mode: 'true',
      sync_alignment: 'true',
      inactivity_timeout: '60',
    });
    voice.session.finish(1);
    // A speed below the vendor's range would be refused.
    expect((await voice.over(1))?.kind).toBe('done');
  });

  test('case 55: waits for a context where the vendor lets go of them slowly', async () => {
    emulator.script.finalDelayMs = 250;
    const voice = await openVoice(vendor, { firstByteTimeoutMs: 3_000 });
    const from = emulator.log.entries.length;
    for (let id = 1; id <= 6; id += 1) {
      voice.session.say(id, SENTENCES[0]);
      voice.session.cancel(id);
    }
    voice.session.say(7, SENTENCES[1]);
    voice.session.finish(7);
    expect((await voice.over(7))?.kind).toBe('done');
    emulator.script.finalDelayMs = 0;
    const opened = emulator.log.entries
      .slice(from)
      .flatMap((e) => (e.what === 'context-opened' ? [e.open] : []));
    // Utterances cancelled while they waited never reach the vendor.
    expect(opened).toHaveLength(5);
    expect(Math.max(...opened)).toBe(4);
  });

  test('case 55: gives the session up where the vendor never lets go', async () => {
    emulator.script.finalDelayMs = 60_000;
    const voice = await openVoice(vendor, { firstByteTimeoutMs: 300 });
    for (let id = 1; id <= 4; id += 1) {
      voice.session.say(id, SENTENCES[0]);
      voice.session.cancel(id);
    }
    voice.session.say(5, SENTENCES[1]);
    expect(await voice.over(5)).toMatchObject({ kind: 'failed', error: { failure: 'stalled' } });
    emulator.script.finalDelayMs = 0;
  });

  test('notices a half-open connection without speaking', async () => {
    const impatient = createElevenLabsSocket({
      apiKey: 'key',
      baseUrl: emulator.url,
      liveness: { pingEveryMs: 50, deadAfterMs: 200 },
    });
    const steady = await openVoice(impatient);
    const remove = emulator.faults.add({ fault: { kind: 'stop-reading' }, times: 1 });
    const dead = await openVoice(impatient);
    remove();
    expect(await dead.over(1, 1_000)).toMatchObject({
      kind: 'failed',
      error: { failure: 'stalled' },
    });
    await sleep(200);
    expect(steady.events).toEqual([]);
  });

  test('leaves no socket behind', async () => {
    const voice = await openVoice(vendor);
    const connection = emulator.log.all('connected').at(-1)!.connection;
    voice.session.say(1, SENTENCES[0]);
    voice.session.close();
    const gone = await emulator.log.waitFor(
      (e) => e.what === 'disconnected' && e.connection === connection,
    );
    expect(gone).toMatchObject({ code: 1000, by: 'client' });
  });
});
