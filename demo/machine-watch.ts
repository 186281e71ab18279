/**
 * Watches whether this process, with the emulators in it, is let run when it wants to. On a busy or
 * shared machine it is not, and then what was measured meanwhile says nothing about the server.
 */
import { readFileSync } from 'node:fs';
import { monotonicMs } from '../emulators/clock.ts';

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
    const [start, end] = [this.#cpuAtStart, this.#cpuAtEnd];
    if (!start || !end || end.total <= start.total) return undefined;
    return Math.round(((end.steal - start.steal) / (end.total - start.total)) * 1_000) / 10;
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

type CpuTimes = { readonly steal: number; readonly total: number };

const STEAL_FIELD = 7;

function readCpuTimes(): CpuTimes | undefined {
  try {
    const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
    // user nice system idle iowait irq softirq steal; what follows is part of the first two.
    const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
    const total = fields.reduce((sum, field) => sum + field, 0);
    return { steal: fields[STEAL_FIELD] ?? 0, total };
  } catch {
    return undefined;
  }
}

/** How much of a window was lost to hold-ups, milliseconds. */
export function heldUpWithin(holdUps: readonly HoldUp[], fromMs: number, toMs: number): number {
  return holdUps.reduce(
    (sum, each) => sum + Math.max(0, Math.min(toMs, each.toMs) - Math.max(fromMs, each.fromMs)),
    0,
  );
}
