/**
 * The transcript is final: turns stand in the order in which they happened, each in its newest
 * revision (the table sees to both), and what can be counted of them is written beside.
 */
import type { TurnRecord } from '../../src/store/sql/conversation-types.ts';
import { stepIsDone } from '../../src/store/sql/conversation-steps.ts';
import { callOnFile } from './call-on-file.ts';
import type { AfterCall } from './types.ts';

export async function finishTranscript(after: AfterCall, callSid: string): Promise<void> {
  await after.database.withScope({ kind: 'service' }, async (tx) => {
    const { conversation, turns } = await callOnFile(after, tx, callSid);
    const { conversationId, startedAtMs, endedAtMs, resumeCount } = conversation;
    const figures = {
      ...figuresOf(turns),
      durationMs: Math.max(0, (endedAtMs ?? startedAtMs) - startedAtMs),
      resumeCount,
    };
    await stepIsDone(tx, conversationId, 'transcript', { upTo: turns.length, figures });
  });
}

/** Counts, and the median and slowest wait for an answer in milliseconds; nothing of what was said. */
export function figuresOf(turns: readonly TurnRecord[]): Record<string, number> {
  const by = (speaker: TurnRecord['speaker']): TurnRecord[] =>
    turns.filter((turn) => turn.speaker === speaker && turn.kind === 'turn');
  const [caller, companion] = [by('caller'), by('companion')];
  const words = (list: readonly TurnRecord[]): number =>
    list.reduce((sum, { heard }) => sum + (heard.match(/\S+/g)?.length ?? 0), 0);
  const waits = companion
    .map(({ timings }) => timings['firstAudioMs'])
    .filter((ms) => ms !== undefined)
    .sort((a, b) => a - b);
  const median = waits[Math.floor((waits.length - 1) / 2)];
  const slowest = waits.at(-1);
  return {
    callerTurns: caller.length,
    companionTurns: companion.length,
    backchannels: turns.filter(({ kind }) => kind === 'backchannel').length,
    interruptions: companion.filter(({ interrupted }) => interrupted).length,
    callerWords: words(caller),
    companionWords: words(companion),
    ...(median === undefined ? {} : { medianFirstAudioMs: median }),
    ...(slowest === undefined ? {} : { slowestFirstAudioMs: slowest }),
  };
}
