/**
 * G.711 μ-law (ITU-T G.711, Sun's well-known formulation): 16-bit linear samples to bytes and back
 * by table, because every emulated call passes through here.
 */

const BIAS = 0x84;
const CLIP = 32_635;

function encodeSlowly(sample: number): number {
  const sign = sample < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(sample), CLIP) + BIAS;
  // The biased magnitude is at least 0x84, so its highest bit is between 7 and 14.
  const exponent = 31 - Math.clz32(magnitude) - 7;
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}

function decodeSlowly(byte: number): number {
  const inverted = ~byte & 0xff;
  const exponent = (inverted >> 4) & 0x07;
  const magnitude = ((((inverted & 0x0f) << 3) + BIAS) << exponent) - BIAS;
  return (inverted & 0x80) !== 0 ? -magnitude : magnitude;
}

const encodeTable = new Uint8Array(65_536);
const decodeTable = new Int16Array(256);
for (let sample = -32_768; sample <= 32_767; sample += 1) {
  encodeTable[sample & 0xffff] = encodeSlowly(sample);
}
for (let byte = 0; byte < 256; byte += 1) decodeTable[byte] = decodeSlowly(byte);

/** One linear sample (−32 768…32 767) as its μ-law byte. */
export function encodeMulawSample(sample: number): number {
  return encodeTable[sample & 0xffff] ?? 0xff;
}

/** One μ-law byte as its linear sample (−32 124…32 124). */
export function decodeMulawSample(byte: number): number {
  return decodeTable[byte & 0xff] ?? 0;
}

/** Linear 16-bit samples as μ-law, one byte per sample. */
export function encodeMulaw(samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length);
  for (let i = 0; i < samples.length; i += 1) {
    bytes[i] = encodeTable[(samples[i] ?? 0) & 0xffff] ?? 0xff;
  }
  return bytes;
}

/** μ-law bytes as linear 16-bit samples. */
export function decodeMulaw(bytes: Uint8Array): Int16Array {
  const samples = new Int16Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) samples[i] = decodeTable[bytes[i] ?? 0xff] ?? 0;
  return samples;
}
