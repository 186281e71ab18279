/** How the calls of a process come to their end with it: moved to another instance, or wound up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../src/events.ts';
import type { CallSessions } from './call-sessions.ts';
import type { Calls } from './calls.ts';

/** What balancers need to see that this instance is no longer ready; those in docs look each second. */
const NOTICE_MS = 2_000;
const NOTICE_SHARE = 0.1;

/**
 * No new calls from now on. Live ones are moved at the next boundary where another instance takes
 * them, else wound up with a goodbye. Resolves when none is left or the deadline (monotonic) has
 * passed. Never rejects.
 */
export async function drainCalls(
  calls: Pick<Calls, 'refuseNew' | 'drain' | 'active'>,
  sessions: Pick<CallSessions, 'withdraw' | 'hasOtherAccepting'>,
  deadline: number,
  hurry: AbortSignal,
): Promise<'move' | 'wind-up'> {
  calls.refuseNew();
  const restMs = deadline - monotonicMs();
  // A store that hangs answers within its own limit, which is far below this.
  await Promise.race([sessions.withdraw(), sleep(NOTICE_MS * NOTICE_SHARE, undefined)]);
  if (calls.active > 0 && sessions.hasOtherAccepting) {
    const noticeMs = Math.max(0, Math.min(NOTICE_MS, restMs * NOTICE_SHARE));
    await sleep(noticeMs, undefined, { signal: hurry }).catch(() => undefined);
  }
  const how = sessions.hasOtherAccepting ? 'move' : 'wind-up';
  await calls.drain(how, deadline);
  return how;
}
