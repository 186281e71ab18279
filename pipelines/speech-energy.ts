/**
 * Whether somebody is speaking while the recogniser says nothing. Not a voice detector: a loudness
 * meter with an adaptive floor, cheap enough for every frame, used to notice deaf ears, and pauses
 * that may be the end of a turn. Nothing is decided by it that the recogniser should decide.
 */

const FRAME_BYTES = 160;
const FRAME_MS = 20;
const BYTES_PER_MS = 8;
/** Mean absolute level, of 32,768, below which nothing counts as speech. */
const MIN_SPEECH_LEVEL = 250;
/** Speech is this much louder than the room. */
const SPEECH_OVER_FLOOR = 4;
/** A pause of this length ends a run of speech. */
const RUN_GAP_FRAMES = 40;
/** So long after the last loud frame it is no gap between two syllables any more, ... */
const PAUSE_FROM_MS = 60;
/** ... and so long after it a turn that ends with it has been found to end. */
const PAUSE_UNTIL_MS = 1_000;

/** Somebody's speech without a longer pause; milliseconds of the audio that was metered. */
export type SpeechRun = {
  readonly startMs: number;
  /** The end of its last loud frame. */
  readonly endMs: number;
  /** How much of it was loud. */
  readonly loudMs: number;
};

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
  #nowMs = 0;
  #run: SpeechRun | undefined;

  /** The newest run of speech, which may still be going on. */
  get run(): SpeechRun | undefined {
    return this.#run;
  }

  /** Speech stopped a moment ago: the recogniser may be about to find that the turn is over. */
  get inPause(): boolean {
    if (this.#run === undefined) return false;
    const quietMs = this.#nowMs - this.#run.endMs;
    return quietMs >= PAUSE_FROM_MS && quietMs <= PAUSE_UNTIL_MS;
  }

  /** All audio so far, milliseconds. */
  get nowMs(): number {
    return this.#nowMs;
  }

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
    const startMs = this.#nowMs;
    this.#nowMs += (end - start) / BYTES_PER_MS;
    this.#floor += (level - this.#floor) * (level < this.#floor ? 0.1 : 0.001);
    if (level > Math.max(MIN_SPEECH_LEVEL, this.#floor * SPEECH_OVER_FLOOR)) {
      this.#speechMs += FRAME_MS;
      this.#loud(startMs);
      this.#quietFrames = 0;
    } else {
      this.#quietFrames += 1;
      if (this.#quietFrames >= RUN_GAP_FRAMES) this.#speechMs = 0;
    }
  }

  #loud(startMs: number): void {
    const run = this.#run;
    const isNew = run === undefined || startMs - run.endMs >= RUN_GAP_FRAMES * FRAME_MS;
    const before = isNew ? { startMs, loudMs: 0 } : run;
    this.#run = {
      startMs: before.startMs,
      endMs: this.#nowMs,
      loudMs: before.loudMs + FRAME_MS,
    };
  }
}
