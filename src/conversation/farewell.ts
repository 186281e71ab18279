/** Saying goodbye, and hanging up only after it was heard. */

import type { Goodbye } from './lexicon.ts';
import { silence, speakLine } from './playback.ts';
import { stopReply } from './reply.ts';
import { emit, NEVER, note, update, type Work } from './state.ts';
import type { EndReason, LineId } from './types.ts';

/** After our own goodbye was heard, at least this much silence before the line is closed. */
const AFTER_GOODBYE_MS = 1_500;
/** How long the carrier is waited for when it was asked to end the call. */
const HANG_UP_WAIT_MS = 5_000;
/** The last line of a call is given this long to be heard. */
const LAST_WORDS_MS = 15_000;

/** What a turn means for the end of the call. */
export function meaningOfGoodbye(work: Work, bye: Goodbye): 'talk' | 'farewell' | 'end' {
  const { ending, settings, startedAt } = work.state;
  if (bye === 'none') return 'talk';
  if (ending.at === 'farewell') return ending.until === undefined ? 'farewell' : 'end';
  const believed = bye === 'strong' && work.now - startedAt >= settings.goodbyeNotBeforeMs;
  return believed ? 'farewell' : 'talk';
}

export function beginFarewell(work: Work): void {
  if (work.state.ending.at === 'none') note(work, { what: 'ending', reason: 'goodbye' });
  update(work, { ending: { at: 'farewell', saidAt: work.now, until: undefined } });
}

/** The caller talks on after a goodbye. */
export function cancelFarewell(work: Work): void {
  if (work.state.ending.at !== 'farewell') return;
  update(work, { ending: { at: 'none' } });
  note(work, { what: 'ending-cancelled' });
}

/** Our own goodbye, or the last line of the call, has been heard to its end. */
export function onUtterancePlayed(work: Work, utterance: number, ofReply: boolean): void {
  const { ending, settings } = work.state;
  if (ending.at === 'last-words' && ending.utterance === utterance) {
    return hangUpUnlessTalking(work, ending.reason);
  }
  if (ending.at !== 'farewell' || !ofReply || ending.until !== undefined) return;
  const until = Math.max(ending.saidAt + settings.goodbyeGraceMs, work.now + AFTER_GOODBYE_MS);
  update(work, { ending: { ...ending, until } });
}

/** Speaks the last line; the call ends when it was heard, or after a bounded wait. */
export function sayLastWords(work: Work, line: LineId, reason: EndReason, until?: number): void {
  stopReply(work);
  note(work, { what: 'ending', reason });
  const utterance = speakLine(work, line);
  update(work, {
    ending: {
      at: 'last-words',
      utterance,
      reason,
      until: Math.min(work.now + LAST_WORDS_MS, until ?? Number.POSITIVE_INFINITY),
    },
  });
}

/** Who is in mid-sentence may end it, as long as the last words wait. */
function hangUpUnlessTalking(work: Work, reason: EndReason): void {
  if (reason !== 'time-limit' || work.state.caller.at === 'quiet') hangUp(work, reason);
}

/** Asks the carrier to end the call. */
export function hangUp(work: Work, reason: EndReason): void {
  const { ending } = work.state;
  if (ending.at === 'hanging-up' || ending.at === 'finished') return;
  silence(work);
  stopReply(work);
  if (ending.at === 'none') note(work, { what: 'ending', reason });
  update(work, { ending: { at: 'hanging-up', reason, until: work.now + HANG_UP_WAIT_MS } });
  emit(work, { kind: 'hang-up', reason });
}

/** The call is over: nothing follows. */
export function finish(work: Work, reason: EndReason): void {
  if (work.state.ending.at === 'finished') return;
  update(work, { ending: { at: 'finished', reason } });
  emit(work, { kind: 'finish', reason });
}

/** The carrier was asked to end or to move the call, and has not answered in time. */
export function isAbandoned(work: Work): boolean {
  const { ending } = work.state;
  return (ending.at === 'hanging-up' || ending.at === 'moving') && work.now >= ending.until;
}

export function farewellDeadline(work: Work): number {
  const { ending } = work.state;
  switch (ending.at) {
    case 'farewell':
      return ending.until !== undefined && isStill(work) ? ending.until : NEVER;
    case 'last-words':
    case 'hanging-up':
    case 'moving':
      return ending.until;
    case 'none':
    case 'finished':
      return NEVER;
  }
}

/** Nobody is speaking or about to. */
function isStill(work: Work): boolean {
  const { caller, utterances, reply } = work.state;
  return caller.at === 'quiet' && utterances.length === 0 && reply === undefined;
}

export function onFarewellTime(work: Work): void {
  const { ending } = work.state;
  if (ending.at === 'farewell') {
    const due = ending.until !== undefined && work.now >= ending.until;
    if (due && isStill(work)) hangUp(work, 'goodbye');
  } else if (ending.at === 'last-words') {
    const isSaid = !work.state.utterances.some(({ id }) => id === ending.utterance);
    if (work.now >= ending.until) hangUp(work, ending.reason);
    else if (isSaid) hangUpUnlessTalking(work, ending.reason);
  } else if (ending.at === 'hanging-up' && work.now >= ending.until) {
    finish(work, ending.reason);
  } else if (ending.at === 'moving' && work.now >= ending.until) {
    finish(work, 'moved');
  }
}
