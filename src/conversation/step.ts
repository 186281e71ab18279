/**
 * The conversation core: one pure function from a fact to orders.
 *
 * Theory of operation. A call is a caller who talks and a companion who talks, over a line that
 * plays what it is given a little later than it is given. Small machines of one file each look
 * after one question: whose turn is open (caller-turn), who may speak (floor), what the model is
 * doing (reply, tools), what has been heard (playback), whether anybody is there (liveness), and
 * how it ends (farewell, closing). They share one immutable state and speak to the shell only by
 * effects. Timers are data: every step says when it wants to be woken.
 */

import { callerDeadline, commitForced, onCallerTime, onHeard } from './caller-turn.ts';
import {
  closingDeadline,
  onAnsweredBy,
  onClosingTime,
  onHungUp,
  onOvertaken,
  onStreamAttached,
  onStreamClosed,
} from './closing.ts';
import {
  carrierVoiceDeadline,
  onCarrierVoiceTime,
  onLineLent,
  onVoicesFailed,
} from './carrier-voice.ts';
import { farewellDeadline, isAbandoned, onFarewellTime, onUtterancePlayed } from './farewell.ts';
import { floorDeadline, onFloorTime } from './floor.ts';
import { livenessDeadline, onLivenessTime, touch } from './liveness.ts';
import { hasBegun, isPlayedOut, playedOutAt } from './audio-clock.ts';
import {
  changeUtterance,
  conclude,
  findUtterance,
  onAudioEnded,
  onAudioReady,
  onAudioSent,
  onMark,
  speakLine,
  truncateToSent,
} from './playback.ts';
import {
  giveUp,
  onClause,
  onReplyDone,
  onReplyFailed,
  onReplyTime,
  onReplyTool,
  onToolSettled,
  replyDeadline,
} from './reply.ts';
import { raiseAlerts } from './safety.ts';
import { onUnheard } from './unheard.ts';
import { emit, isClosing, NEVER, update, type CallState, type Work } from './state.ts';
import type { Effect, Input } from './types.ts';

export { startCall } from './state.ts';

export type StepResult = {
  readonly state: CallState;
  readonly effects: readonly Effect[];
  /** When the core wants a `tick` if nothing else happens before; undefined: never. */
  readonly wakeAt: number | undefined;
};

/** Machines acting on time may make room for one another; more rounds than this never happen. */
const MAX_ROUNDS = 12;

export function step(state: CallState, input: Input, now: number): StepResult {
  if (state.ending.at === 'finished') return { state, effects: [], wakeAt: undefined };
  const work: Work = { state, now, effects: [] };
  take(work, input);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const before = work.state;
    settle(work);
    if (work.state === before) break;
  }
  return { state: work.state, effects: work.effects, wakeAt: wakeTime(work) };
}

function take(work: Work, input: Input): void {
  switch (input.kind) {
    case 'stream-attached':
      return onStreamAttached(work, input.resumed);
    case 'stream-closed':
      return onStreamClosed(work);
    case 'hung-up':
      return onHungUp(work, input.by === 'us' ? 'drain' : 'caller-hung-up');
    case 'overtaken':
      return onOvertaken(work);
    case 'caller-started':
    case 'caller-partial':
    case 'caller-eager-end':
    case 'caller-resumed':
    case 'caller-final':
      return onHeard(work, input);
    case 'listening':
      return onListening(work, input.state);
    case 'caller-unheard':
      return onUnheard(work, input.why);
    case 'digit':
      return onDigit(work, input.digit);
    case 'reply-clause':
      return onClause(work, input);
    case 'reply-tool':
      return onReplyTool(work, input);
    case 'reply-done':
      return onReplyDone(work, input);
    case 'reply-failed':
      return onReplyFailed(work, input);
    case 'tool-settled':
      return onToolSettled(work, input);
    case 'audio-ready':
      return onAudioReady(work, input);
    case 'audio-ended':
      return onAudioEnded(work, input);
    case 'voices-failed':
      return onVoicesFailed(work, input);
    case 'line-lent':
      return onLineLent(work, input);
    case 'audio-failed':
      return onAudioFailed(work, input.utterance);
    case 'audio-sent':
      return onAudioSent(work, input);
    case 'mark':
      return onMark(work, input);
    case 'answered-by':
      return onAnsweredBy(work, input.who);
    case 'drain':
      return update(work, { drain: { how: input.how, deadline: input.deadline } });
    case 'context-changed':
      return update(work, { contextVersion: work.state.contextVersion + 1 });
    case 'tick':
      return undefined;
  }
}

