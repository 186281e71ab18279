/**
 * The last rung of the voices: the carrier itself speaks. It can do so only while it has no media
 * stream, so the line is lent to it for the length of the words. Everything before them is played out
 * first; meanwhile nobody is heard, and afterwards the conversation goes on as if nothing had been.
 */

import { audibleUntil } from './audio-clock.ts';
import { onUtterancePlayed } from './farewell.ts';
import { openInHistory } from './history.ts';
import { changeUtterance, conclude, findUtterance } from './playback.ts';
import { emit, isClosing, NEVER, update, type Utterance, type Work } from './state.ts';
import type { Input } from './types.ts';

/** Carriers speak about so fast; the time is a grace period, so the estimate is generous. */
const SPEECH_MS_PER_CHAR = 90;

/** No voice of ours can speak the rest of an utterance. What was made of it is played. */
export function onVoicesFailed(work: Work, input: Extract<Input, { kind: 'voices-failed' }>): void {
  const utterance = findUtterance(work.state, input.utterance);
  if (!utterance) return;
  const { rest, totalMs } = input;
  changeUtterance(work, utterance.id, {
    rest,
    audioEnded: true,
    textDone: true,
    readyMs: totalMs,
  });
}

/** The utterance whose turn it is, if the carrier has to speak it and has not been asked yet. */
function due(work: Work): Utterance | undefined {
  const { utterances, stream, caller, pausedAt } = work.state;
  const next = utterances[0];
  if (next?.rest === undefined || !next.released || next.lending) return undefined;
  if (next.sentMs < next.readyMs || isClosing(work.state)) return undefined;
  return stream === 'attached' && caller.at === 'quiet' && pausedAt === undefined
    ? next
    : undefined;
}

export function carrierVoiceDeadline(work: Work): number {
  return due(work) === undefined ? NEVER : audibleUntil(work.state);
}

export function onCarrierVoiceTime(work: Work): void {
  const utterance = due(work);
  if (utterance?.rest === undefined || work.now < audibleUntil(work.state)) return;
  changeUtterance(work, utterance.id, { lending: true });
  emit(work, { kind: 'lend-line', utterance: utterance.id, text: utterance.rest });
}

/** The carrier speaks now: the words count as heard, and the stream will be gone until they are. */
export function onLineLent(work: Work, input: Extract<Input, { kind: 'line-lent' }>): void {
  const { stream, reply, utterances } = work.state;
  const utterance = findUtterance(work.state, input.utterance);
  if (!utterance || stream !== 'attached') return;
  const wordsMs = (utterance.rest ?? '').length * SPEECH_MS_PER_CHAR;
  update(work, { stream: 'lent', streamSince: work.now + wordsMs });
  for (const other of utterances.toReversed()) {
    emit(work, { kind: 'cancel-speech', utterance: other.id });
    if (other.id !== utterance.id) conclude(work, other, 'cut');
  }
  openInHistory(work, utterance);
  conclude(work, utterance, 'played');
  if (reply?.utterance === utterance.id) update(work, { reply: undefined });
}

/** The carrier has given the line back. */
export function onLineReturned(work: Work): void {
  const { ending, utterances, nextUtterance } = work.state;
  // What it said last was the answer to a goodbye; nothing else is spoken on this rung then.
  if (ending.at === 'farewell' && utterances.length === 0) {
    onUtterancePlayed(work, nextUtterance - 1, true);
  }
}
