/**
 * Makes the recorded clips: `node adapters/tts/clips/make.ts`. To be run again whenever a fixed line
 * changes; a unit test says so. It needs the synthesiser of the emulators and is no part of the
 * server. Output: `clips.jsonl`, the index, and `en.ulaw` and `es.ulaw`, the sound.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { embedWords } from '../../../emulators/speech/inband-encode.ts';
import { COMPANION_EN, COMPANION_ES, synthesiseSound } from '../../../emulators/speech/synth.ts';
import { commonLines } from '../../../src/companion/lines.ts';
import { APOLOGY } from '../clips.ts';
import type { ClipEntry } from '../clips.ts';

const VOICES = { en: COMPANION_EN, es: COMPANION_ES } as const;
/** In-band ids of the clips: far from those that a running emulator hands out from 1. */
const FIRST_UTTERANCE = 60_000;

const index: ClipEntry[] = [];
for (const language of ['en', 'es'] as const) {
  const parts: Uint8Array[] = [];
  let startByte = 0;
  for (const text of new Set([APOLOGY[language], ...commonLines(language)])) {
    const sound = await synthesiseSound(text, VOICES[language]);
    const words = sound.words.map((word, i) => ({
      ...word,
      finality: i === sound.words.length - 1 ? ('complete' as const) : ('holding' as const),
    }));
    const mulaw = embedWords(sound.mulaw, words, FIRST_UTTERANCE + index.length);
    index.push({ language, text, startByte, bytes: mulaw.length, words: sound.words });
    parts.push(mulaw);
    startByte += mulaw.length;
  }
  await writeFile(join(import.meta.dirname, `${language}.ulaw`), Buffer.concat(parts));
}
const lines = index.map((entry) => JSON.stringify(entry));
await writeFile(join(import.meta.dirname, 'clips.jsonl'), `${lines.join('\n')}\n`);
console.log(`${index.length} clips`);
process.exit(0);