/** Lets every machine act on what time and the ledger have made due. */
function settle(work: Work): void {
  concludePlayed(work);
  onCallerTime(work);
  onFloorTime(work);
  onReplyTime(work);
  onCarrierVoiceTime(work);
  // Nothing the caller said is lost with the call.
  if (isAbandoned(work)) commitForced(work, { consume: false, answered: false });
  onFarewellTime(work);
  onClosingTime(work);
  onLivenessTime(work);
}

function concludePlayed(work: Work): void {
  for (const utterance of work.state.utterances) {
    if (!isPlayedOut(work.state, utterance, work.now)) continue;
    conclude(work, utterance, 'played');
    const { reply } = work.state;
    const ofReply = reply?.utterance === utterance.id;
    if (ofReply && reply.modelDone && work.state.tools.length === 0) {
      update(work, { reply: undefined });
    }
    const spokenGoodbye = utterance.line === undefined || utterance.line === 'goodbye';
    onUtterancePlayed(work, utterance.id, spokenGoodbye);
  }
}

/** Every voice failed for an utterance: what was sent of it is all there will be. */
function onAudioFailed(work: Work, id: number): void {
  const utterance = findUtterance(work.state, id);
  if (!utterance) return;
  const { reply, ending } = work.state;
  truncateToSent(work, utterance);
  changeUtterance(work, id, { rest: undefined });
  if (reply?.utterance === id) return giveUp(work);
  if (hasBegun(utterance)) return;
  emit(work, { kind: 'cancel-speech', utterance: id });
  conclude(work, utterance, 'cut');
  if (ending.at === 'last-words' && ending.utterance === id) onUtterancePlayed(work, id, false);
}

function onListening(work: Work, state: 'voice' | 'keypad'): void {
  if (state === work.state.listening) return;
  update(work, { listening: state });
  if (state === 'voice' || isClosing(work.state)) return;
  // The notice is the answer: half a sentence, which nobody will complete, deserves no other.
  commitForced(work, { consume: false, answered: false });
  speakLine(work, 'keypad');
}

function onDigit(work: Work, digit: string): void {
  touch(work);
  if (digit !== '1' || work.state.listening !== 'keypad' || isClosing(work.state)) return;
  raiseAlerts(work, undefined, [
    { category: 'help-request', severity: 'high', evidence: 'pressed 1 for help' },
  ]);
  speakLine(work, 'help-coming');
}

function wakeTime(work: Work): number | undefined {
  if (work.state.ending.at === 'finished') return undefined;
  const wakeAt = Math.min(
    playbackDeadline(work),
    callerDeadline(work),
    floorDeadline(work),
    replyDeadline(work),
    carrierVoiceDeadline(work),
    farewellDeadline(work),
    closingDeadline(work),
    livenessDeadline(work),
  );
  return wakeAt === NEVER ? undefined : wakeAt;
}

/** When an utterance whose mark does not come back counts as played. */
function playbackDeadline(work: Work): number {
  let first = NEVER;
  for (const utterance of work.state.utterances) {
    const { anchor, textDone, audioEnded, sentMs, readyMs } = utterance;
    if (anchor && textDone && audioEnded && sentMs >= readyMs) {
      first = Math.min(first, playedOutAt(work.state, utterance));
    }
  }
  return first;
}
