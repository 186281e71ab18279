/** What ends or moves a call from outside the conversation: time, drain, machines, lost streams. */

import { onLineLent, onLineReturned } from './carrier-voice.ts';
import { commitForced, openTurn } from './caller-turn.ts';
import { finish, hangUp, sayLastWords } from './farewell.ts';
import { letGoOn } from './floor.ts';
import { lastQuestion, questionIn } from './history.ts';
import { joinText, machineLikeness, wordsOf } from './lexicon.ts';
import { isSpeakingOrAbout, silence, speakLine, speakText } from './playback.ts';
import { ask, stopReply } from './reply.ts';
import { isInDanger, limitAt } from './safety.ts';
import { emit, isClosing, NEVER, update, type CallState, type Work } from './state.ts';
import type { Cue, Input } from './types.ts';

/** Past the time limit, whoever speaks may finish within this. */
const LIMIT_OVERRUN_MS = 10_000;
/** Before a drain's deadline, what a goodbye and a hang-up need. */
const DRAIN_GOODBYE_MS = 8_000;
/** Before a drain's deadline, what closing the socket needs. */
const DRAIN_MOVE_MS = 1_500;
const MOVE_WAIT_MS = 3_000;

export function onStreamAttached(work: Work, resumed: boolean): void {
  const { stream } = work.state;
  const first = stream === 'awaited' && !resumed;
  update(work, {
    stream: 'attached',
    streamSince: work.now,
    idle: { ...work.state.idle, since: work.now, step: 0 },
  });
  if (isClosing(work.state)) return;
  if (stream === 'lent') return onLineReturned(work);
  if (first || isUngreeted(work)) {
    speakLine(work, 'greeting');
    return;
  }
  speakLine(work, 'lost-you');
  pickUpThread(work);
}

/** Fewer words than this of a greeting tell nobody who speaks to them. */
const GREETED_WORDS = 3;

/**
 * The stream broke before the greeting had been heard, or more than a word or two of it: whoever
 * picked up has not been told who speaks to them. Not so for a call from another process, whose
 * caller may have heard it there.
 */
function isUngreeted(work: Work): boolean {
  const { history, lineUses } = work.state;
  if ((lineUses.greeting ?? 0) === 0 || openTurn(work) !== undefined) return false;
  const words = history.flatMap((entry) => ('text' in entry ? entry.text.split(' ') : []));
  return words.length < GREETED_WORDS && history.every(({ role }) => role === 'companion');
}

/** Back on the line: answers what was left unanswered, or asks once more what was asked last. */
function pickUpThread(work: Work): void {
  if (openTurn(work)) return commitForced(work, { consume: false, answered: true });
  const { history, ending, settings } = work.state;
  if (ending.at === 'farewell' && ending.until !== undefined) return;
  const last = history.at(-1);
  const turn = history.findLast((entry) => entry.role === 'caller');
  if (turn?.role === 'caller' && (last?.role === 'caller' || last?.role === 'tool')) {
    const cues: Cue[] = ending.at === 'farewell' ? ['say-goodbye'] : [];
    if (last.role === 'tool') cues.push('after-tool');
    ask(work, turn.turnId, { text: turn.text, cues, guidance: [] });
    return;
  }
  // Where nobody has answered it yet, the greeting's own question stands.
  const [greeting = ''] = settings.lines.greeting;
  const unanswered = turn === undefined ? questionIn(greeting) : undefined;
  const question = lastQuestion(history) ?? unanswered;
  if (question !== undefined) speakText(work, undefined, question);
}

/** Whatever is being said stops; what was heard and said is written down. */
export function onOvertaken(work: Work): void {
  stopSpeaking(work);
  finish(work, 'moved');
}

/** The stream is gone: what was heard and said is written down; the call may come back. */
export function onStreamClosed(work: Work): void {
  const { ending, stream } = work.state;
  if (stream !== 'attached') return;
  // The carrier takes the stream away to speak for us, often before it has answered that it will.
  const lending = work.state.utterances.find((utterance) => utterance.lending);
  if (lending) return onLineLent(work, { kind: 'line-lent', utterance: lending.id });
  update(work, { stream: 'lost', streamSince: work.now });
  letGoOn(work);
  silence(work);
  stopReply(work);
  // The recogniser has not heard of it: more words of this turn may come.
  commitForced(work, { consume: true, answered: false });
  if (ending.at === 'hanging-up') return finish(work, ending.reason);
  if (ending.at === 'last-words') return finish(work, ending.reason);
  if (ending.at === 'moving') return finish(work, 'moved');
}

