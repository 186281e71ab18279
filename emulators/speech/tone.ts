/**
 * Speech that costs nothing: a tone that carries its words in-band. A listener that reads words from
 * the sound understands it as well as synthesised speech; nobody else would. For load tests and for
 * tests in which the sound does not matter.
 */
import { embedWords, nextUtteranceId } from './inband-encode.ts';
import { encodeMulawSample } from './mulaw.ts';
import type { Sound } from './synth-types.ts';
import { BYTES_PER_MS, FRAME_MS, type Speech } from './types.ts';
import { splitWords } from './word-spans.ts';

/** Twenty samples: 400 Hz. */
const PERIOD = Uint8Array.from({ length: 20 }, (_, i) =>
  encodeMulawSample(Math.round(8_000 * Math.sin((2 * Math.PI * i) / 20))),
);

/** Bytes of a plain, audible tone without words. */
export function tone(durationMs: number): Uint8Array {
  const bytes = new Uint8Array(durationMs * BYTES_PER_MS);
  for (let at = 0; at < bytes.length; at += PERIOD.length) {
    bytes.set(PERIOD.subarray(0, Math.min(PERIOD.length, bytes.length - at)), at);
  }
  return bytes;
}

/** The sound of a text at a pace in words a minute, every word equally long; no words embedded. */
export function toneSound(text: string, wordsPerMinute: number): Sound {
  const wordMs = FRAME_MS * Math.max(1, Math.round(60_000 / wordsPerMinute / FRAME_MS));
  const words = splitWords(text).map((word, index) => ({
    text: word,
    startMs: index * wordMs,
    endMs: (index + 1) * wordMs,
  }));
  return { mulaw: tone(words.length * wordMs), words };
}

/** Words carried in-band by a tone, each `wordMs` long: speech that needs no synthesiser. */
export function toneSpeech(text: string, wordMs = 200): Speech {
  const words = text.split(' ').map((word, index) => ({
    text: word,
    startMs: index * wordMs,
    endMs: (index + 1) * wordMs,
  }));
  const mulaw = tone(Math.ceil((words.length * wordMs) / FRAME_MS) * FRAME_MS);
  const embedded = words.map((word, index) => ({
    ...word,
    finality: index === words.length - 1 ? ('complete' as const) : ('holding' as const),
  }));
  return { mulaw: embedWords(mulaw, embedded, nextUtteranceId()), words };
}
