import { encodeMulawSample } from '../speech/mulaw.ts';
import { SAMPLE_RATE } from '../speech/types.ts';

const FORMAT_PCM = 1;
const FORMAT_MULAW = 7;

/**
 * The sound of a mono WAV file as 8 kHz μ-law. Takes μ-law at 8 kHz as it is, and 16-bit PCM at any
 * rate by linear interpolation, which is good enough for a telephone prompt. Throws on the rest.
 */
export function decodeWav(file: Uint8Array): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 12 || tag(view, 0) !== 'RIFF' || tag(view, 8) !== 'WAVE') {
    throw new Error('not a WAV file');
  }
  let format: { code: number; channels: number; rate: number; bits: number } | undefined;
  for (let at = 12; at + 8 <= file.length;) {
    const length = view.getUint32(at + 4, true);
    const body = at + 8;
    if (tag(view, at) === 'fmt ' && body + 16 <= file.length) {
      format = {
        code: view.getUint16(body, true),
        channels: view.getUint16(body + 2, true),
        rate: view.getUint32(body + 4, true),
        bits: view.getUint16(body + 14, true),
      };
    } else if (tag(view, at) === 'data' && format) {
      const end = Math.min(file.length, body + length);
      if (format.channels !== 1) throw new Error(`${format.channels} channels; mono expected`);
      if (format.code === FORMAT_MULAW && format.rate === SAMPLE_RATE) {
        return file.slice(body, end);
      }
      if (format.code === FORMAT_PCM && format.bits === 16 && format.rate > 0) {
        return resample(new DataView(file.buffer, file.byteOffset + body, end - body), format.rate);
      }
      throw new Error(`WAV format ${format.code}, ${format.bits} bit, ${format.rate} Hz`);
    }
    at = body + length + (length % 2);
  }
  throw new Error('WAV file without sound');
}

function resample(pcm: DataView, rate: number): Uint8Array {
  const samples = Math.floor(pcm.byteLength / 2);
  const out = new Uint8Array(Math.floor((samples * SAMPLE_RATE) / rate));
  for (let i = 0; i < out.length; i += 1) {
    const position = (i * rate) / SAMPLE_RATE;
    const left = Math.floor(position);
    const a = pcm.getInt16(left * 2, true);
    const b = left + 1 < samples ? pcm.getInt16((left + 1) * 2, true) : a;
    out[i] = encodeMulawSample(Math.round(a + (b - a) * (position - left)));
  }
  return out;
}

function tag(view: DataView, at: number): string {
  return String.fromCharCode(
    view.getUint8(at),
    view.getUint8(at + 1),
    view.getUint8(at + 2),
    view.getUint8(at + 3),
  );
}
