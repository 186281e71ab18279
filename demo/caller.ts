/** Plays the caller's part of a scenario: when to speak, over whom, and when to put down. */
import { buildUtterance, type Utterance } from '../emulators/speech/utterance.ts';
import type { CallerLeg } from '../emulators/twilio/types.ts';
import { monotonicMs } from '../emulators/clock.ts';
import type { SpokenLine } from './audit/evidence.ts';
import type { CallerStep, Scenario, SpeechStep } from './script.ts';

/** A caller's pause before answering: what is polite, and long enough to be sure of the end. */
const AFTER_QUIET_MS = 700;
/** Longest wait for the companion to begin an answer or to come to an end. */
const PATIENCE_MS = 20_000;

/** Speech made ahead, so that the call itself is not held up by synthesis. */
export type PreparedStep =
  | { readonly step: SpeechStep; readonly utterance: Utterance }
  | { readonly step: Extract<CallerStep, { kind: 'hang-up' }>; readonly utterance: undefined };

export async function prepareSteps(scenario: Scenario): Promise<PreparedStep[]> {
  return await Promise.all(
    scenario.steps.map(async (step): Promise<PreparedStep> => {
      if (step.kind === 'hang-up') return { step, utterance: undefined };
      return { step, utterance: await buildUtterance(step.pieces, scenario.voice) };
    }),
  );
}

export type CallerPart = {
  readonly lines: readonly SpokenLine[];
  /** What kept the part from being played to its end. */
  readonly trouble: string | undefined;
};

/**
 * Speaks and listens until the steps are through. Never rejects: a companion that does not answer
 * is a finding, and the caller then puts the phone down.
 *
 * @param onLine told when the caller begins a line, with the stamp of its first frame.
 */
export async function playCaller(
  leg: CallerLeg,
  steps: readonly PreparedStep[],
  onLine: (utterance: Utterance, startedAtMs: number) => void,
): Promise<CallerPart> {
  const lines: SpokenLine[] = [];
  // Words heard before this index belong to answers that the caller has dealt with already.
  let answeredFrom = 0;
  for (const { step, utterance } of steps) {
    try {
      await untilMoment(leg, step, answeredFrom);
      if (utterance === undefined) {
        await leg.hangUp();
        break;
      }
      onLine(utterance, monotonicMs());
      const result = await leg.say(utterance);
      if (result.cut) throw new Error('the call ended in the middle of it');
      lines.push({
        kind: step.kind,
        text: utterance.text,
        utterance: utterance.utterance,
        words: utterance.words,
        triggerWord: step.kind === 'interruption' ? step.triggerWord : undefined,
        result,
      });
      if (step.kind !== 'backchannel') answeredFrom = leg.playout.heardWords().length;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const what = utterance === undefined ? 'hanging up' : `“${utterance.text}”`;
      await leg.hangUp();
      return { lines, trouble: `the caller got no further than ${what}: ${reason}` };
    }
  }
  return { lines, trouble: undefined };
}

async function untilMoment(leg: CallerLeg, step: CallerStep, answeredFrom: number): Promise<void> {
  const wantedWords = 'afterWords' in step ? step.afterWords : 1;
  const fromWord = answeredFrom;
  await leg.waitForWords((_text, words) => words.length >= wantedWords, {
    fromWord,
    timeoutMs: PATIENCE_MS,
  });
  if (step.kind === 'turn' || step.kind === 'hang-up') {
    const afterMs = step.afterQuietMs ?? AFTER_QUIET_MS;
    await leg.waitForSilence({ afterMs, timeoutMs: PATIENCE_MS });
  }
}
