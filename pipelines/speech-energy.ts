/**
 * Whether somebody is speaking while the recogniser says nothing. Not a voice detector: a loudness
 * meter with an adaptive floor, cheap enough for every frame, used only to notice deaf ears.
 */

const FRAME_BYTES = 160;
const FRAME_MS = 20;
/** Mean absolute level, of 32,768, below which nothing counts as speech. */
const MIN_SPEECH_LEVEL = 250;
/** Speech is this much louder than the room. */
const SPEECH_OVER_FLOOR = 4;
/** A pause of this length ends a run of speech. */
const RUN_GAP_FRAMES = 40;

/** Magnitude of each μ-law code, G.711. */
const MAGNITUDE = Float32Array.from({ length: 256 }, (_, code) => {
  const inverted = ~code & 0xff;
  const exponent = (inverted >> 4) & 0x07;
  return ((((inverted & 0x0f) << 3) + 0x84) << exponent) - 0x84;
});

export class SpeechEnergy {
  #floor = 100;
  #speechMs = 0;
  #quietFrames = 0;

  /** Speech since the recogniser last said anything, milliseconds. */
  get unansweredMs(): number {
    return this.#speechMs;
  }

  /** The recogniser is alive. */
  heardSomething(): void {
    this.#speechMs = 0;
  }

  add(mulaw: Uint8Array): void {
    for (let start = 0; start < mulaw.length; start += FRAME_BYTES) {
      this.#addFrame(mulaw, start, Math.min(start + FRAME_BYTES, mulaw.length));
    }
  }

  #addFrame(mulaw: Uint8Array, start: number, end: number): void {
    let sum = 0;
    // Every fourth sample tells the loudness well enough.
    for (let at = start; at < end; at += 4) sum += MAGNITUDE[mulaw[at] ?? 0xff] ?? 0;
    const level = (sum * 4) / (end - start);
    this.#floor += (level - this.#floor) * (level < this.#floor ? 0.1 : 0.001);
    if (level > Math.max(MIN_SPEECH_LEVEL, this.#floor * SPEECH_OVER_FLOOR)) {
      this.#speechMs += FRAME_MS;
      this.#quietFrames = 0;
    } else {
      this.#quietFrames += 1;
      if (this.#quietFrames >= RUN_GAP_FRAMES) this.#speechMs = 0;
    }
  }
}
