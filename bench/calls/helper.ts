/** What the helper processes of a run have in common. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Notice, Order } from './messages.ts';

/** The histogram's own period, which is part of every value in it. */
const RESOLUTION_MS = 5;

export function tell(notice: Notice): void {
  process.send?.(notice);
}

export type LoopLag = { p99Ms(): number; reset(): void };

/** How late this process's own event loop is. */
export function watchLoopLag(): LoopLag {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  return {
    p99Ms: () => Math.max(0, histogram.percentile(99) / 1e6 - RESOLUTION_MS),
    reset: () => histogram.reset(),
  };
}

/** Obeys orders until the conductor is gone, which ends the process. */
export function obey(handlers: Partial<Record<Order['order'], (order: Order) => void>>): void {
  process.on('message', (order: Order) => handlers[order.order]?.(order));
  process.on('disconnect', () => process.exit(0));
}
