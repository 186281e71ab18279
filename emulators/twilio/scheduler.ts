import { monotonicMs } from '../clock.ts';
import { FRAME_MS } from '../speech/types.ts';

/** Woken at every frame boundary of its grid; it works out itself how many frames are due. */
export type FrameSink = { advanceTo(nowMs: number): void };

const SLOTS = 10;
const SLOT_MS = FRAME_MS / SLOTS;

type Slot = { sinks: Set<FrameSink>; dueMs: number };

/**
 * The one timer behind all calls. Calls are spread over ten phases of 2 ms so that hundreds of
 * them do not all fall due at once. Due times are computed from one epoch and never from the time
 * a timer happened to fire, so the grid does not drift.
 */
export class FrameScheduler {
  readonly #epochMs = monotonicMs();
  readonly #slots: Slot[] = Array.from({ length: SLOTS }, () => ({ sinks: new Set(), dueMs: 0 }));
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Infinity;

  /**
   * Puts a sink on the least crowded phase. Returns the stamp of its first frame, which is at most
   * 20 ms ahead, and the function that takes it off again.
   */
  add(sink: FrameSink): { firstFrameAtMs: number; remove: () => void } {
    let index = 0;
    this.#slots.forEach((slot, i) => {
      if (slot.sinks.size < (this.#slots[index]?.sinks.size ?? 0)) index = i;
    });
    const slot = this.#slots[index];
    if (!slot) throw new Error('the scheduler has no phases');
    if (slot.sinks.size === 0) slot.dueMs = this.#nextDueMs(index, monotonicMs());
    slot.sinks.add(sink);
    this.#arm();
    return {
      firstFrameAtMs: slot.dueMs,
      remove: () => {
        slot.sinks.delete(sink);
        this.#arm();
      },
    };
  }

  close(): void {
    for (const slot of this.#slots) slot.sinks.clear();
    this.#arm();
  }

  #nextDueMs(index: number, nowMs: number): number {
    const phaseMs = this.#epochMs + index * SLOT_MS;
    return phaseMs + (Math.floor((nowMs - phaseMs) / FRAME_MS) + 1) * FRAME_MS;
  }

  #arm(): void {
    let dueMs = Infinity;
    for (const slot of this.#slots) if (slot.sinks.size > 0) dueMs = Math.min(dueMs, slot.dueMs);
    if (dueMs === this.#timerDueMs && this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerDueMs = dueMs;
    if (dueMs === Infinity) return;
    this.#timer = setTimeout(() => this.#run(), Math.max(0, dueMs - monotonicMs()));
  }

  #run(): void {
    this.#timer = undefined;
    this.#slots.forEach((slot, index) => {
      const nowMs = monotonicMs();
      if (slot.sinks.size === 0 || slot.dueMs > nowMs) return;
      for (const sink of slot.sinks) sink.advanceTo(nowMs);
      slot.dueMs = this.#nextDueMs(index, nowMs);
    });
    this.#arm();
  }
}
