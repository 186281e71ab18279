/**
 * What of a call is to be remembered. Without a model nothing is made up: the job is tried again, and
 * in the end it lies with the dead letters, from where an operator can send it off once more.
 */
import { memoriesIn, memoryQuestion } from '../../src/companion/remembering.ts';
import { JobFailure } from '../../src/store/jobs/job-failure.ts';
import type { JobContext } from '../../src/store/jobs/job-types.ts';
import { stepIsDone, stepOf } from '../../src/store/sql/conversation-steps.ts';
import { askModels } from './ask-model.ts';
import { callOnFile, saidIn } from './call-on-file.ts';
import type { AfterCall } from './types.ts';

const service = { kind: 'service' } as const;
/** Memories that the model is told, so that it does not note them again. */
const KNOWN = 60;

/** @throws JobFailure 'no-model' */
export async function keepMemories(
  after: AfterCall,
  callSid: string,
  { signal }: Pick<JobContext, 'signal'>,
): Promise<void> {
  const before = await after.database.withScope(service, async (tx) => {
    const call = await callOnFile(after, tx, callSid);
    const { conversationId, seniorId } = call.conversation;
    const done = await stepOf(tx, conversationId, 'memories');
    if (seniorId === undefined || (done?.upTo ?? -1) >= call.turns.length) return undefined;
    const allowed = await after.memories.mayRemember(tx, seniorId);
    const known = await after.memories.of(tx, seniorId, KNOWN);
    return { ...call, seniorId, allowed, known: known.map(({ text }) => text) };
  });
  // A stranger's call, or all of it has been gone through.
  if (before === undefined) return;
  const { conversation, turns, person, seniorId, allowed, known } = before;
  const said = saidIn(turns);
  const isEmpty = !allowed || !said.some(({ who }) => who === 'caller');
  const answer = isEmpty
    ? { value: [] }
    : await askModels(
        after.models,
        memoryQuestion({
          name: person?.name ?? '',
          language: person?.language ?? 'en',
          timeZone: person?.timeZone ?? 'UTC',
          at: new Date(conversation.startedAtMs),
          known: [...(person?.facts ?? []), ...(person?.people ?? []), ...known],
          said,
        }),
        (text) => memoriesIn(text, said),
        signal,
      );
  if (answer === undefined) throw new JobFailure('no-model');
  const { conversationId } = conversation;
  const kept = await after.database.withScope(service, async (tx) => {
    // Taken back while the model was thinking: then nothing is kept.
    const found = (await after.memories.mayRemember(tx, seniorId)) ? answer.value : [];
    const remembered = await after.memories.remember(tx, seniorId, conversationId, found);
    await stepIsDone(tx, conversationId, 'memories', {
      upTo: turns.length,
      figures: { ...remembered },
    });
    return remembered;
  });
  after.tell({
    what: 'memories-kept',
    callSid,
    addedCount: kept.added,
    strengthenedCount: kept.strengthened,
  });
}
