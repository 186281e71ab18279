/**
 * The caller's turn: opened at the first sign of speech, filled by partials, closed by a final,
 * committed once. A turn that resumes before its answer was heard is the same turn with more words;
 * nothing the caller said is lost, and nothing is given to the model twice.
 */

import { answer, draftAnswer } from './answering.ts';
import { contest, letGoOn, recheckFloor, takeFloor, wasNodOver, yieldFloor } from './floor.ts';
import { writeCallerTurn } from './history.ts';
import { joinText, wordsOf } from './lexicon.ts';
import { isSpeakingOrAbout, speakLine } from './playback.ts';
import { concernDrafts, dropDraft } from './reply.ts';
import { raiseAlerts } from './safety.ts';
import { emit, isClosing, NEVER, note, update, type OpenTurn, type Work } from './state.ts';
import type { Input, Observation, TurnId } from './types.ts';

type Heard = Extract<
  Input,
  {
    kind:
      'caller-started' | 'caller-partial' | 'caller-eager-end' | 'caller-resumed' | 'caller-final';
  }
>;

/** The turn that is open, whether the caller is talking or its end is still being waited for. */
export function openTurn(work: Work): OpenTurn | undefined {
  return work.state.caller.at === 'quiet' ? undefined : work.state.caller.turn;
}

function changeTurn(work: Work, change: Partial<OpenTurn>): void {
  const { caller } = work.state;
  if (caller.at === 'quiet') return;
  update(work, { caller: { ...caller, turn: { ...caller.turn, ...change } } });
}

/** Words of an STT turn that have not been committed already. */
function freshText(work: Work, input: Heard): string {
  const { consumed } = work.state;
  if (wordsOf(input.text).length === 0) return '';
  if (consumed?.sttTurn !== input.sttTurn) return input.text.trim();
  return input.text.trim().split(/\s+/).slice(consumed.words).join(' ');
}

export function onHeard(work: Work, input: Heard): void {
  if (input.sttTurn <= work.state.lastSttTurn) return;
  const text = freshText(work, input);
  if (work.state.stream !== 'attached') return keepLate(work, input, text);
  // A caller who was cut in on is answered before the final comes, and only the final tells of danger.
  if (input.kind === 'caller-final' && text === '' && openTurn(work) === undefined) {
    raiseAlerts(work, work.state.lastTurn?.turnId, input.observed?.signals ?? []);
  }
  if (!openOrContinue(work, input, text)) return;
  // Noise is no sign of life: with a carrier that never falls silent, the idle ladder must still work.
  if (text !== '') update(work, { idle: { ...work.state.idle, since: work.now } });
  switch (input.kind) {
    case 'caller-started':
    case 'caller-partial':
      return takeWords(work, text, input.kind === 'caller-partial' ? input.lastWordAt : undefined);
    case 'caller-eager-end':
      takeWords(work, text);
      return onEagerEnd(work, input.observed);
    case 'caller-resumed':
      changeTurn(work, { eagerOpen: false });
      dropDraft(work);
      return takeWords(work, text);
    case 'caller-final':
      takeWords(work, text, input.lastWordAt);
      return onFinal(work, input.sttTurn, input.observed);
  }
}

/** What was said before the line broke is understood a little later: kept, and heard for danger. */
function keepLate(work: Work, input: Heard, text: string): void {
  if (input.kind !== 'caller-final') return;
  const signals = input.observed?.signals ?? [];
  update(work, { lastSttTurn: input.sttTurn });
  if (text === '') return raiseAlerts(work, work.state.lastTurn?.turnId, signals);
  const turnId: TurnId = `t${work.state.nextTurn}`;
  update(work, { nextTurn: work.state.nextTurn + 1 });
  raiseAlerts(work, turnId, signals);
  writeDown(work, { turnId, revision: 0, base: '', text, drafts: 0 }, true);
}

