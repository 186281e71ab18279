/**
 * The work after a call. It is begun once, by the write that ended the conversation; each step is a
 * job of its own, so that one that fails stops no other, and finds out by itself what it has done
 * before.
 */
import type { JobHandler, JobName } from '../../src/store/jobs/job-types.ts';
import { analyse } from './analysis.ts';
import { callBack } from './call-back.ts';
import { keepMemories } from './memories.ts';
import { notify, notifyOfCall } from './notify.ts';
import { finishTranscript } from './transcript-step.ts';
import type { AfterCall } from './types.ts';

/** Each once; `key` makes a step of a call the same job however often 'after-call' runs. */
const STEPS: readonly JobName[] = ['transcript', 'analysis', 'memories', 'notify'];

export function afterCallHandlers(after: AfterCall): Partial<Record<JobName, JobHandler>> {
  const { place } = after;
  return {
    'after-call': async ({ callSid = '' }) => {
      await after.database.withScope({ kind: 'service' }, async (tx) => {
        for (const name of STEPS) {
          await after.jobs.enqueueIn(tx, name, { callSid }, { key: callSid });
        }
      });
    },
    transcript: async ({ callSid = '' }) => await finishTranscript(after, callSid),
    analysis: async ({ callSid = '' }, context) => await analyse(after, callSid, context),
    memories: async ({ callSid = '' }, context) => await keepMemories(after, callSid, context),
    notify: async ({ callSid, alertId }) => {
      if (alertId !== undefined) await notify(after, alertId);
      else if (callSid !== undefined) await notifyOfCall(after, callSid);
    },
    ...(place === undefined
      ? {}
      : {
          'call-back': async ({ callSid = '', seniorId = '' }, context) =>
            await callBack(after, place, { callSid, seniorId }, context),
        }),
  };
}
