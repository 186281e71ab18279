/**
 * The one door into a call's core: facts queue up here, the core turns each into orders, the orders
 * are performed before the next fact is taken. Also the core's alarm clock and the meter of our own
 * work.
 */
import { resumeCall, type CallSnapshot } from '../src/conversation/resume.ts';
import { startCall, step } from '../src/conversation/step.ts';
import type { CallState } from '../src/conversation/state.ts';
import type { Effect, Input, Settings } from '../src/conversation/types.ts';
import type { WorkFigures } from '../src/events.ts';

/** Facts that may wait; a call that has more has gone mad, and newer ones are dropped. */
const MAX_WAITING = 2_000;
/** Of the newest facts; a call of ten minutes has many times as many, and memory is per call. */
const MAX_SAMPLES = 2_000;
/** Timers may be late but not early, and need not be set further ahead than this. */
const MAX_SLEEP_MS = 60_000;
/** A timer that is later than this met a pause. */
const LATE_MS = 50;

export type InboxOptions = {
  readonly settings: Settings;
  readonly now: () => number;
  /** Performs one order. What it learns comes back through `put`. */
  readonly perform: (effect: Effect) => void;
  /** After all orders of a fact were given. */
  readonly onStep?: (input: Input, effects: readonly Effect[]) => void;
  /** The call goes on from here, and its time with it. */
  readonly resumed?: CallSnapshot | undefined;
  /** The core or an order threw, which is a defect: no fact is taken after this. Called once. */
  readonly onDefect: (error: unknown) => void;
};

export class Inbox {
  readonly #options: InboxOptions;
  readonly #waiting: Input[] = [];
  readonly #workMs: number[] = [];
  #worked = 0;
  #state: CallState;
  #begun: boolean;
  #busy = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  /** When the core wants to be woken, and when the timer rings. */
  #wakeAt: number | undefined;
  #ringsAt = 0;
  #dropped = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
    const { settings, resumed, now } = options;
    this.#begun = resumed !== undefined;
    this.#state = resumed ? resumeCall(settings, resumed, now()) : startCall(settings, now());
  }

  get state(): CallState {
    return this.#state;
  }

  /** Facts that were dropped because too many were waiting. */
  get dropped(): number {
    return this.#dropped;
  }

  put(input: Input): void {
    if (this.#closed) return;
    // A call's time is counted from the first thing that happens in it, not from the first ringing.
    if (!this.#begun) this.#state = startCall(this.#options.settings, this.#options.now());
    this.#begun = true;
    if (this.#waiting.length >= MAX_WAITING) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(input);
    if (!this.#busy) this.#drain();
  }

  /** No fact is taken after this. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    clearTimeout(this.#timer);
  }

  work(): WorkFigures {
    const sorted = this.#workMs.toSorted((a, b) => a - b);
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      count: this.#worked,
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      max: sorted.at(-1) ?? 0,
    };
  }

  #drain(): void {
    this.#busy = true;
    const beganAt = performance.now();
    let wakeAt: number | undefined;
    try {
      for (let input = this.#waiting.shift(); input; input = this.#waiting.shift()) {
        const result = step(this.#state, input, this.#options.now());
        this.#state = result.state;
        wakeAt = result.wakeAt;
        for (const effect of result.effects) this.#options.perform(effect);
        this.#options.onStep?.(input, result.effects);
      }
    } catch (error) {
      this.close();
      this.#options.onDefect(error);
      return;
    }
    this.#busy = false;
    this.#workMs[this.#worked % MAX_SAMPLES] = performance.now() - beganAt;
    this.#worked += 1;
    this.#sleepUntil(wakeAt);
  }

  /**
   * An alarm that rings too early costs less than one set anew with every fact, of which there are
   * dozens a second: it is only moved when it would ring too late.
   */
  #sleepUntil(wakeAt: number | undefined): void {
    this.#wakeAt = wakeAt;
    if (wakeAt === undefined || this.#closed) return;
    if (this.#timer !== undefined && this.#ringsAt <= wakeAt) return;
    clearTimeout(this.#timer);
    const now = this.#options.now();
    const ms = Math.min(MAX_SLEEP_MS, Math.max(1, Math.ceil(wakeAt - now)));
    this.#ringsAt = now + ms;
    this.#timer = setTimeout(() => this.#ring(), ms);
  }

  /** After a pause of this process, what its sockets have for the core goes first. */
  #ring(): void {
    const isLate = this.#options.now() - this.#ringsAt > LATE_MS;
    if (isLate) setImmediate(() => this.#wake());
    else this.#wake();
  }

  #wake(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const wakeAt = this.#wakeAt;
    if (wakeAt === undefined) return;
    if (this.#options.now() >= wakeAt) this.put({ kind: 'tick' });
    else this.#sleepUntil(wakeAt);
  }
}
