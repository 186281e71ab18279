/** CASES C: speculation on eager ends. */
import { describe, expect, it } from 'vitest';
import type { Settings } from '../../src/conversation/types.ts';
import { CoreCall, kinds, pick } from '../helpers/core-call.ts';

function connected(settings: Partial<Settings> = {}): CoreCall {
  return new CoreCall({ settings }).connect();
}

/** A call with a draft under way for these words; its speech is made and unheard. */
function drafting(
  text: string,
  settings: Partial<Settings> = {},
): {
  call: CoreCall;
  sttTurn: number;
  draft: number;
} {
  const call = connected(settings);
  const sttTurn = call.begins(text.split(' ')[0]);
  call.partial(text, sttTurn);
  call.eager(text, sttTurn);
  const ask = call.last('ask-model');
  expect(ask.draft).toBe(true);
  call.replies('they open at nine', ask.utterance);
  call.advance(150);
  return { call, sttTurn, draft: ask.utterance };
}

describe('C. speculation', () => {
  it('case 29: an eager end, then resumed: nothing audible, nothing in the history, no tool run', () => {
    const call = connected();
    const sttTurn = call.begins('when');
    call.eager('when do they open', sttTurn);
    const draft = call.last('ask-model').utterance;
    call.clause('Let me look. ', draft);
    call.feed({ kind: 'reply-tool', utterance: draft, callId: 'd1', name: 'look-up', input: {} });
    call.advance(200);
    const effects = call.resumes('when do they open on', sttTurn);
    expect(pick(effects, 'cancel-model').map((e) => e.utterance)).toEqual([draft]);
    expect(pick(effects, 'cancel-speech').map((e) => e.utterance)).toEqual([draft]);
    call.final('when do they open on Sundays', sttTurn);
    expect(call.last('ask-model').draft).toBe(false);
    expect(call.shown('companion')).toHaveLength(1);
    expect(call.history.filter((e) => e.role === 'tool')).toEqual([]);
    expect(call.all('run-tool')).toEqual([]);
    expect(call.all('release').map((e) => e.utterance)).not.toContain(draft);
    call.advance(500);
    expect(call.line.heardWords(draft)).toEqual([]);
    expect(call.notes('draft-wasted').map((n) => n.utterance)).toEqual([draft]);
  });

  it('case 30: an eager end, then the end of turn with the same words, promotes the draft', () => {
    const { call, sttTurn, draft } = drafting('when do they open');
    expect(call.line.playedMs(draft)).toBe(0);
    const effects = call.final('when do they open', sttTurn);
    expect(pick(effects, 'ask-model')).toEqual([]);
    expect(pick(effects, 'release')).toMatchObject([{ utterance: draft }]);
    expect(call.notes('draft-promoted').map((n) => n.utterance)).toEqual([draft]);
    expect(pick(effects, 'record-caller')).toMatchObject([{ text: 'when do they open' }]);
    call.settle();
    expect(call.last('record-companion')).toMatchObject({
      utterance: draft,
      heard: 'they open at nine',
      interrupted: false,
    });
  });

  it('case 30: a difference of formatting only still promotes the draft', () => {
    const { call, sttTurn, draft } = drafting('when do they open');
    const effects = call.final('When do they open?', sttTurn);
    expect(pick(effects, 'ask-model')).toEqual([]);
    expect(pick(effects, 'release')).toMatchObject([{ utterance: draft }]);
    expect(call.last('record-caller').text).toBe('When do they open?');
  });

  it('case 30: different words discard the draft and ask anew', () => {
    const { call, sttTurn, draft } = drafting('when do they open');
    const effects = call.final('when do they close', sttTurn);
    expect(pick(effects, 'cancel-model').map((e) => e.utterance)).not.toContain(undefined);
    expect(call.all('cancel-speech').map((e) => e.utterance)).toContain(draft);
    expect(call.last('ask-model')).toMatchObject({ draft: false });
    expect(call.shown('caller')).toEqual(['when do they close']);
  });

  it('case 30: a tool that the draft called runs once, and only after its promotion', () => {
    const call = connected();
    const sttTurn = call.begins('when');
    call.eager('when do they open', sttTurn);
    const utterance = call.last('ask-model').utterance;
    call.feed({ kind: 'reply-tool', utterance, callId: 'd1', name: 'look-up', input: { q: 1 } });
    call.feed({ kind: 'reply-done', utterance });
    expect(call.all('run-tool')).toEqual([]);
    call.final('when do they open', sttTurn);
    expect(call.all('run-tool')).toMatchObject([{ callId: 'd1', input: { q: 1 } }]);
  });

  it('case 31: something that the draft depended on changed meanwhile, so it is discarded', () => {
    const { call, sttTurn, draft } = drafting('when do they open');
    call.feed({ kind: 'context-changed' });
    call.final('when do they open', sttTurn);
    const ask = call.last('ask-model');
    expect(ask.draft).toBe(false);
    expect(ask.utterance).not.toBe(draft);
    expect(call.all('release').map((e) => e.utterance)).not.toContain(draft);
    expect(call.notes('draft-wasted').map((n) => n.utterance)).toEqual([draft]);
  });

  it('case 32: many eager ends and resumptions are capped per turn, and each waste is counted', () => {
    const call = connected({ draftsPerTurn: 3 });
    const sttTurn = call.begins('i');
    let text = 'i';
    for (let n = 0; n < 8; n += 1) {
      text += ` think${n}`;
      call.partial(text, sttTurn);
      call.eager(text, sttTurn);
      call.advance(100);
      call.resumes(text, sttTurn);
    }
    expect(call.all('ask-model').filter((e) => e.draft)).toHaveLength(3);
    expect(call.notes('draft-wasted')).toHaveLength(3);
    expect(kinds(call.all('release'))).toHaveLength(1);
    call.final(text, sttTurn);
    expect(call.shown('caller')).toEqual([text]);
    call.replies('i see');
    call.settle();
    expect(call.last('record-companion').heard).toBe('i see');
  });
});