/** `reason`: where nothing else had begun to end the call. */
export function onHungUp(work: Work, reason: 'caller-hung-up' | 'drain'): void {
  const { ending } = work.state;
  onStreamClosed(work);
  const known = ending.at === 'hanging-up' || ending.at === 'last-words';
  finish(work, known ? ending.reason : ending.at === 'farewell' ? 'goodbye' : reason);
}

/**
 * Voicemail hears a short message; a fax nothing. A person hears the conversation go on, also where
 * the carrier takes them for a machine: its verdict may be wrong, and come half a minute late.
 */
export function onAnsweredBy(
  work: Work,
  who: Extract<Input, { kind: 'answered-by' }>['who'],
): void {
  if (isClosing(work.state) || who === 'human' || who === 'unknown') return;
  if (isConversing(work.state)) return;
  silence(work);
  stopReply(work);
  commitForced(work, { consume: true, answered: false });
  if (who === 'fax') return hangUp(work, 'fax');
  sayLastWords(work, 'voicemail', 'voicemail');
}

/**
 * Somebody has answered what they heard to its end, or has cried for help. Machines talk over our
 * greeting, and say what machines say.
 */
function isConversing(state: CallState): boolean {
  const { history, caller, settings } = state;
  const said = history.flatMap((entry) => (entry.role === 'caller' ? [entry.text] : []));
  const saying = caller.at === 'quiet' ? '' : joinText(caller.turn.base, caller.turn.text);
  const machine = machineLikeness([...said, saying].join('. '), settings.language);
  // A doctor's machine speaks of emergencies too; who fell by the mailbox is none.
  if (isInDanger(state)) return machine !== 'greeting';
  if (machine !== 'none') return false;
  const heardAt = history.findIndex(
    (entry) => entry.role === 'companion' && !entry.open && !entry.interrupted && entry.text !== '',
  );
  if (heardAt < 0) return false;
  if (history.slice(heardAt).some((entry) => entry.role === 'caller')) return true;
  return caller.at !== 'quiet' && !caller.turn.overlapped && wordsOf(saying).length > 0;
}

/** When the present drain can wait no longer. */
function drainForcedAt(work: Work): number | undefined {
  const { drain } = work.state;
  if (!drain || isClosing(work.state)) return undefined;
  return drain.deadline - (drain.how === 'move' ? DRAIN_MOVE_MS : DRAIN_GOODBYE_MS);
}

/** Nobody is speaking: a boundary at which a call may be moved or ended. */
function isBoundary(work: Work): boolean {
  return work.state.caller.at === 'quiet' && !isSpeakingOrAbout(work.state) && !work.state.reply;
}

export function closingDeadline(work: Work): number {
  const { stream, streamSince, settings, ending } = work.state;
  if (ending.at === 'finished') return NEVER;
  if (stream !== 'attached') return streamSince + settings.resumeGraceMs;
  if (isClosing(work.state)) return NEVER;
  const forced = drainForcedAt(work);
  const limit =
    work.now >= limitAt(work.state) ? limitAt(work.state) + LIMIT_OVERRUN_MS : limitAt(work.state);
  return Math.min(limit, forced ?? NEVER);
}

export function onClosingTime(work: Work): void {
  const { stream, streamSince, settings, ending } = work.state;
  if (ending.at === 'finished') return;
  if (stream !== 'attached') {
    if (work.now >= streamSince + settings.resumeGraceMs) finish(work, 'stream-lost');
    return;
  }
  if (isClosing(work.state)) return;
  const forcedAt = drainForcedAt(work);
  const drainNow = forcedAt !== undefined && (work.now >= forcedAt || isBoundary(work));
  if (drainNow) return drainCall(work);
  const overrun = work.now >= limitAt(work.state) + LIMIT_OVERRUN_MS;
  if (work.now >= limitAt(work.state) && (overrun || isBoundary(work))) {
    stopSpeaking(work);
    sayLastWords(work, 'time-goodbye', 'time-limit');
  }
}

function drainCall(work: Work): void {
  const { drain } = work.state;
  if (!drain) return;
  stopSpeaking(work);
  if (drain.how === 'wind-up') {
    return sayLastWords(work, 'drain-goodbye', 'drain', drain.deadline - DRAIN_MOVE_MS);
  }
  update(work, { ending: { at: 'moving', until: work.now + MOVE_WAIT_MS } });
  emit(work, { kind: 'move-call' });
}

/** Cuts whatever is being said on either side; nothing of it is lost. */
function stopSpeaking(work: Work): void {
  silence(work);
  stopReply(work);
  commitForced(work, { consume: true, answered: false });
  letGoOn(work);
}
