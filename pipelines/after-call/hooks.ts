/** What follows from what calls write down: jobs, made in the same transaction. */
import type { DurableWriteHooks } from '../../src/store/durable-writes.ts';
import type { Jobs } from '../../src/store/jobs/job-types.ts';
import { turnCountOf } from '../../src/store/sql/conversations.ts';

/** A line that broke may be back by itself; nobody is to be rung while they ring us. */
const CALL_BACK_AFTER_SECONDS = 30;

/** A spool that comes late brings its turns within seconds. */
const LATE_TURNS_AFTER_SECONDS = 20;

export function afterCallHooks(jobs: Pick<Jobs, 'enqueueIn'>): DurableWriteHooks {
  return {
    conversationEnded: async (tx, { callSid }) => {
      await jobs.enqueueIn(tx, 'after-call', { callSid }, { key: callSid });
    },
    turnAfterEnd: async (tx, { callSid }) => {
      // What comes in one go is gone through in one go: the steps look at all that is there then.
      const key = `${callSid}/${await turnCountOf(tx, callSid)}`;
      const when = { key, afterSeconds: LATE_TURNS_AFTER_SECONDS };
      for (const name of ['transcript', 'memories', 'analysis'] as const) {
        await jobs.enqueueIn(tx, name, { callSid }, when);
      }
    },
    alertRaised: async (tx, _call, { alertKey }) => {
      const { id: alertId } = await tx
        .selectFrom('alerts')
        .select('id')
        .where('alert_key', '=', alertKey)
        .executeTakeFirstOrThrow();
      await jobs.enqueueIn(tx, 'notify', { alertId }, { key: alertId });
    },
    memoriesDue: async (tx, { callSid }) => {
      // Moved again with nothing said since, it is the same job.
      const upTo = await turnCountOf(tx, callSid);
      const key = `${callSid}/${upTo}`;
      await jobs.enqueueIn(tx, 'memories', { callSid, upTo }, { key });
    },
    callBackDue: async (tx, { callSid, seniorId }) => {
      // Whoever is unknown has no number that we might ring.
      if (seniorId === undefined) return;
      const when = { key: callSid, afterSeconds: CALL_BACK_AFTER_SECONDS };
      await jobs.enqueueIn(tx, 'call-back', { callSid, seniorId }, when);
    },
  };
}
