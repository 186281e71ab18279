/** Fixed lines are sound before anybody calls: as recordings at once, in the companion's voice soon. */
import type { TtsVendor } from '../adapters/tts/port.ts';
import { commonGreetingParts } from '../src/companion/greeting.ts';
import { commonLines } from '../src/companion/lines.ts';
import { DEFAULT_MANNER } from '../src/companion/person.ts';
import type { SpeechCache } from './speech-cache.ts';

const LANGUAGES = ['en', 'es'] as const;

/** Puts the recordings behind every fixed line. Rejects when one is missing. */
export async function keepRecordings(
  cache: SpeechCache,
  recordings: TtsVendor,
  apologies: Readonly<Record<'en' | 'es', string>>,
): Promise<void> {
  for (const language of LANGUAGES) {
    await cache.keepRecordings(recordings, language, commonLines(language), apologies[language]);
  }
}

/**
 * Has the lines made that any call may need, one after the other, so that the greeting of a call
 * that comes meanwhile need not wait. Never rejects: failures show up in the breakers.
 */
export async function makeCommonLines(cache: SpeechCache, voiceId: string): Promise<void> {
  for (const language of LANGUAGES) {
    const manner = { voiceId, language, speed: DEFAULT_MANNER.speechSpeed };
    const lines = [...commonGreetingParts(language), ...commonLines(language)];
    for (const line of lines) await cache.prepareLasting(manner, line);
  }
}
