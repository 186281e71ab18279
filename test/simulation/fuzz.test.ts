/**
 * Facts in any order at all, most of them senseless: the core never throws, never orders what is
 * against its own contract at the end, and never grows.
 */
import { describe, expect, it } from 'vitest';
import { defaultSettings } from '../../src/conversation/settings.ts';
import { startCall, step } from '../../src/conversation/step.ts';
import type { Input } from '../../src/conversation/types.ts';
import { deepFreeze, LINES } from '../helpers/core-call.ts';
import { chance, type Chance } from './script.ts';

const SEQUENCES = 300;
const LENGTH = 150;

const TEXTS = [
  '',
  '…',
  'mm-hm',
  'wait',
  'good night',
  'one two three four',
  'yes',
  'bye',
  'hello?',
];

function anyFact(luck: Chance, now: number): Input {
  const utterance = luck.between(0, 12);
  const sttTurn = luck.between(-1, 8);
  const text = luck.pick(TEXTS);
  const ms = luck.between(-100, 4000);
  const callId = `c${luck.between(0, 4)}`;
  const words = luck.hit(0.5) ? [{ text, startMs: ms, endMs: ms + 200 }] : undefined;
  return luck.pick<Input>([
    { kind: 'stream-attached', resumed: luck.hit(0.5) },
    luck.hit(0.1) ? { kind: 'stream-closed' } : { kind: 'tick' },
    luck.hit(0.02) ? { kind: 'hung-up' } : { kind: 'tick' },
    { kind: 'caller-started', sttTurn, text },
    { kind: 'caller-partial', sttTurn, text, lastWordAt: now + ms },
    { kind: 'caller-eager-end', sttTurn, text },
    { kind: 'caller-resumed', sttTurn, text },
    { kind: 'caller-final', sttTurn, text },
    { kind: 'listening', state: luck.pick(['voice', 'keypad'] as const) },
    { kind: 'caller-unheard', why: luck.pick(['late', 'wordless'] as const) },
    { kind: 'voices-failed', utterance, rest: text, totalMs: ms },
    luck.hit(0.1) ? { kind: 'line-lent', utterance } : { kind: 'tick' },
    { kind: 'digit', digit: luck.pick(['1', '9']) },
    { kind: 'reply-clause', utterance, text },
    { kind: 'reply-tool', utterance, callId, name: 'look', input: {} },
    { kind: 'reply-done', utterance },
    { kind: 'reply-failed', utterance },
    { kind: 'tool-settled', callId, result: text, isError: luck.hit(0.5) },
    { kind: 'audio-ready', utterance, totalMs: ms, words },
    { kind: 'audio-ended', utterance, totalMs: ms },
    { kind: 'audio-failed', utterance },
    { kind: 'audio-sent', utterance, toMs: ms },
    { kind: 'mark', utterance, atMs: ms },
    luck.hit(0.05) ? { kind: 'answered-by', who: 'machine' } : { kind: 'context-changed' },
    luck.hit(0.05)
      ? { kind: 'drain', how: luck.pick(['move', 'wind-up'] as const), deadline: now + ms * 4 }
      : { kind: 'tick' },
  ]);
}

describe('facts in any order', () => {
  it(`${SEQUENCES} sequences neither throw nor grow, and end when the call ends`, () => {
    let ordered = 0;
    for (let seed = 1; seed <= SEQUENCES; seed += 1) {
      const luck = chance(seed);
      let now = luck.between(0, 1_000_000);
      let state = deepFreeze(startCall(defaultSettings(LINES, luck.pick(['en', 'es'])), now));
      let finished = 0;
      for (let n = 0; n < LENGTH; n += 1) {
        now += luck.hit(0.1) ? luck.between(0, 8000) : luck.between(0, 300);
        const last = n === LENGTH - 1;
        const input: Input = last ? { kind: 'hung-up' } : anyFact(luck, now);
        const result = step(state, deepFreeze(input), now);
        state = deepFreeze(result.state);
        ordered += result.effects.length;
        if (finished > 0) expect(result.effects, `seed ${seed}`).toEqual([]);
        finished += result.effects.filter((effect) => effect.kind === 'finish').length;
        expect(result.effects.length, `seed ${seed}`).toBeLessThan(60);
        expect(state.utterances.length, `seed ${seed}`).toBeLessThan(30);
        expect(state.tools.length, `seed ${seed}`).toBeLessThanOrEqual(4);
        expect(Number.isNaN(result.wakeAt), `seed ${seed}`).toBe(false);
      }
      expect(finished, `seed ${seed}`).toBe(1);
    }
    expect(ordered).toBeGreaterThan(SEQUENCES);
  });
});
