/** A call as it is on file, read in one transaction for a step. */
import type { Person } from '../../src/companion/person.ts';
import type { Said } from '../../src/companion/transcript.ts';
import { JobFailure } from '../../src/store/jobs/job-failure.ts';
import type { StoredConversation, TurnRecord } from '../../src/store/sql/conversation-types.ts';
import type { ScopedTransaction } from '../../src/store/sql/scoped-transaction.ts';
import type { AfterCall } from './types.ts';

export type CallOnFile = {
  readonly conversation: StoredConversation;
  readonly turns: readonly TurnRecord[];
  /** Undefined: nobody knows who it was. */
  readonly person: Person | undefined;
};

/** @throws JobFailure where there is no such call. */
export async function callOnFile(
  after: Pick<AfterCall, 'conversations' | 'people'>,
  tx: ScopedTransaction,
  callSid: string,
): Promise<CallOnFile> {
  const conversation = await after.conversations.byCallSid(tx, callSid);
  if (conversation === undefined) throw new JobFailure('no-such-call');
  const turns = await after.conversations.turnsOf(tx, callSid);
  const { seniorId } = conversation;
  const snapshot = seniorId === undefined ? undefined : await after.people.byId(tx, seniorId);
  return { conversation, turns, person: snapshot?.person };
}

/** What counts as said: of the companion what was heard, and no "mm-hm". */
export function saidIn(turns: readonly TurnRecord[]): Said[] {
  return turns
    .filter(({ kind, heard }) => kind === 'turn' && heard.trim() !== '')
    .map(({ speaker, heard }) => ({ who: speaker, text: heard }));
}
