/** Who has picked up, as the carrier judges it, late and not always rightly. */
import { describe, expect, it } from 'vitest';
import type { Observation } from '../../src/conversation/types.ts';
import { CoreCall } from '../helpers/core-call.ts';

function connected(): CoreCall {
  return new CoreCall().connect();
}

const seesFalls = (text: string): Observation => ({
  guidance: [],
  signals: text.includes('fallen') ? [{ category: 'fall', severity: 'high', evidence: text }] : [],
});

describe('case 64: the carrier says that a machine has answered', () => {
  it('voicemail that talks over the greeting gets the short message', () => {
    const call = new CoreCall();
    call.feed({ kind: 'stream-attached', resumed: false });
    call.advance(1_000);
    call.begins('Hi');
    call.partial("Hi, you've reached Margaret, please leave a message after the beep");
    call.feed({ kind: 'answered-by', who: 'machine' });
    call.settle();
    expect(call.lines('voicemail')).toHaveLength(1);
  });

  it('voicemail that speaks after the greeting is known by its words', () => {
    const call = connected();
    call.says('The person you are calling is not available, leave a message at the tone');
    call.feed({ kind: 'answered-by', who: 'machine' });
    call.settle();
    expect(call.lines('voicemail')).toHaveLength(1);
  });

  it('silence all along is believed to be one', () => {
    const call = connected();
    call.feed({ kind: 'answered-by', who: 'machine' });
    call.settle();
    expect(call.lines('voicemail')).toHaveLength(1);
  });

  it.each(['machine', 'fax'] as const)('a person who has answered is not cut off: %s', (who) => {
    const call = connected();
    call.says('I am very well thank you');
    const answer = call.last('ask-model').utterance;
    expect(call.feed({ kind: 'answered-by', who })).toEqual([]);
    call.replies('I am glad to hear that.', answer);
    call.says('and how are you today');
    expect(call.all('ask-model').length).toBeGreaterThan(1);
    expect(call.lines('voicemail')).toEqual([]);
    expect(call.all('finish')).toEqual([]);
  });

  it('nor a person who is just answering', () => {
    const call = connected();
    call.begins('I');
    call.partial('I am very');
    expect(call.feed({ kind: 'answered-by', who: 'machine' })).toEqual([]);
    call.final('I am very well');
    call.advance(3_000);
    expect(call.shown('caller')).toEqual(['I am very well']);
  });

  it.each([
    'help me I have fallen',
    'I have fallen by the mailbox',
    "I have fallen I can't answer you",
  ])('nor a person who called for help over the greeting: %s', (words) => {
    const call = new CoreCall({ settings: { observe: seesFalls } });
    call.feed({ kind: 'stream-attached', resumed: false });
    call.advance(1_000);
    call.begins('help');
    call.final(words);
    expect(call.feed({ kind: 'answered-by', who: 'machine' })).toEqual([]);
    expect(call.lines('voicemail')).toEqual([]);
  });

  it('but a machine is one that speaks of emergencies in its greeting', () => {
    const call = new CoreCall({ settings: { observe: seesFalls } });
    call.feed({ kind: 'stream-attached', resumed: false });
    call.advance(1_000);
    call.begins('You');
    call.final('You have reached the clinic. If you have fallen, call 911.');
    call.feed({ kind: 'answered-by', who: 'machine' });
    call.settle();
    expect(call.lines('voicemail')).toHaveLength(1);
  });
});
