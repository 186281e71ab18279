/**
 * What a call was like. A model says it; while none is to be had the rules say what they can, at
 * once, and the model's version follows when there is one again. Turns that come late are judged with
 * the others, in a version of their own.
 */
import { setImmediate as yieldToCalls } from 'node:timers/promises';
import {
  analysisByRules,
  analysisIn,
  analysisQuestion,
  type CallAnalysis,
} from '../../src/companion/analysing.ts';
import { JobFailure } from '../../src/store/jobs/job-failure.ts';
import type { JobContext } from '../../src/store/jobs/job-types.ts';
import type { StoredAnalysis } from '../../src/store/sql/analyses.ts';
import { askModels } from './ask-model.ts';
import { callOnFile, saidIn } from './call-on-file.ts';
import { raiseConcerns } from './concerns.ts';
import type { AfterCall } from './types.ts';

const BY_RULES = 'rules';
const service = { kind: 'service' } as const;

/** @throws JobFailure 'no-model' while a version by rules has to do. */
export async function analyse(
  after: AfterCall,
  callSid: string,
  { signal, isLastAttempt }: Pick<JobContext, 'signal' | 'isLastAttempt'>,
): Promise<void> {
  const { conversation, turns, person, known } = await after.database.withScope(
    service,
    async (tx) => {
      const call = await callOnFile(after, tx, callSid);
      return { ...call, known: await after.analyses.latest(tx, call.conversation.conversationId) };
    },
  );
  const upTo = turns.length;
  if (known !== undefined && known.model !== BY_RULES && upToOf(known) >= upTo) return;
  const said = saidIn(turns);
  const language = person?.language ?? 'en';
  // There is nothing to understand about a call in which nobody spoke.
  const isSilent = !said.some(({ who }) => who === 'caller');
  const answer = isSilent
    ? undefined
    : await askModels(
        after.models,
        analysisQuestion(language, person?.name ?? '', said),
        (text) => analysisIn(text, said),
        signal,
      );
  const keep = async (model: string, content: CallAnalysis): Promise<void> => {
    const isKept = await after.database.withScope(service, async (tx) => {
      const { conversationId } = conversation;
      const last = await after.analyses.latest(tx, conversationId);
      const isBetter = model !== BY_RULES && last?.model === BY_RULES;
      if (last !== undefined && upToOf(last) >= upTo && !isBetter) return false;
      // What a model said of most of it is worth more than what rules say of all; an alarm is not.
      const isKeeping = model !== BY_RULES || last === undefined || last.model === BY_RULES;
      if (isKeeping) {
        const version = (last?.version ?? 0) + 1;
        const made = { version, model, content: { ...content, upTo } };
        if (!(await after.analyses.put(tx, conversationId, made)))
          throw new JobFailure('overtaken');
      }
      await raiseConcerns(after, tx, { conversation, language }, content.concerns);
      return isKeeping;
    });
    const concernCount = content.concerns.length;
    if (isKept) after.tell({ what: 'call-analysed', callSid, model, concernCount });
  };
  if (answer !== undefined) return await keep(answer.model, answer.value);
  if (known === undefined || upToOf(known) < upTo) {
    await keep(BY_RULES, await analysisByRules(language, said, yieldToCalls));
  }
  if (!isSilent && !isLastAttempt) throw new JobFailure('no-model');
}

/** How many turns there were when it was made. */
function upToOf({ content }: StoredAnalysis): number {
  if (typeof content !== 'object' || content === null || !('upTo' in content)) return 0;
  return typeof content.upTo === 'number' ? content.upTo : 0;
}
