/** Plays μ-law as it arrives, a little behind, so that uneven arrival is not heard. */

const SAMPLE_RATE = 8000;
/** How far behind the newest sound the ear is kept. */
const LEAD_SECONDS = 0.12;
/** Further behind than this, sound is skipped to catch up. */
const MAX_LEAD_SECONDS = 0.6;

const table = new Float32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  const inverted = ~byte & 0xff;
  const exponent = (inverted >> 4) & 7;
  const magnitude = ((((inverted & 0x0f) << 3) + 0x84) << exponent) - 0x84;
  table[byte] = ((inverted & 0x80) === 0 ? magnitude : -magnitude) / 32768;
}

/** @param {Uint8Array} mulaw */
export function decodeMulaw(mulaw) {
  const samples = new Float32Array(mulaw.length);
  for (let i = 0; i < mulaw.length; i += 1) samples[i] = table[mulaw[i]];
  return samples;
}

/** @param {Float32Array} samples */
export function loudness(samples) {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return peak;
}

export class Earpiece {
  #context;
  #playedTo = 0;

  /** Browsers allow sound only after a click: call this from one. */
  async open() {
    this.#context ??= new AudioContext();
    await this.#context.resume();
  }

  /**
   * @param {Uint8Array} mulaw
   * @returns {number} its loudness, 0 to 1
   */
  play(mulaw) {
    const samples = decodeMulaw(mulaw);
    const level = loudness(samples);
    const context = this.#context;
    if (context?.state !== 'running') return level;
    const now = context.currentTime;
    if (this.#playedTo > now + MAX_LEAD_SECONDS) return level;
    if (this.#playedTo < now) this.#playedTo = now + LEAD_SECONDS;
    const buffer = context.createBuffer(1, samples.length, SAMPLE_RATE);
    buffer.copyToChannel(samples, 0);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.start(this.#playedTo);
    this.#playedTo += samples.length / SAMPLE_RATE;
    return level;
  }
}
