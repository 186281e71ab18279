/** What the helper processes of a run have in common. */
import { monotonicMs } from '../../emulators/clock.ts';
import type { Notice, Order, Stamped } from './messages.ts';
import { hundredth } from './stats.ts';

/** How often this process looks how late it is; part of no value. */
const LOOK_EVERY_MS = 5;
/** Ten minutes of looks; the older half is forgotten then. */
const MAX_SAMPLES = 120_000;

export function tell(notice: Notice): void {
  process.send?.(notice);
}

/** Measurements as they come. */
export class Stamps {
  #atMs: number[] = [];
  #ms: number[] = [];

  add(ms: number, atMs: number = monotonicMs()): void {
    if (this.#ms.length >= MAX_SAMPLES) {
      this.#atMs.splice(0, MAX_SAMPLES / 2);
      this.#ms.splice(0, MAX_SAMPLES / 2);
    }
    this.#atMs.push(hundredth(atMs));
    this.#ms.push(hundredth(ms));
  }

  reset(): void {
    [this.#atMs, this.#ms] = [[], []];
  }

  all(): Stamped {
    return { atMs: this.#atMs, ms: this.#ms };
  }
}

/** How late this process's own event loop is. */
export function watchLoopLag(): Stamps {
  const lag = new Stamps();
  let last = monotonicMs();
  setInterval(() => {
    const now = monotonicMs();
    lag.add(Math.max(0, now - last - LOOK_EVERY_MS), now);
    last = now;
  }, LOOK_EVERY_MS).unref();
  return lag;
}

/** Obeys orders until the conductor is gone, which ends the process. */
export function obey(handlers: Partial<Record<Order['order'], (order: Order) => void>>): void {
  process.on('message', (order: Order) => handlers[order.order]?.(order));
  process.on('disconnect', () => process.exit(0));
}
