/** Danger said at a bad moment: over a broken line, with a goodbye, in the last second of a call. */
import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/conversation/types.ts';
import { CoreCall } from '../helpers/core-call.ts';

const observe = (text: string): Observation => ({
  guidance: [],
  signals: /fell|chest|wake up/.test(text)
    ? [{ category: 'health', severity: 'high', evidence: text }]
    : [],
});

function connected(settings: ConstructorParameters<typeof CoreCall>[0] = {}): CoreCall {
  return new CoreCall({
    ...settings,
    settings: { observe, goodbyeNotBeforeMs: 0, ...settings.settings },
  }).connect();
}

function recorded(call: CoreCall): string[] {
  return call.all('record-caller').map(({ text }) => text);
}

describe('words around a stream that breaks', () => {
  it('the rest of a turn is heard when the stream is back', () => {
    const call = connected();
    const sttTurn = call.begins('I');
    call.partial('I was in');
    call.feed({ kind: 'stream-closed' });
    call.advance(600);
    call.feed({ kind: 'stream-attached', resumed: true });
    call.partial('I was in the kitchen when I fell', sttTurn);
    call.final('I was in the kitchen when I fell', sttTurn);
    expect(recorded(call).at(-1)).toBe('I was in the kitchen when I fell');
    expect(call.all('raise-alert')).toHaveLength(1);
    expect(call.shown('caller').join(' ')).toBe('I was in the kitchen when I fell');
  });

  it('words that are understood while it is away are kept and heard for danger', () => {
    const call = connected();
    const sttTurn = call.begins('Please');
    call.partial('Please');
    call.feed({ kind: 'stream-closed' });
    call.advance(500);
    call.final('Please I fell and I cannot get up', sttTurn);
    expect(recorded(call)).toEqual(['Please', 'I fell and I cannot get up']);
    expect(call.all('raise-alert')).toHaveLength(1);
    call.final('Please I fell and I cannot get up', sttTurn);
    expect(recorded(call)).toHaveLength(2);
  });
});

describe('a line that is held for a caller whom nobody can hear any more', () => {
  it('goes on with the notice about the keypad', () => {
    const call = connected();
    call.says('tell me something');
    call.replies('Once upon a time there was a baker in our town and he had a shop');
    call.advance(800);
    call.begins('now');
    call.partial('now my');
    expect(call.all('pause')).toHaveLength(1);
    call.feed({ kind: 'listening', state: 'keypad' });
    call.settle();
    expect(call.line.heardWords(call.lines('keypad')[0]!.utterance)).not.toEqual([]);
    call.feed({ kind: 'digit', digit: '1' });
    call.settle();
    expect(call.line.heardWords(call.lines('help-coming')[0]!.utterance)).not.toEqual([]);
  });
});

describe('a goodbye that is none', () => {
  it.each([
    'I have a pain in my chest goodbye',
    'I do not want to wake up tomorrow goodbye',
    'I fell down the stairs bye bye dear',
  ])('is answered, even after our own: %s', (words) => {
    const call = connected();
    call.says('I have to go now goodbye');
    call.replies('Goodbye dear.');
    call.settle();
    call.says(words);
    expect(call.all('raise-alert')).toHaveLength(1);
    expect(call.all('hang-up')).toEqual([]);
    expect(call.last('ask-model').cues).not.toContain('say-goodbye');
    expect(call.last('ask-model').cues).not.toContain('weak-goodbye');
  });

  it('and a call in danger is not wound down', () => {
    const call = connected({ settings: { windDownAfterMs: 1_000 } });
    call.exchange('I fell', 'Are you hurt?');
    call.says('my hip is sore');
    expect(call.last('ask-model').cues).not.toContain('wind-down');
  });
});

describe('a sign of life over a line that asks for one', () => {
  it.each(['yes', 'yes yes', 'mm'])('takes the idle goodbye back: %s', (words) => {
    const call = connected();
    while (call.lines('idle-goodbye').length === 0) call.advance(100);
    call.advance(500);
    const sttTurn = call.begins('');
    call.partial(words, sttTurn);
    call.final(words, sttTurn);
    expect(call.notes('ending-cancelled')).toHaveLength(1);
    call.replies('There you are!');
    call.settle();
    expect(call.all('hang-up')).toEqual([]);
  });
});

describe('time is up', () => {
  function farewell(): CoreCall {
    const call = connected({ settings: { endAfterMs: 8_000 } });
    call.exchange('and so on', 'I see.');
    while (call.lines('time-goodbye').length === 0) call.advance(100);
    return call;
  }

  it('while the caller is in mid-sentence: they may end it', () => {
    const call = farewell();
    const sttTurn = call.begins('Wait');
    call.partial('Wait there is one more thing', sttTurn);
    call.advance(6_000);
    expect(call.all('hang-up')).toEqual([]);
    call.final('Wait there is one more thing dear', sttTurn);
    call.advance(100);
    expect(recorded(call).at(-1)).toBe('Wait there is one more thing dear');
    expect(call.all('hang-up')).toMatchObject([{ reason: 'time-limit' }]);
  });

  it('but who never ends is hung up on', () => {
    const call = farewell();
    const sttTurn = call.begins('Wait');
    let words = 'Wait';
    for (let second = 0; second < 16; second += 1) {
      words += ' and';
      call.partial(words, sttTurn);
      call.advance(1_000);
    }
    expect(call.all('hang-up')).toMatchObject([{ reason: 'time-limit' }]);
  });

  it('unless it is a cry for help: it is answered', () => {
    const call = farewell();
    const sttTurn = call.begins('Wait');
    call.partial('Wait I have a pain in my', sttTurn);
    call.advance(5_000);
    call.feed({
      kind: 'caller-final',
      sttTurn,
      text: 'Wait I have a pain in my chest',
      observed: observe('Wait I have a pain in my chest'),
    });
    expect(call.all('raise-alert')).toHaveLength(1);
    call.settle();
    expect(call.all('hang-up')).toEqual([]);
    expect(call.shown('caller').at(-1)).toContain('chest');
  });
});
