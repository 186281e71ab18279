/** The sounds that Twilio itself makes in a call: `<Say>` and `<Play>`. */
import { encodeMulawSample } from '../speech/mulaw.ts';
import { BYTES_PER_MS, SILENCE_BYTE, type Speech, type Voice } from '../speech/types.ts';
import type { Call } from './call.ts';
import { decodeWav } from './wav.ts';

/** Twilio fetches files of at most 40 MB; here a minute of sound is plenty. */
const MAX_FILE_BYTES = 8_000_000;
const FETCH_TIMEOUT_MS = 10_000;
const POLL_MS = 20;
/** What speech takes when no synthesiser is at hand. */
const MS_PER_CHARACTER = 65;

/** Speaks a text in Twilio's voice; the caller hears it like any other sound. */
export async function speakText(
  call: Call,
  text: string,
  language: string,
  loop: number,
): Promise<void> {
  if (text === '') return;
  const mulaw = (await synthesiseOrSilence(call, text, language)).mulaw;
  await playSound(call, 'say', mulaw, loop);
}

async function synthesiseOrSilence(call: Call, text: string, language: string): Promise<Speech> {
  const configured = call.host.options.sayVoice;
  const voice: Voice = configured ?? {
    name: language.toLowerCase().startsWith('es') ? 'es' : 'en-us',
    wordsPerMinute: 165,
    pitch: 50,
  };
  try {
    const { synthesise } = await import('../speech/synth.ts');
    return await synthesise(text, voice);
  } catch (error) {
    call.error(13520, `<Say> has no voice: ${error instanceof Error ? error.message : ''}`);
    const silence = new Uint8Array(text.length * MS_PER_CHARACTER * BYTES_PER_MS);
    return { mulaw: silence.fill(SILENCE_BYTE), words: [] };
  }
}

/** Fetches and plays a WAV file (μ-law 8 kHz or 16-bit PCM); 12400 when it is anything else. */
export async function playUrl(call: Call, url: string, loop: number): Promise<void> {
  const mulaw = await fetchSound(url).catch((error: unknown) => {
    call.error(12400, `${url}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  });
  if (mulaw) await playSound(call, 'play', mulaw, loop);
}

async function fetchSound(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok) throw new Error(`answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > MAX_FILE_BYTES) throw new Error('file is too long');
  return decodeWav(bytes);
}

/** `<Play digits>`: half a second a key, `w` is a pause of half a second. */
export async function playTones(call: Call, digits: string): Promise<void> {
  await call.pause(digits.length * 500);
}

async function playSound(
  call: Call,
  source: 'say' | 'play',
  mulaw: Uint8Array,
  loop: number,
): Promise<void> {
  // Zero means for ever, which here is a thousand times.
  const times = loop === 0 ? 1000 : loop;
  const { playout } = call.line;
  for (let time = 0; time < times && !call.interrupted; time += 1) {
    playout.begin(source);
    playout.push(mulaw);
    while (!playout.idle && (await call.pause(Math.max(POLL_MS, playout.bufferedMs()))));
  }
}

/** The beep of an answering machine: 1 kHz, half a second. */
export function beep(): Speech {
  const mulaw = new Uint8Array(500 * BYTES_PER_MS);
  for (let i = 0; i < mulaw.length; i += 1) {
    mulaw[i] = encodeMulawSample(Math.round(9_000 * Math.sin((2 * Math.PI * i) / 8)));
  }
  return { mulaw, words: [] };
}
