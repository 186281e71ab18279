import { describe, expect, it } from 'vitest';
import { CoreCall, pick } from '../helpers/core-call.ts';

const REPLY = 'There was a storm.';

/** A reply for which every voice has failed before a sound was made. */
function voiceless(): { call: CoreCall; utterance: number } {
  const call = new CoreCall({ mouth: false }).connect();
  const greeting = call.lines('greeting')[0]!.utterance;
  call.feed({ kind: 'audio-ended', utterance: greeting, totalMs: 0 });
  call.says('what was that noise');
  const { utterance } = call.last('ask-model');
  call.replies(REPLY);
  return { call, utterance };
}

describe('no voice of ours can speak', () => {
  it('the carrier is lent the line for a reply, and gives it back without a second greeting', () => {
    const { call, utterance } = voiceless();
    call.feed({ kind: 'voices-failed', utterance, rest: REPLY, totalMs: 0 });
    expect(call.last('lend-line')).toMatchObject({ utterance, text: REPLY });
    const lent = call.feed({ kind: 'line-lent', utterance });
    expect(pick(lent, 'record-companion')).toMatchObject([
      { utterance, heard: REPLY, interrupted: false },
    ]);
    call.feed({ kind: 'stream-closed' });
    call.advance(4_000);
    const back = call.feed({ kind: 'stream-attached', resumed: true });
    expect(pick(back, 'say-line')).toEqual([]);
    expect(pick(back, 'ask-model')).toEqual([]);
    call.says('a storm you say');
    expect(call.shown('companion').at(-1)).toBe(REPLY);
    expect(call.all('lend-line')).toHaveLength(1);
  });

  it('the stream goes before the carrier has answered, and the words count as heard', () => {
    const { call, utterance } = voiceless();
    call.feed({ kind: 'voices-failed', utterance, rest: REPLY, totalMs: 0 });
    const closed = call.feed({ kind: 'stream-closed' });
    expect(pick(closed, 'record-companion')).toMatchObject([{ heard: REPLY }]);
    call.feed({ kind: 'line-lent', utterance });
    const back = call.feed({ kind: 'stream-attached', resumed: true });
    expect(pick(back, 'say-line')).toEqual([]);
  });

  it('the carrier would not, and the caller hears an apology', () => {
    const { call, utterance } = voiceless();
    call.feed({ kind: 'voices-failed', utterance, rest: REPLY, totalMs: 0 });
    call.feed({ kind: 'audio-failed', utterance });
    expect(call.lines('trouble')).toHaveLength(1);
  });

  it('a draft is not spoken by the carrier before it is confirmed', () => {
    const call = new CoreCall({ mouth: false }).connect();
    const greeting = call.lines('greeting')[0]!.utterance;
    call.feed({ kind: 'audio-ended', utterance: greeting, totalMs: 0 });
    call.begins('what was');
    call.partial('what was that noise');
    call.eager('what was that noise');
    const { utterance } = call.last('ask-model');
    call.replies(REPLY);
    call.feed({ kind: 'voices-failed', utterance, rest: REPLY, totalMs: 0 });
    expect(call.all('lend-line')).toEqual([]);
    call.final('what was that noise');
    expect(call.last('lend-line')).toMatchObject({ utterance });
  });

  it('what a voice had made of a reply is played before the carrier goes on', () => {
    const { call, utterance } = voiceless();
    call.feed({ kind: 'audio-ready', utterance, totalMs: 800, words: undefined });
    call.feed({ kind: 'audio-sent', utterance, toMs: 800 });
    call.feed({ kind: 'voices-failed', utterance, rest: 'a storm.', totalMs: 800 });
    expect(call.all('lend-line')).toEqual([]);
    call.advance(900);
    expect(call.last('lend-line')).toMatchObject({ text: 'a storm.' });
  });

  it('a word that was cut in two and dropped is not waited for', () => {
    const { call, utterance } = voiceless();
    call.feed({ kind: 'audio-ready', utterance, totalMs: 900, words: undefined });
    call.feed({ kind: 'audio-sent', utterance, toMs: 800 });
    call.feed({ kind: 'voices-failed', utterance, rest: 'a storm.', totalMs: 800 });
    call.advance(900);
    expect(call.last('lend-line')).toMatchObject({ text: 'a storm.' });
  });

  it('a line that was lent and never comes back ends the call', () => {
    const { call, utterance } = voiceless();
    call.feed({ kind: 'voices-failed', utterance, rest: REPLY, totalMs: 0 });
    call.feed({ kind: 'line-lent', utterance });
    call.advance(30_000);
    expect(call.all('finish')).toMatchObject([{ reason: 'stream-lost' }]);
  });
});

describe('nobody made out what the caller said', () => {
  it('a recogniser that is late is bridged by a filler, once', () => {
    const call = new CoreCall().connect();
    call.feed({ kind: 'caller-unheard', why: 'late' });
    expect(call.lines('filler')).toHaveLength(1);
    call.feed({ kind: 'caller-unheard', why: 'late' });
    expect(call.lines('filler')).toHaveLength(1);
  });

  it('nothing is said over a reply that is on its way', () => {
    const call = new CoreCall({ mouth: false }).connect();
    call.says('hello there');
    const before = call.all('say-line').length;
    call.feed({ kind: 'caller-unheard', why: 'late' });
    expect(call.all('say-line')).toHaveLength(before);
  });

  it('by keypad, whoever speaks is told again what they can do', () => {
    const call = new CoreCall().connect();
    call.feed({ kind: 'listening', state: 'keypad' });
    call.settle();
    call.feed({ kind: 'caller-unheard', why: 'late' });
    expect(call.lines('keypad')).toHaveLength(2);
  });

  it('half a sentence that the ears broke off is written down, and the notice answers it', () => {
    const call = new CoreCall().connect();
    call.begins('I went');
    call.partial('I went to the');
    const effects = call.feed({ kind: 'listening', state: 'keypad' });
    expect(pick(effects, 'record-caller')).toMatchObject([{ text: 'I went to the' }]);
    expect(pick(effects, 'ask-model')).toEqual([]);
    expect(pick(effects, 'say-line').map(({ line }) => line)).toEqual(['keypad']);
  });

  it('speech without words is asked about twice, then the idle ladder goes on', () => {
    const call = new CoreCall().connect();
    for (let time = 0; time < 4; time += 1) {
      call.begins('');
      call.feed({ kind: 'caller-unheard', why: 'wordless' });
      call.settle();
    }
    expect(call.lines('did-not-catch')).toHaveLength(1);
    expect(call.lines('cannot-hear')).toHaveLength(1);
    call.advance(60_000);
    expect(call.lines('idle-goodbye')).toHaveLength(1);
  });
});
