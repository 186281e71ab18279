import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDeepgramNova } from '../../adapters/stt/deepgram-nova.ts';
import type { SttVendor } from '../../adapters/stt/port.ts';
import { startDeepgramEmulator } from '../../emulators/deepgram/server.ts';
import type { DeepgramEmulator } from '../../emulators/deepgram/types.ts';
import { openSession, sttContract } from './contract-stt.ts';

let emulator: DeepgramEmulator;
let vendor: SttVendor;

beforeAll(async () => {
  emulator = await startDeepgramEmulator({ noAudioMs: 4_500 });
  const liveness = { pingEveryMs: 150, deadAfterMs: 600 };
  vendor = await createDeepgramNova({ apiKey: 'key', baseUrl: emulator.wsUrl, liveness });
});
afterAll(async () => emulator.close());

describe('Deepgram nova-3', () => {
  sttContract(() => ({ emulator, surface: 'v1', vendor }));

  test('keeps a session without audio alive', async () => {
    const from = emulator.log.entries.length;
    const { events } = await openSession(vendor);
    const isKeepAlive = (): number =>
      emulator.log.entries
        .slice(from)
        .filter((e) => e.what === 'control' && JSON.stringify(e.message).includes('KeepAlive'))
        .length;
    await new Promise((resolve) => setTimeout(resolve, 6_300));
    expect(isKeepAlive()).toBe(2);
    expect(events).toEqual([]);
  });
});
