import { describe, expect, it } from 'vitest';
import type { TtsOptions, TtsVendor } from '../../adapters/tts/port.ts';
import { SpeechCache } from '../../pipelines/speech-cache.ts';

const MANNER = { voiceId: 'v', language: 'en', speed: 1 };

/** A voice that says every text in one piece of 20 ms, and counts. */
function countingVoice(): { vendor: TtsVendor; said: string[] } {
  const said: string[] = [];
  const vendor: TtsVendor = {
    vendor: 'clips',
    open: async ({ onEvent }: TtsOptions) => ({
      vendor: 'clips',
      say: (utterance, text) => {
        said.push(text);
        const base64 = Buffer.alloc(160).toString('base64');
        const words = [{ text, startMs: 0, endMs: 20 }];
        onEvent({ kind: 'audio', utterance, base64, bytes: 160, words });
      },
      finish: (utterance) => onEvent({ kind: 'done', utterance }),
      cancel: () => undefined,
      close: () => undefined,
    }),
  };
  return { vendor, said };
}

describe('speech that is known before it is needed', () => {
  it('keeps what any call may need, however many people call', async () => {
    const { vendor } = countingVoice();
    const cache = new SpeechCache([vendor]);
    await cache.prepareLasting(MANNER, 'Let me think.');
    for (let person = 0; person < 500; person += 1) {
      await cache.prepare(MANNER, `Good morning, number ${person}.`);
    }
    expect(cache.get(MANNER, 'Let me think.')).toBeDefined();
    expect(cache.get(MANNER, 'Good morning, number 0.')).toBeUndefined();
    expect(cache.get(MANNER, 'Good morning, number 499.')).toBeDefined();
  });

  it('makes a part that many greetings share once, and joins the parts with a breath', async () => {
    const { vendor, said } = countingVoice();
    const cache = new SpeechCache([vendor]);
    await cache.prepareParts(MANNER, ['Good morning, Ann.', 'How are you?']);
    await cache.prepareParts(MANNER, ['Good morning, Bea.', 'How are you?']);
    expect(said.filter((text) => text === 'How are you?')).toHaveLength(1);
    const greeting = cache.get(MANNER, 'Good morning, Bea. How are you?');
    expect(greeting?.totalMs).toBe(20 + 160 + 20);
    expect(greeting?.words?.map(({ startMs }) => startMs)).toEqual([0, 180]);
  });
});
