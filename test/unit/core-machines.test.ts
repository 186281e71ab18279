/** Who has picked up, as the carrier judges it, late and not always rightly. */
import { describe, expect, it } from 'vitest';
import { CoreCall } from '../helpers/core-call.ts';

function connected(): CoreCall {
  return new CoreCall().connect();
}

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

  it('nor a person who called for help over the greeting', () => {
    const call = new CoreCall({
      settings: {
        observe: (text) => ({
          guidance: [],
          signals: text.includes('fallen')
            ? [{ category: 'fall', severity: 'high', evidence: text }]
            : [],
        }),
      },
    });
    call.feed({ kind: 'stream-attached', resumed: false });
    call.advance(1_000);
    call.begins('help');
    call.final('help me I have fallen');
    expect(call.feed({ kind: 'answered-by', who: 'machine' })).toEqual([]);
    expect(call.lines('voicemail')).toEqual([]);
  });
});
