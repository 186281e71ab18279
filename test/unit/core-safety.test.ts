/** Alerts: danger in the caller's words is told of at once, whatever else is going on. */
import { describe, expect, it } from 'vitest';
import type { Effect, Signal } from '../../src/conversation/types.ts';
import { CoreCall, pick } from '../helpers/core-call.ts';

const FALL: Signal = { category: 'health', severity: 'high', evidence: 'I fell in the bathroom' };
const TIRED: Signal = { category: 'emotion', severity: 'medium', evidence: 'so tired' };

function finalWith(call: CoreCall, sttTurn: number, text: string, signals: Signal[]): Effect[] {
  const observed = { signals, guidance: [] };
  return [...call.feed({ kind: 'caller-final', sttTurn, text, observed })];
}

describe('alerts', () => {
  it('a high signal raises one alert per category and turn, a lower one none', () => {
    const call = new CoreCall().connect();
    const sttTurn = call.begins('I fell');
    const said = 'I fell in the bathroom so tired';
    const effects = finalWith(call, sttTurn, said, [FALL, TIRED, FALL]);
    const [record] = pick(effects, 'record-caller');
    expect(pick(effects, 'raise-alert')).toEqual([
      { kind: 'raise-alert', turnId: record!.turnId, signal: FALL },
    ]);
    expect(finalWith(call, sttTurn, said, [FALL])).toEqual([]);
    call.replies('Are you hurt?');
    call.settle();
    const later = finalWith(call, call.begins('I fell'), 'I fell in the bathroom again', [FALL]);
    expect(pick(later, 'raise-alert')).toHaveLength(1);
  });

  it('a nod over the companion that holds danger raises an alert too', () => {
    const call = new CoreCall().connect();
    call.says('what is new');
    call.replies('The garden centre has lovely roses this week for you');
    call.advance(700);
    const effects = finalWith(call, call.begins('oh'), 'oh', [FALL]);
    expect(pick(effects, 'raise-alert')).toHaveLength(1);
  });

  it('a caller who was cut in on raises an alert when the final comes without new words', () => {
    const call = new CoreCall({ settings: { longestTurnMs: 4000 } }).connect();
    const sttTurn = call.begins('I fell');
    call.partial('I fell in the bathroom', sttTurn);
    call.advance(4100);
    expect(call.lines('cut-in')).toHaveLength(1);
    const effects = finalWith(call, sttTurn, 'I fell in the bathroom', [FALL]);
    expect(pick(effects, 'raise-alert')).toMatchObject([{ signal: FALL }]);
    expect(pick(effects, 'record-caller')).toEqual([]);
  });

  it('with no recogniser left, pressing 1 raises an alert and is answered with what to do', () => {
    const call = new CoreCall().connect();
    expect(pick(call.feed({ kind: 'digit', digit: '1' }), 'raise-alert')).toEqual([]);
    call.feed({ kind: 'listening', state: 'keypad' });
    const effects = call.feed({ kind: 'digit', digit: '1' });
    expect(pick(effects, 'raise-alert')).toMatchObject([{ signal: { severity: 'high' } }]);
    expect(pick(effects, 'say-line').map((e) => e.line)).toEqual(['help-coming']);
  });

  it('a caller who falls silent after a cry for help is not left for minutes', () => {
    const call = new CoreCall().connect();
    finalWith(call, call.begins('I fell'), 'I fell in the bathroom', [FALL]);
    call.replies('Are you hurt?');
    call.advance(4 * 60_000);
    expect(call.all('finish')).toEqual([]);
    expect(call.lines('still-with-you').length).toBeGreaterThan(10);
    call.advance(4 * 60_000);
    expect(call.lines('idle-goodbye')).toHaveLength(1);
    expect(call.all('hang-up')).toMatchObject([{ reason: 'idle' }]);
  });

  it('a sign of life takes the questions back to their beginning', () => {
    const call = new CoreCall().connect();
    finalWith(call, call.begins('I fell'), 'I fell in the bathroom', [FALL]);
    call.replies('Are you hurt?');
    call.advance(60_000);
    const before = call.lines('still-there').length;
    call.exchange('I am here', 'Good, is anybody with you?');
    call.advance(15_000);
    expect(call.lines('still-there')).toHaveLength(before + 1);
  });

  it('the limit of a call leaves two minutes more after a cry for help', () => {
    const call = new CoreCall({ settings: { endAfterMs: 60_000 } }).connect();
    finalWith(call, call.begins('I fell'), 'I fell in the bathroom', [FALL]);
    call.replies('Are you hurt?');
    call.advance(100_000);
    expect(call.lines('time-goodbye')).toEqual([]);
    call.advance(100_000);
    expect(call.lines('time-goodbye')).toHaveLength(1);
    expect(call.all('hang-up')).toMatchObject([{ reason: 'time-limit' }]);
  });
});
