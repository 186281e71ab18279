/**
 * Whether this process can take more calls, told by how late its event loop is.
 *
 * Calls that are live come first. A loop that is late for seconds on end is late for all of them, and
 * past that point things get worse quickly: every further call would cost all the others. A moment's
 * lateness (a collection, a busy neighbour) shuts nothing; what is shut opens again only when the
 * lateness has clearly gone, so that calls are not let in and turned away by turns.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';

export type LoadLimits = {
  /** Lateness of one loop turn in ten, milliseconds, from which a second counts as bad. */
  readonly lateMs: number;
  /** Below this a second counts as good. */
  readonly promptMs: number;
  /** Bad seconds in a row that shut the gate, and good ones that open it. */
  readonly badSeconds: number;
  readonly goodSeconds: number;
};

export const LOAD_LIMITS: LoadLimits = {
  // Twilio holds a second of our audio, so that nobody hears this yet; collections take a tenth of it.
  lateMs: 50,
  promptMs: 15,
  badSeconds: 3,
  goodSeconds: 5,
};

/** The decision, without the clock: fed with one measurement a second. */
export class LoadGate {
  readonly #limits: LoadLimits;
  #isShut = false;
  /** Seconds in a row that spoke for a change. */
  #streak = 0;
  #lateMs = 0;

  constructor(limits: LoadLimits = LOAD_LIMITS) {
    this.#limits = limits;
  }

  get isShut(): boolean {
    return this.#isShut;
  }

  /** The newest measurement, for the health page. */
  get lateMs(): number {
    return this.#lateMs;
  }

  /** How late one turn of the loop in ten was during the last second, milliseconds. */
  take(lateMs: number): void {
    const { lateMs: limitMs, promptMs, badSeconds, goodSeconds } = this.#limits;
    this.#lateMs = lateMs;
    const speaksForChange = this.#isShut ? lateMs < promptMs : lateMs >= limitMs;
    this.#streak = speaksForChange ? this.#streak + 1 : 0;
    if (this.#streak < (this.#isShut ? goodSeconds : badSeconds)) return;
    this.#isShut = !this.#isShut;
    this.#streak = 0;
  }
}

const RESOLUTION_MS = 10;
const PERIOD_MS = 1_000;

/** Measures this process's event loop into `gate` until the returned function is called. */
export function watchLoop(gate: LoadGate): () => void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const timer = setInterval(() => {
    // The histogram's own period is part of every value in it.
    gate.take(Math.max(0, histogram.percentile(90) / 1e6 - RESOLUTION_MS));
    histogram.reset();
  }, PERIOD_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    histogram.disable();
  };
}
