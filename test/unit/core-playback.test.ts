/** CASES A: playback and marks. */
import { describe, expect, it } from 'vitest';
import type { TimedWord } from '../../src/conversation/types.ts';
import { CoreCall, kinds, pick } from '../helpers/core-call.ts';

const LONG = 'well the garden centre opens at nine and they have lovely roses this week for you';
const LONG_WORDS = LONG.split(' ');

/** A call in which the model's long reply is being played since `ms`. */
function speaking(
  ms: number,
  options: ConstructorParameters<typeof CoreCall>[0] = {},
): {
  call: CoreCall;
  utterance: number;
} {
  const call = new CoreCall(options).connect();
  call.says('what about the garden centre');
  const { utterance } = call.last('ask-model');
  call.replies(LONG);
  call.advance(120 + ms);
  return { call, utterance };
}

/** Tells the core by hand what the mouth did with a reply of 300 ms words. */
function sentByHand(call: CoreCall, utterance: number, text: string, timings = true): number {
  const words: TimedWord[] = text.split(' ').map((word, at) => {
    return { text: word, startMs: at * 300, endMs: at * 300 + 300 };
  });
  const totalMs = words.length * 300;
  call.feed({ kind: 'audio-ready', utterance, totalMs, words: timings ? words : undefined });
  call.feed({ kind: 'audio-ended', utterance, totalMs });
  call.feed({ kind: 'audio-sent', utterance, toMs: totalMs });
  return totalMs;
}

/** A call without a mouth, whose greeting has been played by report. */
function byHand(settings = {}): CoreCall {
  const call = new CoreCall({ mouth: false, settings }).connect();
  const { utterance, text } = call.last('say-line');
  const totalMs = sentByHand(call, utterance, text);
  call.advance(totalMs);
  call.feed({ kind: 'mark', utterance, atMs: totalMs });
  return call;
}

