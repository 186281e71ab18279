/** Danger in a caller's words becomes an alert at once, whatever else is going on. */

import { emit, note, update, type CallState, type Work } from './state.ts';
import type { Signal, TurnId } from './types.ts';

/** The carrier ends a call that we place three minutes after our own limit. */
const MORE_IN_DANGER_MS = 120_000;

/** Raises one alert per turn and category. */
export function raiseAlerts(
  work: Work,
  turnId: TurnId | undefined,
  signals: readonly Signal[],
): void {
  for (const signal of signals) {
    if (!isGrave(signal)) continue;
    const key = `${turnId ?? ''}:${signal.category}`;
    if (work.state.alerted.includes(key)) continue;
    update(work, { alerted: [...work.state.alerted, key] });
    emit(work, { kind: 'raise-alert', turnId, signal });
    takeBackGoodbye(work);
  }
}

export function isGrave({ severity }: Signal): boolean {
  return severity === 'high';
}

/** Time is up for a talk, and not for this. */
function takeBackGoodbye(work: Work): void {
  const { ending } = work.state;
  const isOurs = ending.at === 'last-words' && ['idle', 'time-limit'].includes(ending.reason);
  if (!isOurs || work.now >= limitAt(work.state)) return;
  update(work, { ending: { at: 'none' } });
  note(work, { what: 'ending-cancelled' });
}

/** In this call there was a cry for help: it is not the line that ends it. */
export function isInDanger({ alerted }: CallState): boolean {
  return alerted.length > 0;
}

/** When the call is to end, however good the talk. */
export function limitAt(state: CallState): number {
  const { startedAt, settings } = state;
  return startedAt + settings.endAfterMs + (isInDanger(state) ? MORE_IN_DANGER_MS : 0);
}
