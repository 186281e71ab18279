/**
 * From a synthesiser's WAV to telephone sound: resampled to 8 kHz behind a low-pass filter, trimmed,
 * brought to one loudness, coded as μ-law, with an estimate of where each word lies.
 */
import { encodeMulaw } from './mulaw.ts';
import { FRAME_BYTES, SAMPLE_RATE, type SpokenWord } from './types.ts';
import { placeWords } from './word-spans.ts';

/** About −20 dB of full scale over the voiced part, a usual telephone speech level. */
const TARGET_RMS = 3_200;
const PEAK = 30_000;
/** The telephone band ends at 3.4 kHz; the filter is down 6 dB here. */
const CUTOFF_HZ = 3_600;
const HALF_TAPS = 32;
const ENVELOPE_MS = 10;
const ENVELOPE_SAMPLES = (SAMPLE_RATE * ENVELOPE_MS) / 1_000;
/** 40 dB below the loud parts counts as silence. */
const SILENCE_RATIO = 0.01;

/** 16-bit mono samples and their rate from a RIFF/WAVE file. Sizes of streamed files may lie. */
export function readWav(wav: Uint8Array): { samples: Int16Array; sampleRate: number } {
  const view = new DataView(wav.buffer, wav.byteOffset, wav.byteLength);
  const tag = (at: number): string => String.fromCharCode(...wav.subarray(at, at + 4));
  if (wav.length < 44 || tag(0) !== 'RIFF' || tag(8) !== 'WAVE') throw new Error('not a WAV file');
  let sampleRate = 0;
  for (let at = 12; at + 8 <= wav.length;) {
    const body = at + 8;
    const bytes = Math.min(view.getUint32(at + 4, true), wav.length - body);
    if (tag(at) === 'fmt ') {
      sampleRate = view.getUint32(body + 4, true);
      if (view.getUint16(body + 2, true) !== 1 || view.getUint16(body + 14, true) !== 16) {
        throw new Error('only 16-bit mono WAV is understood');
      }
    }
    if (tag(at) === 'data') {
      const samples = new Int16Array(bytes >> 1);
      for (let i = 0; i < samples.length; i += 1) samples[i] = view.getInt16(body + 2 * i, true);
      return { samples, sampleRate };
    }
    at = body + bytes + (bytes & 1);
  }
  throw new Error('WAV file without data');
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Windowed-sinc polyphase resampling to 8 kHz. */
export function resampleTo8k(samples: Int16Array, fromRate: number): Float64Array {
  const common = gcd(fromRate, SAMPLE_RATE);
  const phases = SAMPLE_RATE / common;
  const step = fromRate / common;
  const taps = 2 * HALF_TAPS;
  const cutoff = Math.min(CUTOFF_HZ, fromRate / 2) / fromRate;
  const filter = new Float64Array(phases * taps);
  for (let phase = 0; phase < phases; phase += 1) {
    let sum = 0;
    for (let tap = 0; tap < taps; tap += 1) {
      const distance = tap - (HALF_TAPS - 1) - phase / phases;
      const angle = 2 * Math.PI * cutoff * distance;
      const sinc = distance === 0 ? 1 : Math.sin(angle) / angle;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * distance) / HALF_TAPS);
      filter[phase * taps + tap] = sinc * window;
      sum += sinc * window;
    }
    for (let tap = 0; tap < taps; tap += 1) {
      filter[phase * taps + tap] = (filter[phase * taps + tap] ?? 0) / sum;
    }
  }
  const out = new Float64Array(Math.floor((samples.length * phases) / step));
  for (let n = 0; n < out.length; n += 1) {
    const first = Math.floor((n * step) / phases) - (HALF_TAPS - 1);
    const row = ((n * step) % phases) * taps;
    let sum = 0;
    for (let tap = 0; tap < taps; tap += 1) {
      sum += (samples[first + tap] ?? 0) * (filter[row + tap] ?? 0);
    }
    out[n] = sum;
  }
  return out;
}

/** Root-mean-square level of each 10 ms. */
function envelopeOf(samples: Float64Array): Float64Array {
  const envelope = new Float64Array(Math.ceil(samples.length / ENVELOPE_SAMPLES));
  for (let i = 0; i < envelope.length; i += 1) {
    const piece = samples.subarray(i * ENVELOPE_SAMPLES, (i + 1) * ENVELOPE_SAMPLES);
    let sum = 0;
    for (const sample of piece) sum += sample * sample;
    envelope[i] = Math.sqrt(sum / piece.length);
  }
  return envelope;
}

/**
 * @param wav 16-bit mono, any rate.
 * @returns μ-law that begins with the first sound and ends with the last, in whole 20 ms frames,
 *   and the words of the text in it (not yet on the 20 ms grid). Empty when nothing is voiced.
 */
export function shapeSpeech(
  wav: Uint8Array,
  text: string,
): { mulaw: Uint8Array; words: SpokenWord[] } {
  const { samples, sampleRate } = readWav(wav);
  const resampled = resampleTo8k(samples, sampleRate);
  const envelope = envelopeOf(resampled);
  const loud = envelope.toSorted()[Math.floor(envelope.length * 0.95)] ?? 0;
  const isVoiced = (level: number): boolean => loud > 0 && level > loud * SILENCE_RATIO;
  const first = envelope.findIndex(isVoiced);
  if (first < 0) return { mulaw: new Uint8Array(), words: [] };
  const last = envelope.findLastIndex(isVoiced);

  let energy = 0;
  let voiced = 0;
  for (const level of envelope) {
    if (!isVoiced(level)) continue;
    energy += level * level;
    voiced += 1;
  }
  const gain = TARGET_RMS / Math.sqrt(energy / voiced);
  const sound = resampled.subarray(first * ENVELOPE_SAMPLES, (last + 1) * ENVELOPE_SAMPLES);
  const frames = Math.ceil(sound.length / FRAME_BYTES);
  const linear = new Int16Array(frames * FRAME_BYTES);
  for (let i = 0; i < sound.length; i += 1) {
    linear[i] = Math.round(Math.max(-PEAK, Math.min(PEAK, (sound[i] ?? 0) * gain)));
  }
  const voicing = [...envelope.subarray(first, last + 1)].map(isVoiced);
  return { mulaw: encodeMulaw(linear), words: placeWords(text, voicing, ENVELOPE_MS) };
}
