/** Calls as the database knows them, for whoever has to go on with one. */
import type { Store } from '../src/store/store.ts';
import type { StoredCall } from './recall.ts';

/** Rejects where the database is away. */
export function storedCallsIn({ database, conversations }: Store) {
  return async (callSid: string): Promise<StoredCall | undefined> =>
    await database.withScope({ kind: 'service' }, async (tx) => {
      const call = await conversations.byCallSid(tx, callSid);
      if (!call) return undefined;
      const { seniorId, direction, startedAtMs, resumeCount, holder } = call;
      const turns = await conversations.turnsOf(tx, callSid);
      const isOver = call.state === 'ended';
      return { isOver, seniorId, direction, startedAtMs, resumeCount, holder, turns };
    });
}
