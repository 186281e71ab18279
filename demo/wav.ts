import { decodeMulaw } from '../emulators/speech/mulaw.ts';
import { SAMPLE_RATE } from '../emulators/speech/types.ts';
import type { CallRecording } from '../emulators/twilio/types.ts';

const HEADER_BYTES = 44;
const CHANNELS = 2;
const BYTES_PER_SAMPLE = 2;
const FORMAT_PCM = 1;

/** A call as a stereo WAV file, 8 kHz, 16-bit PCM: the caller on the left, the companion right. */
export function stereoWav(recording: CallRecording): Uint8Array {
  const left = decodeMulaw(recording.caller);
  const right = decodeMulaw(recording.companion);
  const frames = Math.max(left.length, right.length);
  const blockBytes = CHANNELS * BYTES_PER_SAMPLE;
  const file = new Uint8Array(HEADER_BYTES + frames * blockBytes);
  const view = new DataView(file.buffer);
  const tag = (at: number, text: string): void => {
    for (const [i, char] of [...text].entries()) view.setUint8(at + i, char.charCodeAt(0));
  };
  tag(0, 'RIFF');
  view.setUint32(4, file.length - 8, true);
  tag(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, FORMAT_PCM, true);
  view.setUint16(22, CHANNELS, true);
  view.setUint32(24, SAMPLE_RATE, true);
  view.setUint32(28, SAMPLE_RATE * blockBytes, true);
  view.setUint16(32, blockBytes, true);
  view.setUint16(34, BYTES_PER_SAMPLE * 8, true);
  tag(36, 'data');
  view.setUint32(40, frames * blockBytes, true);
  for (let i = 0; i < frames; i += 1) {
    const at = HEADER_BYTES + i * blockBytes;
    view.setInt16(at, left[i] ?? 0, true);
    view.setInt16(at + BYTES_PER_SAMPLE, right[i] ?? 0, true);
  }
  return file;
}

/** Loudness over time: for each of `buckets` slices of a μ-law track, its peak from 0 to 1. */
export function peaks(mulaw: Uint8Array, buckets: number): number[] {
  const samples = decodeMulaw(mulaw);
  const size = samples.length / buckets;
  return Array.from({ length: buckets }, (_, bucket) => {
    let peak = 0;
    for (let i = Math.floor(bucket * size); i < Math.floor((bucket + 1) * size); i += 1) {
      peak = Math.max(peak, Math.abs(samples[i] ?? 0));
    }
    return Math.round((peak / 32_768) * 1_000) / 1_000;
  });
}
