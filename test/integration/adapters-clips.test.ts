/** The recorded lines keep the contract of the voices, with lines that were recorded. */
import { beforeAll, describe } from 'vitest';
import { createClips } from '../../adapters/tts/clips.ts';
import type { TtsVendor } from '../../adapters/tts/port.ts';
import { linesFor } from '../../src/companion/lines.ts';
import { voiceContract } from './contract-tts.ts';

const { 'lost-you': lostYou, goodbye } = linesFor('en', 'Hello.');

describe('recorded lines', () => {
  let vendor: TtsVendor;
  beforeAll(async () => {
    vendor = await createClips();
  });
  voiceContract(() => ({ vendor, sentences: [`${lostYou[0]} `, `${goodbye[0]} `] }));
});