/** Opens a turn, or carries the open one into a new STT turn. False when there is nothing to do. */
function openOrContinue(work: Work, input: Heard, text: string): boolean {
  const turn = openTurn(work);
  if (turn) {
    if (input.sttTurn < turn.sttTurn) return false;
    if (input.sttTurn > turn.sttTurn) {
      changeTurn(work, {
        sttTurn: input.sttTurn,
        base: joinText(turn.base, turn.text),
        text: '',
        eagerOpen: false,
      });
    }
    if (work.state.caller.at === 'settling') {
      if (input.kind === 'caller-final' && text === '') return false;
      update(work, { caller: { at: 'talking', turn: openTurn(work) ?? turn } });
    }
    return true;
  }
  // Only a start may open a turn without words: recognisers also send updates about silence.
  if (text === '' && input.kind !== 'caller-started') {
    if (input.kind === 'caller-final') update(work, { lastSttTurn: input.sttTurn });
    return false;
  }
  // While a tool runs, nothing may be left to say, and still the companion is not done.
  const { reply } = work.state;
  const overlapped = isSpeakingOrAbout(work.state) || (reply !== undefined && !reply.draft);
  const turnId: TurnId = `t${work.state.nextTurn}`;
  update(work, {
    nextTurn: work.state.nextTurn + 1,
    caller: {
      at: 'talking',
      turn: {
        turnId,
        revision: 0,
        sttTurn: input.sttTurn,
        base: '',
        text: '',
        openedAt: work.now,
        changedAt: work.now,
        lastWordAt: work.now,
        overlapped,
        hasFloor: !overlapped,
        interrupted: false,
        eagerOpen: false,
        drafts: 0,
        cutIn: false,
      },
    },
  });
  note(work, { what: 'turn-opened', turnId });
  if (overlapped) contest(work);
  return true;
}

function takeWords(work: Work, text: string, lastWordAt: number = work.now): void {
  const turn = openTurn(work);
  if (!turn || text === turn.text) return;
  // A recogniser may report a shorter text while it thinks again; what was final stays final.
  changeTurn(work, {
    text,
    changedAt: work.now,
    lastWordAt: Math.min(work.now, Math.max(turn.lastWordAt, lastWordAt)),
  });
  concernDrafts(work, joinText(turn.base, text));
  recheckFloor(work);
}

function onEagerEnd(work: Work, observed: Observation | undefined): void {
  const turn = openTurn(work);
  if (!turn) return;
  changeTurn(work, { eagerOpen: true });
  makeDraft(work, observed?.guidance ?? []);
}

/** Drafts an answer to the words so far, as often as a turn may. */
function makeDraft(work: Work, guidance: readonly string[]): void {
  const turn = openTurn(work);
  if (!turn?.hasFloor || turn.drafts >= work.state.settings.draftsPerTurn) return;
  const text = joinText(turn.base, turn.text);
  if (text === '' || !draftAnswer(work, turn, text, guidance)) return;
  changeTurn(work, { drafts: turn.drafts + 1 });
}

function onFinal(work: Work, sttTurn: number, observed: Observation | undefined): void {
  update(work, { lastSttTurn: sttTurn });
  const turn = openTurn(work);
  if (!turn) return;
  const text = joinText(turn.base, turn.text);
  if (observed) raiseAlerts(work, turn.turnId, observed.signals);
  if (text === '') return closeWordless(work, turn, false);
  if (!turn.hasFloor) {
    if (wasNodOver(work, turn)) return closeNod(work, turn, text);
    takeFloor(work);
  }
  const settled = openTurn(work) ?? turn;
  const until = settled.lastWordAt + work.state.settings.endSilenceMs;
  const guidance = observed?.guidance ?? [];
  if (until > work.now) {
    update(work, { caller: { at: 'settling', turn: settled, guidance } });
    return makeDraft(work, guidance);
  }
  commit(work, settled, guidance, false);
}

/** Speech without words, or an STT turn that came to nothing: as if it had not happened. */
function closeWordless(work: Work, turn: OpenTurn, timedOut: boolean): void {
  update(work, { caller: { at: 'quiet' } });
  dropDraft(work);
  yieldFloor(work, turn);
  const { idle } = work.state;
  const free = !turn.overlapped && !isSpeakingOrAbout(work.state) && !isClosing(work.state);
  if (timedOut && free && !idle.askedAgain && work.state.reply === undefined) {
    update(work, { idle: { ...work.state.idle, askedAgain: true } });
    speakLine(work, 'did-not-catch');
  }
}

