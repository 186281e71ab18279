import { embedWords, nextUtteranceId } from '../../emulators/speech/inband.ts';
import { encodeMulawSample } from '../../emulators/speech/mulaw.ts';
import { BYTES_PER_MS, FRAME_MS, type Speech } from '../../emulators/speech/types.ts';

/** Bytes of a plain, audible tone without words. */
export function tone(durationMs: number): Uint8Array {
  return Uint8Array.from({ length: durationMs * BYTES_PER_MS }, (_, i) =>
    encodeMulawSample(Math.round(8_000 * Math.sin((2 * Math.PI * i) / 20))),
  );
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
