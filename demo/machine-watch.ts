/**
 * Watches whether this process, with the emulators in it, is let run when it wants to. On a busy or
 * shared machine it is not, and then what was measured meanwhile says nothing about the server.
 */
import { monotonicMs } from '../emulators/clock.ts';
import { readCpuTimes, stealPercent, type CpuTimes } from '../scripts/host-share.ts';

/** A stretch in which this process should have run and did not. Monotonic milliseconds. */
export type HoldUp = { readonly fromMs: number; readonly toMs: number };

const TICK_MS = 10;
/** Timers are a few milliseconds late on a quiet machine too. */
const ORDINARY_LATENESS_MS = 8;
const MAX_HOLD_UPS = 100_000;

export class MachineWatch {
  readonly holdUps: HoldUp[] = [];
  #timer: NodeJS.Timeout | undefined;
  #dueAtMs = 0;
  #cpuAtStart: CpuTimes | undefined;
  #cpuAtEnd: CpuTimes | undefined;

  start(): void {
    this.#cpuAtStart ??= readCpuTimes();
    this.#dueAtMs = monotonicMs() + TICK_MS;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#cpuAtEnd = readCpuTimes();
  }

  /** The longest hold-up so far, milliseconds. */
  longestMs(): number {
    return this.holdUps.reduce((most, { fromMs, toMs }) => Math.max(most, toMs - fromMs), 0);
  }

  /** Share of the processors' time that the host kept for others; undefined where unknown. */
  stealPercent(): number | undefined {
    return stealPercent(this.#cpuAtStart, this.#cpuAtEnd);
  }

  #tick(): void {
    const nowMs = monotonicMs();
    const late = nowMs - this.#dueAtMs > ORDINARY_LATENESS_MS;
    if (late && this.holdUps.length < MAX_HOLD_UPS) {
      this.holdUps.push({ fromMs: this.#dueAtMs, toMs: nowMs });
    }
    this.#dueAtMs = nowMs + TICK_MS;
  }
}

/** How much of a window was lost to hold-ups, milliseconds. */
export function heldUpWithin(holdUps: readonly HoldUp[], fromMs: number, toMs: number): number {
  return holdUps.reduce(
    (sum, each) => sum + Math.max(0, Math.min(toMs, each.toMs) - Math.max(fromMs, each.fromMs)),
    0,
  );
}
