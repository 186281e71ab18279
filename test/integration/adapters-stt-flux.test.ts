import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDeepgramFlux } from '../../adapters/stt/deepgram-flux.ts';
import type { SttVendor } from '../../adapters/stt/port.ts';
import { startDeepgramEmulator } from '../../emulators/deepgram/server.ts';
import type { DeepgramEmulator } from '../../emulators/deepgram/types.ts';
import { buildUtterance } from '../../emulators/speech/utterance.ts';
import { openSession, play, sttContract, until } from './contract-stt.ts';

let emulator: DeepgramEmulator;
let vendor: SttVendor;

beforeAll(async () => {
  emulator = await startDeepgramEmulator();
  const liveness = { pingEveryMs: 150, deadAfterMs: 600 };
  vendor = await createDeepgramFlux({ apiKey: 'key', baseUrl: emulator.wsUrl, liveness });
});
afterAll(async () => emulator.close());

describe('Deepgram Flux', () => {
  sttContract(() => ({ emulator, surface: 'v2', vendor }));

  test('asks for what the options say', async () => {
    const { session } = await openSession(vendor, {
      language: 'es-US',
      keyterms: ['Rosa', 'Bob Smith'],
      endOfTurn: { eotThreshold: 0.8, eagerEotThreshold: undefined, eotTimeoutMs: 6_000 },
    });
    expect(emulator.log.all('connect').at(-1)?.query).toEqual({
      model: ['flux-general-multi'],
      language_hint: ['es'],
      encoding: ['mulaw'],
      sample_rate: ['8000'],
      eot_threshold: ['0.8'],
      eot_timeout_ms: ['6000'],
      keyterm: ['Rosa', 'Bob Smith'],
    });
    session.configure({ eotThreshold: 0.6, eagerEotThreshold: 0.4, eotTimeoutMs: 4_000 });
    const configured = await emulator.log.waitFor(
      (e) => e.what === 'sent' && e.name === 'ConfigureSuccess',
    );
    expect(configured).toMatchObject({
      message: {
        thresholds: { eot_threshold: 0.6, eager_eot_threshold: 0.4, eot_timeout_ms: 4_000 },
      },
    });
  });

  test('offers eager ends and takes them back', async () => {
    const { session, events, texts } = await openSession(vendor, {
      endOfTurn: { eotThreshold: 0.9, eagerEotThreshold: 0.5, eotTimeoutMs: 3_000 },
    });
    const utterance = await buildUtterance([
      { say: 'I went to the shop.', finality: 'complete' },
      { pauseMs: 260 },
      { say: 'And then home.' },
      { pauseMs: 3_000 },
    ]);
    await play(session, utterance.mulaw);
    await until(() => texts().length > 0, 2_000);
    const kinds = events.map((e) => e.kind).filter((kind) => kind !== 'partial');
    expect(kinds).toEqual(['started', 'eager-end', 'resumed', 'eager-end', 'end']);
    const end = events.at(-1);
    expect(end?.kind === 'end' && end.trigger).toBe('model');
    expect(end?.kind === 'end' && end.audioMs).toBeGreaterThan(utterance.lastWordEndMs);
  });
});
