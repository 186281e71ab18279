/** Danger in a caller's words becomes an alert at once, whatever else is going on. */

import { emit, update, type Work } from './state.ts';
import type { Signal, TurnId } from './types.ts';

/** Raises one alert per turn and category. */
export function raiseAlerts(
  work: Work,
  turnId: TurnId | undefined,
  signals: readonly Signal[],
): void {
  for (const signal of signals) {
    if (signal.severity !== 'high') continue;
    const key = `${turnId ?? ''}:${signal.category}`;
    if (work.state.alerted.includes(key)) continue;
    update(work, { alerted: [...work.state.alerted, key] });
    emit(work, { kind: 'raise-alert', turnId, signal });
  }
}
