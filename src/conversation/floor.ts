/**
 * Who may speak. Barge-in has two steps: at the onset of the caller's voice nothing more is sent;
 * when words are known, a nod lets the companion go on and a wish to speak stops it at once.
 */

import { joinText, judgeOverlap, nod } from './lexicon.ts';
import { hasBegun, playedMs } from './audio-clock.ts';
import { conclude, isSpeakingOrAbout, rewindRemaining } from './playback.ts';
import { stopReply } from './reply.ts';
import { emit, NEVER, note, update, type OpenTurn, type Utterance, type Work } from './state.ts';
import type { LineId } from './types.ts';

function stoppable(work: Work): Utterance[] {
  return work.state.utterances.filter((u) => u.released && !u.unstoppable);
}

/** The utterance the caller hears now, or would hear next. */
function foremost(work: Work): Utterance | undefined {
  return work.state.utterances.find((utterance) => utterance.released);
}

/** First step: hold everything that is not yet with the carrier. */
export function contest(work: Work): void {
  const next = foremost(work);
  if (!next || next.unstoppable || work.state.pausedAt !== undefined) return;
  update(work, { pausedAt: work.now });
  emit(work, { kind: 'pause' });
}

const ASKING_FOR_LIFE: ReadonlySet<LineId> = new Set<LineId>([
  'still-there',
  'cannot-hear',
  'still-with-you',
  'idle-goodbye',
]);

/** A line that waits for any sign of the caller: a nod is the answer. */
function asksForLife(utterance: Utterance | undefined): boolean {
  return utterance?.line !== undefined && ASKING_FOR_LIFE.has(utterance.line);
}

/** Second step, with every new word. */
export function recheckFloor(work: Work): void {
  const { caller, settings } = work.state;
  if (caller.at === 'quiet' || caller.turn.hasFloor) return;
  const { turn } = caller;
  const next = foremost(work);
  if (next?.unstoppable) return;
  const greeting = next?.line === 'greeting';
  const verdict = judgeOverlap(joinText(turn.base, turn.text), settings.language, greeting);
  switch (verdict) {
    case 'nothing':
      return;
    case 'backchannel':
      return asksForLife(next) ? takeFloor(work) : letGoOn(work);
    case 'stop':
    case 'content':
      return takeFloor(work);
    case 'undecided':
      // Nothing of the answer was heard yet, so any word is more of the same turn.
      return stoppable(work).some(hasBegun) ? contest(work) : takeFloor(work);
  }
}

/** The caller has the floor: stop what is heard, forget what is not, write down what was heard. */
export function takeFloor(work: Work): void {
  const { caller } = work.state;
  if (caller.at === 'quiet') return;
  const stopped = stoppable(work);
  const begun = stopped.filter(hasBegun);
  const { reply, lastTurn } = work.state;
  let heard = '';
  // From the last to the first, so that no cancellation lets the next in line out.
  for (const { id } of stopped.toReversed()) emit(work, { kind: 'cancel-speech', utterance: id });
  for (const utterance of stopped) {
    const { id, sentMs } = utterance;
    const heardMs = playedMs(utterance, work.now);
    const made = hasBegun(utterance) && utterance.audioEnded && utterance.textDone;
    const whole = made && heardMs >= utterance.readyMs;
    if (hasBegun(utterance) && !whole) {
      note(work, { what: 'barge-in', utterance: id, heardMs, sentMs });
    }
    const words = conclude(work, utterance, whole ? 'played' : 'cut');
    if (utterance.line === undefined && !whole && words !== '') heard = words;
  }
  stopReply(work);
  // Only now: until everything is cancelled, the way out may still send some of it.
  if (begun.length > 0) {
    emit(work, { kind: 'clear' });
    rewindRemaining(work);
  }
  const merge = reply !== undefined && !reply.draft && reply.turnId === lastTurn?.turnId;
  const turn =
    merge && !wasAnswered(work, reply.turnId) && caller.turn.turnId !== lastTurn.turnId
      ? {
          ...caller.turn,
          turnId: lastTurn.turnId,
          revision: lastTurn.revision + 1,
          base: joinText(lastTurn.text, caller.turn.base),
          drafts: caller.turn.drafts + lastTurn.drafts,
        }
      : caller.turn;
  update(work, {
    caller: { ...caller, turn: { ...turn, hasFloor: true, interrupted: heard !== '' } },
  });
  // Somebody is there after all: an idle line's goodbye is taken back.
  const { ending } = work.state;
  if (ending.at === 'last-words' && ending.reason === 'idle') {
    update(work, { ending: { at: 'none' } });
    note(work, { what: 'ending-cancelled' });
  }
  if (!isSpeakingOrAbout(work.state)) letGoOn(work);
}

/** The caller has heard something of an answer to this turn. */
function wasAnswered(work: Work, turnId: string): boolean {
  const { history } = work.state;
  const at = history.findIndex((e) => e.role === 'caller' && e.turnId === turnId);
  return at < 0 || history.slice(at + 1).some((e) => e.role === 'companion' && e.text !== '');
}

/** True when the whole turn was no more than a nod over the companion's words. */
export function wasNodOver(work: Work, turn: OpenTurn): boolean {
  if (!turn.overlapped) return false;
  if (asksForLife(foremost(work))) return false;
  const text = joinText(turn.base, turn.text);
  const greeting = foremost(work)?.line === 'greeting';
  if (judgeOverlap(text, work.state.settings.language, greeting) !== 'backchannel') return false;
  if (isSpeakingOrAbout(work.state)) return true;
  // The companion finished meanwhile: a "yes" is then an answer to what was asked.
  const last = work.state.history.findLast((entry) => entry.role === 'companion');
  const asked = last?.role === 'companion' && /\?\s*$/.test(last.text);
  return !(asked && nod(text) === 'answer');
}

/** The caller's speech came to nothing: the companion goes on where it stopped sending. */
export function yieldFloor(work: Work, turn: OpenTurn): void {
  const { pausedAt } = work.state;
  if (pausedAt !== undefined && turn.text === '') {
    note(work, { what: 'false-interruption', heldMs: work.now - pausedAt });
  }
  letGoOn(work);
}

/** Sends on. */
export function letGoOn(work: Work): void {
  if (work.state.pausedAt === undefined) return;
  update(work, { pausedAt: undefined });
  emit(work, { kind: 'unpause' });
}

/** When speech is held that brought no words. */
export function floorDeadline(work: Work): number {
  const { caller, pausedAt, settings } = work.state;
  if (pausedAt === undefined || caller.at !== 'talking') return NEVER;
  const { turn } = caller;
  if (turn.text !== '' || turn.eagerOpen || turn.hasFloor) return NEVER;
  return pausedAt + settings.falseInterruptionMs;
}

export function onFloorTime(work: Work): void {
  if (work.now < floorDeadline(work)) return;
  const { caller } = work.state;
  if (caller.at !== 'quiet') yieldFloor(work, caller.turn);
}
