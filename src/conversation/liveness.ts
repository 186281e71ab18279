/**
 * A caller who falls silent is asked, twice, whether they are there; then the line says goodbye. After
 * a cry for help it stays: somebody who has fallen may well be silent.
 */

import { sayLastWords } from './farewell.ts';
import { speakLine } from './playback.ts';
import { isInDanger } from './safety.ts';
import { NEVER, update, type Work } from './state.ts';

const QUESTIONS = 2;
/** About five minutes. */
const QUESTIONS_IN_DANGER = QUESTIONS + 18;

/** When the next question falls due, while nobody speaks and nothing is awaited. */
export function livenessDeadline(work: Work): number {
  const { caller, utterances, reply, tools, ending, stream, settings, idle } = work.state;
  const still =
    caller.at === 'quiet' &&
    utterances.length === 0 &&
    reply === undefined &&
    tools.length === 0 &&
    ending.at === 'none' &&
    stream === 'attached';
  const waitMs = settings.idleMs[idle.step] ?? settings.idleMs[QUESTIONS];
  return still ? idle.since + waitMs : NEVER;
}

export function onLivenessTime(work: Work): void {
  if (work.now < livenessDeadline(work)) return;
  const { idle, listening } = work.state;
  update(work, { idle: { ...idle, since: work.now, step: idle.step + 1 } });
  const questions = isInDanger(work.state) ? QUESTIONS_IN_DANGER : QUESTIONS;
  if (idle.step >= questions) sayLastWords(work, 'idle-goodbye', 'idle');
  else if (listening === 'keypad') speakLine(work, 'keypad');
  else if (idle.step >= QUESTIONS) speakLine(work, 'still-with-you');
  else speakLine(work, idle.step === 0 ? 'still-there' : 'cannot-hear');
}

/** The caller gave a sign of life without words. */
export function touch(work: Work): void {
  update(work, { idle: { since: work.now, step: 0, askedAgain: false } });
}