describe('A. playback and marks', () => {
  it('case 1: audio of a cancelled reply arrives after the clear and is dropped by its generation', () => {
    const { call, utterance } = speaking(1500);
    call.begins('wait');
    expect(kinds(call.all('clear'))).toEqual(['clear']);
    expect(call.all('cancel-speech').map((e) => e.utterance)).toContain(utterance);
    const before = call.state;
    const late = [
      ...call.feed({ kind: 'audio-ready', utterance, totalMs: 9000, words: undefined }),
      ...call.feed({ kind: 'audio-sent', utterance, toMs: 9000 }),
      ...call.feed({ kind: 'audio-ended', utterance, totalMs: 9000 }),
    ];
    expect(late).toEqual([]);
    expect(call.state).toEqual(before);
  });

  it('case 2: marks of cleared audio come back and are never counted as played', () => {
    const { call, utterance } = speaking(1500);
    call.begins('wait');
    const sentMs = call.notes('barge-in').at(-1)!.sentMs;
    expect(sentMs).toBeGreaterThan(1500);
    for (let atMs = 200; atMs <= sentMs; atMs += 200) {
      call.feed({ kind: 'mark', utterance, atMs });
    }
    call.final('wait a minute');
    const heard = call.shown('companion').at(-1)!;
    expect(heard).toBe(LONG_WORDS.slice(0, 5).join(' '));
    expect(call.notes('utterance-played').map((n) => n.utterance)).not.toContain(utterance);
  });

  it('case 3: model and voice are done but the carrier still plays, so an interruption still clears', () => {
    const call = byHand();
    call.says('what about the garden centre');
    const { utterance } = call.last('ask-model');
    call.replies(LONG);
    sentByHand(call, utterance, LONG);
    call.advance(1000);
    const stopped = call.feed({ kind: 'caller-started', sttTurn: 9, text: 'stop' });
    expect(kinds(stopped)).toContain('clear');
    expect(pick(stopped, 'record-companion')).toMatchObject([{ utterance, interrupted: true }]);
  });

  it('case 4: a mark never returns and the audio clock ends the turn within a bound', () => {
    const { call, utterance } = speaking(0, { manners: { markDelayMs: () => undefined } });
    const endsMs = LONG_WORDS.length * 300;
    call.advance(endsMs - 200);
    expect(call.notes('utterance-played').map((n) => n.utterance)).not.toContain(utterance);
    call.advance(200 + call.settings.markSlackMs + 50);
    expect(call.notes('utterance-played').map((n) => n.utterance)).toContain(utterance);
    expect(call.last('record-companion')).toMatchObject({
      utterance,
      heard: LONG,
      interrupted: false,
    });
  });

  it('case 5: interrupted before the first audible frame, the reply leaves nothing in the history', () => {
    const call = new CoreCall({ manners: { networkMs: 60 } }).connect();
    call.says('what about the garden centre');
    const { utterance } = call.last('ask-model');
    call.replies(LONG);
    call.advance(121);
    call.begins('stop');
    call.final('stop i want to say something');
    expect(call.history.filter((e) => e.role === 'companion')).toHaveLength(1);
    expect(call.all('record-companion').map((e) => e.utterance)).not.toContain(utterance);
    expect(call.shown('caller').join(' ')).toContain('what about the garden centre');
    expect(call.shown('caller').join(' ')).toContain('stop i want to say something');
  });

  it('case 6: interrupted midway without word timings, an estimated prefix is kept, not nothing and not everything', () => {
    const { call, utterance } = speaking(2400, { manners: { givesTimings: () => false } });
    call.begins('wait');
    const record = call.last('record-companion');
    expect(record).toMatchObject({ utterance, interrupted: true });
    expect(LONG.startsWith(record.heard)).toBe(true);
    const count = record.heard.split(' ').length;
    expect(count).toBeGreaterThanOrEqual(6);
    expect(count).toBeLessThanOrEqual(10);
  });

  it('case 7: word timings of a dead context arrive seconds later and are dropped', () => {
    const { call, utterance } = speaking(1500);
    call.begins('wait');
    call.final('wait a minute');
    const next = call.last('ask-model').utterance;
    call.advance(3000);
    const words = [{ text: 'roses', startMs: 0, endMs: 300 }];
    expect(call.feed({ kind: 'audio-ready', utterance, totalMs: 300, words })).toEqual([]);
    call.replies('of course', next);
    call.settle();
    expect(call.last('record-companion')).toMatchObject({ utterance: next, heard: 'of course' });
  });

  it('case 8: a hang-up in the middle of play-out commits the heard part, marked as interrupted', () => {
    const { call, utterance } = speaking(1500);
    const effects = call.feed({ kind: 'hung-up' });
    expect(pick(effects, 'record-companion')).toEqual([
      {
        kind: 'record-companion',
        utterance,
        turnId: expect.any(String),
        heard: LONG_WORDS.slice(0, 5).join(' '),
        whole: 'well the garden centre opens at nine and they have lovely roses this week for you',
        interrupted: true,
      },
    ]);
    expect(effects.at(-1)).toEqual({ kind: 'finish', reason: 'caller-hung-up' });
  });

  it('case 9: the last partial frame of an utterance is played and counted', () => {
    const call = byHand();
    call.says('what about the garden centre');
    const { utterance } = call.last('ask-model');
    call.replies('at nine');
    const words = [
      { text: 'at', startMs: 0, endMs: 1000 },
      { text: 'nine', startMs: 1000, endMs: 1013 },
    ];
    call.feed({ kind: 'audio-ready', utterance, totalMs: 1013, words });
    call.feed({ kind: 'audio-ended', utterance, totalMs: 1013 });
    call.feed({ kind: 'audio-sent', utterance, toMs: 1000 });
    call.advance(1000);
    expect(call.feed({ kind: 'mark', utterance, atMs: 1000 })).toEqual([]);
    call.feed({ kind: 'audio-sent', utterance, toMs: 1013 });
    call.advance(13);
    const played = call.feed({ kind: 'mark', utterance, atMs: 1013 });
    expect(pick(played, 'record-companion')).toMatchObject([
      { utterance, heard: 'at nine', interrupted: false },
    ]);
  });

  it('case 10: a mark of another utterance changes nothing', () => {
    const { call, utterance } = speaking(600);
    const before = call.state;
    expect(call.feed({ kind: 'mark', utterance: utterance + 50, atMs: 9000 })).toEqual([]);
    expect(call.feed({ kind: 'mark', utterance: 1, atMs: 100 })).toEqual([]);
    expect(call.state).toEqual(before);
  });

  it('case 11: two interruptions of one reply act once', () => {
    const { call, utterance } = speaking(1500);
    const sttTurn = call.begins('stop');
    call.partial('stop stop', sttTurn);
    call.partial('stop stop i said stop', sttTurn);
    call.begins('stop');
    expect(call.all('clear')).toHaveLength(1);
    expect(call.all('cancel-speech').filter((e) => e.utterance === utterance)).toHaveLength(1);
    expect(call.all('record-companion').filter((e) => e.utterance === utterance)).toHaveLength(1);
    expect(call.notes('barge-in')).toHaveLength(1);
  });

  it('case 12: an interruption stops before a protected line that is queued, and the line still plays', () => {
    const { call, utterance } = speaking(900);
    call.feed({ kind: 'listening', state: 'keypad' });
    const keypad = call.lines('keypad')[0]!;
    call.feed({ kind: 'listening', state: 'voice' });
    call.begins('stop');
    expect(call.all('clear')).toHaveLength(1);
    expect(call.all('cancel-speech').map((e) => e.utterance)).toContain(utterance);
    expect(call.all('cancel-speech').map((e) => e.utterance)).not.toContain(keypad.utterance);
    call.final('stop that please now');
    call.settle();
    expect(call.line.heardWords(keypad.utterance).join(' ')).toBe(keypad.text);
    expect(call.notes('utterance-played').map((n) => n.utterance)).toContain(keypad.utterance);
  });
});
