/**
 * The audio clock: how much of an utterance the caller has heard at a time, in milliseconds and in
 * words, and when the line falls silent. Between marks the clock fills in, never beyond what was
 * sent.
 */

import type { CallState, Utterance } from './state.ts';

/** Speech rate assumed where a voice gives no timings and has not finished: ms per character. */
const MS_PER_CHAR = 65;

/** How much of an utterance the caller has heard, as far as anyone can tell. */
export function playedMs(utterance: Utterance, now: number): number {
  if (!utterance.anchor) return 0;
  const { ms, at, lagMs } = utterance.anchor;
  const clock = ms + Math.max(0, now - at - (lagMs ?? 0));
  return Math.min(utterance.sentMs, Math.max(utterance.markedMs, clock));
}

/** When everything sent of an utterance will have been played. */
export function expectedEnd(utterance: Utterance): number {
  if (!utterance.anchor) return Number.NEGATIVE_INFINITY;
  const { ms, at, lagMs } = utterance.anchor;
  return at + (lagMs ?? 0) + (utterance.sentMs - ms);
}

/** The same if the carrier plays without any lag. */
export function earliestEnd(utterance: Utterance): number {
  if (!utterance.anchor) return Number.NEGATIVE_INFINITY;
  return utterance.anchor.at + (utterance.sentMs - utterance.anchor.ms);
}

/** When the carrier will have nothing left to play. */
export function audibleUntil(state: CallState): number {
  return state.utterances.reduce(
    (latest, utterance) => Math.max(latest, expectedEnd(utterance)),
    state.lastAudibleAt,
  );
}

/**
 * When the caller began to hear nothing, at the earliest: a mark that is merely late on its way
 * must not be taken for sound.
 */
export function silentSince(state: CallState): number {
  return state.utterances.reduce(
    (latest, utterance) => Math.max(latest, earliestEnd(utterance)),
    state.lastAudibleAt,
  );
}

/** Some of an utterance has gone to the carrier and its end has not been reached. */
export function hasBegun(utterance: Utterance): boolean {
  return utterance.anchor !== undefined;
}

/** True when an utterance has been played to its end, by its marks or, in time, without them. */
export function isPlayedOut(state: CallState, utterance: Utterance, now: number): boolean {
  if (!utterance.textDone || !utterance.audioEnded || !utterance.released) return false;
  // Its end is not in the audio: the carrier speaks it.
  if (utterance.rest !== undefined) return false;
  if (utterance.sentMs < utterance.readyMs) return false;
  if (utterance.markedMs >= utterance.readyMs) return true;
  return now >= expectedEnd(utterance) + state.settings.markSlackMs;
}

/** When an utterance counts as played although its mark never came back. */
export function playedOutAt(state: CallState, utterance: Utterance): number {
  return expectedEnd(utterance) + state.settings.markSlackMs;
}

/**
 * The part of an utterance that has been heard: a word counts from its middle on. Words behind the
 * last timed one are placed by their length.
 */
export function heardText(utterance: Utterance, now: number): string {
  return textUpTo(utterance, Math.max(utterance.heardBeforeMs, playedMs(utterance, now)));
}

export function textUpTo(utterance: Utterance, played: number): string {
  if (played <= 0) return '';
  const timed = utterance.words.filter((word) => (word.startMs + word.endMs) / 2 <= played);
  const heard = timed.map((word) => word.text.trim());
  if (timed.length < utterance.words.length) return heard.join(' ');
  const timedEndMs = utterance.words.at(-1)?.endMs ?? 0;
  const tail = utterance.text.trim().split(/\s+/).slice(utterance.words.length);
  const tailChars = tail.reduce((sum, word) => sum + word.length + 1, 0);
  const madeMs = Math.max(0, utterance.readyMs - timedEndMs);
  const tailMs = utterance.audioEnded ? madeMs : Math.max(madeMs, tailChars * MS_PER_CHAR);
  const share = tailMs === 0 ? 0 : (played - timedEndMs) / tailMs;
  return [...heard, ...prefixByLength(tail, tailChars, share)].join(' ');
}

function prefixByLength(words: readonly string[], totalChars: number, share: number): string[] {
  const heard: string[] = [];
  let length = 0;
  for (const word of words) {
    if ((length + word.length / 2) / totalChars > share) break;
    heard.push(word);
    length += word.length + 1;
  }
  return heard;
}
