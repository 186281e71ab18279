/** CASES B: turn boundaries. */
import { describe, expect, it } from 'vitest';
import type { Settings } from '../../src/conversation/types.ts';
import { CoreCall, kinds, pick } from '../helpers/core-call.ts';

const LONG = 'well the garden centre opens at nine and they have lovely roses this week for you';

function connected(settings: Partial<Settings> = {}): CoreCall {
  return new CoreCall({ settings }).connect();
}

/** A call in which a long reply has been playing for `ms`. */
function speaking(
  ms: number,
  settings: Partial<Settings> = {},
): {
  call: CoreCall;
  utterance: number;
} {
  const call = connected(settings);
  call.says('what about the garden centre');
  const { utterance } = call.last('ask-model');
  call.replies(LONG);
  call.advance(120 + ms);
  return { call, utterance };
}

function turns(call: CoreCall): { turnId: string; revision: number; text: string }[] {
  return call
    .all('record-caller')
    .filter((e) => e.as === 'turn')
    .map(({ turnId, revision, text }) => ({ turnId, revision, text }));
}

function words(text: string): string[] {
  return text.toLowerCase().split(' ');
}

describe('B. turn boundaries', () => {
  it('case 13: a second final 0.4 s after the commit is the same utterance: one answer, one tool run', () => {
    const call = connected();
    call.says('what is the weather');
    const first = call.last('ask-model').utterance;
    call.advance(400);
    call.says('in Bristol tomorrow');
    const second = call.last('ask-model').utterance;
    expect(second).not.toBe(first);
    expect(call.all('cancel-model').map((e) => e.utterance)).toEqual([first]);
    const tool = { callId: 'c1', name: 'weather', input: {} };
    expect(call.feed({ kind: 'reply-tool', utterance: first, ...tool })).toEqual([]);
    call.feed({ kind: 'reply-tool', utterance: second, ...tool });
    expect(call.all('run-tool')).toHaveLength(1);
    const [one, two] = turns(call);
    expect(two).toEqual({
      turnId: one!.turnId,
      revision: one!.revision + 1,
      text: 'what is the weather in Bristol tomorrow',
    });
    expect(call.shown('caller')).toEqual(['what is the weather in Bristol tomorrow']);
  });

  it('case 14: an end-of-turn timer armed before a commit fires after it and makes no empty turn', () => {
    const call = connected({ endSilenceMs: 1200 });
    const sttTurn = call.begins('good');
    call.partial('good morning to you', sttTurn);
    call.feed({ kind: 'caller-final', sttTurn, text: 'good morning to you', lastWordAt: call.now });
    expect(turns(call)).toHaveLength(0);
    call.advance(1250);
    expect(turns(call)).toHaveLength(1);
    call.feed({ kind: 'tick' });
    call.feed({ kind: 'caller-final', sttTurn, text: 'good morning to you' });
    call.advance(1250);
    call.feed({ kind: 'tick' });
    expect(turns(call)).toHaveLength(1);
    expect(turns(call)[0]!.text).toBe('good morning to you');
  });

  it('case 15: a stale transcript of turn N does not end turn N+1', () => {
    const call = connected();
    call.exchange('good morning to you', 'good morning');
    const next = call.begins('so');
    call.partial('so i was thinking', next);
    const asked = call.all('ask-model').length;
    const stale = [
      ...call.final('good morning to you', next - 1),
      ...call.eager('good morning to you', next - 1),
      ...call.partial('good morning to you too', next - 1),
    ];
    expect(stale).toEqual([]);
    expect(call.all('ask-model')).toHaveLength(asked);
    call.final('so i was thinking about lunch', next);
    expect(turns(call).map((t) => t.text)).toEqual([
      'good morning to you',
      'so i was thinking about lunch',
    ]);
  });

  it('case 16: a final in mid-utterance during a short pause is re-opened by new words', () => {
    const call = connected({ endSilenceMs: 1200 });
    const one = call.begins('i went to');
    call.feed({ kind: 'caller-final', sttTurn: one, text: 'i went to', lastWordAt: call.now });
    call.advance(800);
    const two = call.begins('the');
    call.partial('the market today', two);
    call.advance(1000);
    expect(turns(call)).toHaveLength(0);
    call.feed({
      kind: 'caller-final',
      sttTurn: two,
      text: 'the market today',
      lastWordAt: call.now,
    });
    call.advance(1300);
    expect(turns(call).map((t) => t.text)).toEqual(['i went to the market today']);
    expect(call.shown('caller')).toEqual(['i went to the market today']);
  });

  it('case 17: a transcript time in the future is clamped to now', () => {
    const call = connected({ endSilenceMs: 1200 });
    const sttTurn = call.begins('good');
    const lastWordAt = call.now + 3_600_000;
    call.feed({ kind: 'caller-partial', sttTurn, text: 'good morning to you', lastWordAt });
    call.feed({ kind: 'caller-final', sttTurn, text: 'good morning to you', lastWordAt });
    call.advance(1250);
    expect(turns(call)).toHaveLength(1);
  });

  it('case 18: speech without a transcript over a reply holds it for a bounded time, then it goes on', () => {
    const { call, utterance } = speaking(600);
    call.begins('');
    expect(call.line.paused).toBe(true);
    call.advance(call.settings.falseInterruptionMs + 50);
    expect(call.line.paused).toBe(false);
    expect(call.notes('false-interruption')).toHaveLength(1);
    call.settle();
    expect(call.line.heardWords(utterance).join(' ')).toBe(LONG);
  });

  it('case 18: speech without a transcript into silence is closed and asked about once', () => {
    const call = connected();
    const at = call.now;
    call.begins('');
    call.advance(call.settings.wordlessTurnMs + 50);
    expect(call.lines('did-not-catch')).toHaveLength(1);
    expect(call.lastAt('say-line') - at).toBeLessThanOrEqual(call.settings.wordlessTurnMs + 50);
    expect(call.all('ask-model')).toHaveLength(0);
  });

  it('case 19: an empty transcript never interrupts', () => {
    const { call, utterance } = speaking(600);
    const sttTurn = call.begins('');
    call.partial('', sttTurn);
    call.partial('  ', sttTurn);
    call.partial('…', sttTurn);
    call.final('', sttTurn);
    expect(call.all('clear')).toHaveLength(0);
    expect(call.all('cancel-speech')).toHaveLength(0);
    call.settle();
    expect(call.line.heardWords(utterance).join(' ')).toBe(LONG);
    expect(turns(call)).toHaveLength(1);
  });

  it('case 20: a verdict "complete" that resolves after the caller resumed is dropped', () => {
    const call = connected();
    const sttTurn = call.begins('i was');
    call.eager('i was wondering', sttTurn);
    const draft = call.last('ask-model');
    expect(draft.draft).toBe(true);
    call.resumes('i was wondering about', sttTurn);
    const late = [
      ...call.feed({ kind: 'reply-clause', utterance: draft.utterance, text: 'yes?' }),
      ...call.feed({ kind: 'reply-done', utterance: draft.utterance }),
    ];
    expect(late).toEqual([]);
    call.advance(2000);
    expect(turns(call)).toHaveLength(0);
    expect(call.all('release').map((e) => e.utterance)).not.toContain(draft.utterance);
  });

  it('case 20: a final whose end-silence is still waited for is dropped when the caller resumes', () => {
    const call = connected({ endSilenceMs: 1200 });
    const sttTurn = call.begins('i was');
    call.feed({ kind: 'caller-final', sttTurn, text: 'i was wondering', lastWordAt: call.now });
    call.advance(1190);
    call.begins('about');
    call.advance(3000);
    expect(turns(call)).toHaveLength(0);
  });

  it('case 21: a re-prompt about to fire is cancelled by the onset of speech', () => {
    const call = connected();
    call.advance(call.settings.idleMs[0] - 200);
    expect(call.lines('still-there')).toHaveLength(0);
    const sttTurn = call.begins('well');
    call.advance(1000);
    call.partial('well i have been', sttTurn);
    call.advance(3000);
    call.partial('well i have been thinking', sttTurn);
    call.advance(3000);
    expect(call.lines('still-there')).toHaveLength(0);
    call.final('well i have been thinking', sttTurn);
    expect(turns(call)).toHaveLength(1);
  });

  it('case 22: the caller resumes after the commit and before audio: the reply is cancelled and the text merged into one turn', () => {
    const call = connected();
    call.says('I saw my sister');
    const first = call.last('ask-model').utterance;
    call.clause('How lovely. ', first);
    call.advance(60);
    call.says('and her new dog');
    expect(call.all('cancel-model').map((e) => e.utterance)).toContain(first);
    expect(call.all('cancel-speech').map((e) => e.utterance)).toContain(first);
    expect(call.shown('caller')).toEqual(['I saw my sister and her new dog']);
    expect(new Set(turns(call).map((t) => t.turnId)).size).toBe(1);
    call.replies('What is its name?');
    call.settle();
    expect(call.line.heardWords(first)).toEqual([]);
    expect(call.last('record-companion').heard).toBe('What is its name?');
  });

  it('case 23: speech that starts at the very instant of play-out holds the first frame', () => {
    const call = connected();
    call.says('what about the garden centre');
    const { utterance } = call.last('ask-model');
    call.replies(LONG);
    const sttTurn = call.begins('');
    call.advance(700);
    expect(call.line.playedMs(utterance)).toBe(0);
    call.partial('oh', sttTurn);
    call.final('oh', sttTurn);
    call.settle();
    expect(call.line.heardWords(utterance).join(' ')).toBe(LONG);
  });

  it('case 24: a cough between the caller turn and the reply leaves the reply playing', () => {
    const call = connected();
    call.says('what about the garden centre');
    const { utterance } = call.last('ask-model');
    call.advance(100);
    const sttTurn = call.begins('');
    call.advance(150);
    call.final('', sttTurn);
    call.replies(LONG, utterance);
    call.settle();
    expect(call.all('cancel-model')).toHaveLength(0);
    expect(call.all('ask-model')).toHaveLength(1);
    expect(call.line.heardWords(utterance).join(' ')).toBe(LONG);
  });

  it('case 25: the false-interruption timer waits for an open end-of-turn decision; a commit interrupts', () => {
    const { call, utterance } = speaking(600);
    const sttTurn = call.begins('which');
    call.eager('which roses', sttTurn);
    call.advance(call.settings.falseInterruptionMs * 2);
    expect(call.line.paused).toBe(true);
    expect(call.notes('false-interruption')).toHaveLength(0);
    call.final('which roses', sttTurn);
    expect(call.notes('barge-in').map((n) => n.utterance)).toEqual([utterance]);
    expect(call.shown('caller').at(-1)).toBe('which roses');
    expect(call.shown('companion').at(-1)!.length).toBeLessThan(LONG.length);
  });

  it('case 25: the false-interruption timer waits for an open end-of-turn decision; a drop resumes', () => {
    const { call, utterance } = speaking(600);
    const sttTurn = call.begins('mm');
    call.eager('mm', sttTurn);
    call.final('', sttTurn);
    expect(call.line.paused).toBe(false);
    call.settle();
    expect(call.line.heardWords(utterance).join(' ')).toBe(LONG);
  });

  for (const [where, ms] of [
    ['first', 400],
    ['last', 4300],
  ] as const) {
    it(`case 26: a backchannel in the ${where} second of a reply is ignored`, () => {
      const { call, utterance } = speaking(ms);
      call.says('mm-hm yes dear');
      expect(call.all('clear')).toHaveLength(0);
      expect(call.all('ask-model')).toHaveLength(1);
      expect(call.last('record-caller')).toMatchObject({
        as: 'backchannel',
        text: 'mm-hm yes dear',
      });
      call.settle();
      expect(call.line.heardWords(utterance).join(' ')).toBe(LONG);
      call.says('and what else is new');
      expect(JSON.stringify(call.history)).not.toContain('mm-hm');
    });

    it(`case 26: a true interruption in the ${where} second of a reply passes`, () => {
      const { call, utterance } = speaking(ms);
      call.begins('no wait');
      expect(call.all('clear')).toHaveLength(1);
      expect(call.notes('barge-in').map((n) => n.utterance)).toEqual([utterance]);
    });
  }

  it('case 27: a caller who never yields is politely cut in on after the limit', () => {
    const call = connected({ longestTurnMs: 20_000 });
    const sttTurn = call.begins('so');
    let said = 'so';
    for (let n = 0; n < 45; n += 1) {
      call.advance(500);
      said += ` word${n}`;
      call.partial(said, sttTurn);
      if (call.lines('cut-in').length > 0) break;
    }
    expect(call.lines('cut-in')).toHaveLength(1);
    const ask = call.last('ask-model');
    expect(ask.cues).toContain('caller-had-to-be-cut-in-on');
    const given = call.shown('caller').at(-1)!;
    expect(words(given).length).toBeGreaterThanOrEqual(39);
    call.final(`${said} and the rest`, sttTurn);
    const everything = call.shown('caller').join(' ');
    for (const word of words(`${said} rest`)) {
      expect(everything.split(' ').filter((w) => w === word)).toEqual([word]);
    }
  });

  it('case 28: finals while thinking become one turn that holds them all, nothing lost or doubled', () => {
    const call = connected();
    call.says('first apples');
    call.advance(300);
    call.says('second pears');
    call.advance(300);
    call.says('third plums');
    const text = 'first apples second pears third plums';
    expect(call.shown('caller')).toEqual([text]);
    expect(turns(call).at(-1)).toMatchObject({ text, revision: 2 });
    call.replies('lots of fruit');
    call.settle();
    expect(
      pick(
        call.ordered.map((o) => o.effect),
        'record-companion',
      ).at(-1),
    ).toMatchObject({
      heard: 'lots of fruit',
    });
    expect(kinds(call.all('clear'))).toEqual([]);
  });
});
