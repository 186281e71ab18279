/**
 * The caller spoke and nobody made out what: the recogniser is gone, late, or finds no words. They
 * hear at once that they were noticed, and are asked again where waiting will not help.
 */

import { commitForced, openTurn } from './caller-turn.ts';
import { isSpeakingOrAbout, speakLine } from './playback.ts';
import { isClosing, update, type Work } from './state.ts';

export function onUnheard(work: Work, why: 'late' | 'wordless'): void {
  const { stream, listening, reply, idle } = work.state;
  if (stream !== 'attached' || isClosing(work.state)) return;
  const turn = openTurn(work);
  const hasWords = turn !== undefined && (turn.text !== '' || turn.base !== '');
  // An empty turn that is let go of here stays open to words that may still come for it.
  if (why === 'wordless' && turn && !hasWords) {
    commitForced(work, { consume: true, answered: false });
  }
  const isBusy = isSpeakingOrAbout(work.state) || (reply !== undefined && !reply.draft);
  // What was said over our own words is asked about behind them.
  if (isBusy && (why === 'late' || idle.askedAgain || listening === 'keypad')) return;
  if (listening === 'keypad') return void speakLine(work, 'keypad');
  if (why === 'late') return void speakLine(work, 'filler');
  // It may be a noise of the room: that is asked about twice, then the idle ladder goes on.
  if (hasWords || idle.step >= 2) return;
  speakLine(work, idle.step === 0 && !idle.askedAgain ? 'did-not-catch' : 'cannot-hear');
  update(work, { idle: { ...work.state.idle, step: idle.step + 1, askedAgain: true } });
}
