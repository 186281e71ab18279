/** What is done with a turn once it is known: drafted while it may yet go on, answered when whole. */

import { beginFarewell, cancelFarewell, hangUp, meaningOfGoodbye } from './farewell.ts';
import { letGoOn } from './floor.ts';
import { goodbye } from './lexicon.ts';
import { speakLine } from './playback.ts';
import { ask, dropDraft, promoteDraft, startDraft, type Basis } from './reply.ts';
import { isGrave, isInDanger, limitAt } from './safety.ts';
import { isClosing, type OpenTurn, type Work } from './state.ts';
import type { Cue } from './types.ts';

function basisOf(
  work: Work,
  turn: OpenTurn,
  text: string,
  guidance: readonly string[],
): { basis: Basis; meaning: 'talk' | 'farewell' | 'end' } {
  const { settings, startedAt } = work.state;
  const bye = goodbye(text, settings.language);
  // Who says goodbye to life, or with a pain in the chest, is not let go.
  const isCry = bye !== 'none' && settings.observe(text).signals.some(isGrave);
  const meaning = isCry ? 'talk' : meaningOfGoodbye(work, bye);
  const cues: Cue[] = [];
  if (meaning === 'farewell') cues.push('say-goodbye');
  else if (bye !== 'none' && !isCry) cues.push('weak-goodbye');
  const isLate = work.now - startedAt >= settings.windDownAfterMs;
  if (meaning === 'talk' && isLate && !isCry && !isInDanger(work.state)) cues.push('wind-down');
  if (turn.interrupted) cues.push('was-interrupted');
  if (turn.cutIn) cues.push('caller-had-to-be-cut-in-on');
  return { basis: { text, cues, guidance }, meaning };
}

/** No new answer may be begun: the call is about to end or to move. */
function isOver(work: Work): boolean {
  return (
    isClosing(work.state) ||
    work.state.drain !== undefined ||
    work.now >= limitAt(work.state) ||
    work.state.stream !== 'attached'
  );
}

/** Starts a draft of the answer, unless one of just this exists. True when one was started. */
export function draftAnswer(
  work: Work,
  turn: OpenTurn,
  text: string,
  guidance: readonly string[],
): boolean {
  if (isOver(work)) return false;
  const { basis, meaning } = basisOf(work, turn, text, guidance);
  return meaning !== 'end' && startDraft(work, turn.turnId, basis);
}

/** Answers a turn that is whole and in the history. */
export function answer(
  work: Work,
  turn: OpenTurn,
  text: string,
  guidance: readonly string[],
): void {
  letGoOn(work);
  if (isOver(work)) return dropDraft(work);
  const { basis, meaning } = basisOf(work, turn, text, guidance);
  if (meaning === 'end') {
    dropDraft(work);
    return hangUp(work, 'goodbye');
  }
  if (meaning === 'farewell') beginFarewell(work);
  else cancelFarewell(work);
  if (promoteDraft(work, turn.turnId, basis)) return;
  dropDraft(work);
  if (turn.cutIn) speakLine(work, 'cut-in', { turnId: turn.turnId });
  ask(work, turn.turnId, basis);
}
