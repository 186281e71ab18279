/** Ringing somebody again whose call was lost. */
import { JobFailure } from '../../src/store/jobs/job-failure.ts';
import type { JobContext } from '../../src/store/jobs/job-types.ts';
import type { AfterCall } from './types.ts';

const service = { kind: 'service' } as const;

/** A loss that nobody noticed for so long is no reason any more to ring, whatever the hour. */
const LATEST_AFTER_START_MS = 45 * 60_000;

/**
 * Rings them, unless they may not be rung, it is too late for that, or they have been on the line since, whoever rang whom: that
 * also keeps a job that is done twice from ringing twice.
 * @throws JobFailure or VendorError where it is to be tried again.
 */
export async function callBack(
  after: Pick<AfterCall, 'database' | 'people' | 'tell'>,
  place: NonNullable<AfterCall['place']>,
  ids: { readonly callSid: string; readonly seniorId: string },
  { isLastAttempt }: Pick<JobContext, 'isLastAttempt'>,
): Promise<void> {
  const { callSid, seniorId } = ids;
  const { lost, later, snapshot } = await after.database.withScope(service, async (tx) => {
    const found = await tx
      .selectFrom('conversations')
      .select(['state', 'started_at', 'call_sid'])
      .where('senior_id', '=', seniorId)
      .orderBy('started_at', 'desc')
      .limit(50)
      .execute();
    const mine = found.find((each) => each.call_sid === callSid);
    const newer = found.filter((each) => mine && each.started_at > mine.started_at);
    return { lost: mine, later: newer.length, snapshot: await after.people.byId(tx, seniorId) };
  });
  const tell = (outcome: 'placed' | 'not-allowed' | 'too-late' | 'in-touch'): void =>
    after.tell({ what: 'call-back', callSid, outcome });
  if (snapshot === undefined || !snapshot.person.active || snapshot.status !== 'active') {
    return tell('not-allowed');
  }
  if (lost === undefined || later > 0) return tell('in-touch');
  if (lost.state === 'active') {
    // It may have been taken up again after all; then nobody needs to be rung.
    if (isLastAttempt) return tell('in-touch');
    throw new JobFailure('still-active');
  }
  if (Date.now() - lost.started_at.getTime() > LATEST_AFTER_START_MS) return tell('too-late');
  const placed = await place(snapshot.person);
  if ('callSid' in placed) return tell('placed');
  if (placed.refused === 'inactive') return tell('not-allowed');
  throw new JobFailure('no-room');
}
