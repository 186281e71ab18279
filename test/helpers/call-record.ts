/** What tests of the session store's users have in common; timers are vitest's. */
import { vi } from 'vitest';
import type { CallRecord } from '../../src/store/session-store.ts';

export const callRecord = (change: Partial<CallRecord> = {}): CallRecord => ({
  callSid: 'CA1',
  direction: 'inbound',
  phase: 'live',
  epoch: 1,
  owner: 'a',
  resumeCount: 0,
  startedAtMs: Date.now(),
  ...change,
});

/** Lets everything that is under way without a timer of any length come to its end. */
export async function breathe(): Promise<void> {
  for (let n = 0; n < 10; n += 1) await vi.advanceTimersByTimeAsync(0);
}