/** A nod over the companion's words: kept in the transcript, and the companion goes on. */
function closeNod(work: Work, turn: OpenTurn, text: string): void {
  const { turnId, revision } = turn;
  update(work, { caller: { at: 'quiet' } });
  dropDraft(work);
  emit(work, { kind: 'record-caller', turnId, revision, text, as: 'backchannel' });
  note(work, { what: 'backchannel' });
  yieldFloor(work, turn);
}

/** The turn is over and whole: write it down and answer it. */
function commit(work: Work, turn: OpenTurn, guidance: readonly string[], forced: boolean): void {
  const text = writeDown(work, turn, forced);
  answer(work, turn, text, guidance);
}

type Said = Pick<OpenTurn, 'turnId' | 'revision' | 'base' | 'text' | 'drafts'>;

function writeDown(work: Work, turn: Said, forced: boolean): string {
  const { turnId, revision } = turn;
  const text = joinText(turn.base, turn.text);
  update(work, {
    caller: { at: 'quiet' },
    lastTurn: { turnId, revision, text, committedAt: work.now, drafts: turn.drafts },
    idle: { since: work.now, step: 0, askedAgain: false },
  });
  writeCallerTurn(work, turnId, text);
  emit(work, { kind: 'record-caller', turnId, revision, text, as: 'turn' });
  note(work, { what: 'turn-committed', turnId, revision, forced });
  raiseAlerts(work, turnId, work.state.settings.observe(text).signals);
  return text;
}

/**
 * Commits what there is of an open turn without waiting for its final. `answered: false` only
 * writes it down.
 */
export function commitForced(work: Work, options: { consume: boolean; answered: boolean }): void {
  const turn = openTurn(work);
  if (!turn) return;
  const text = joinText(turn.base, turn.text);
  if (options.consume) {
    const before = work.state.consumed?.sttTurn === turn.sttTurn ? work.state.consumed.words : 0;
    const words = before + turn.text.split(/\s+/).filter((word) => word !== '').length;
    update(work, { consumed: { sttTurn: turn.sttTurn, words } });
  } else {
    update(work, { lastSttTurn: Math.max(work.state.lastSttTurn, turn.sttTurn) });
  }
  if (text === '') return closeWordless(work, turn, false);
  if (options.answered) {
    if (!turn.hasFloor) takeFloor(work);
    return commit(work, openTurn(work) ?? turn, [], true);
  }
  dropDraft(work);
  writeDown(work, turn, true);
  letGoOn(work);
}

function hasWords(turn: OpenTurn): boolean {
  return turn.text !== '' || turn.base !== '';
}

/** Deadlines of the open turn. */
export function callerDeadline(work: Work): number {
  const { caller, settings } = work.state;
  if (caller.at === 'quiet') return NEVER;
  const { turn } = caller;
  if (caller.at === 'settling') return turn.lastWordAt + settings.endSilenceMs;
  return hasWords(turn)
    ? Math.min(turn.changedAt + settings.stuckTurnMs, turn.openedAt + settings.longestTurnMs)
    : turn.changedAt + settings.wordlessTurnMs;
}

/** Acts on the deadlines that have passed. */
export function onCallerTime(work: Work): void {
  const { caller, settings } = work.state;
  if (caller.at === 'quiet') return;
  const { turn } = caller;
  if (caller.at === 'settling') {
    if (work.now >= turn.lastWordAt + settings.endSilenceMs) {
      commit(work, turn, caller.guidance, false);
    }
    return;
  }
  if (!hasWords(turn)) {
    if (work.now < turn.changedAt + settings.wordlessTurnMs) return;
    // The words of this STT turn may still be on their way, so it does not become stale.
    return closeWordless(work, turn, true);
  }
  if (work.now >= turn.changedAt + settings.stuckTurnMs) {
    emit(work, { kind: 'restart-listening' });
    return commitForced(work, { consume: false, answered: true });
  }
  if (work.now >= turn.openedAt + settings.longestTurnMs) {
    changeTurn(work, { cutIn: true });
    commitForced(work, { consume: true, answered: true });
  }
}
