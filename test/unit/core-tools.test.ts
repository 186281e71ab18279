/** CASES D: the model and its tools, and the text it streams. */
import { describe, expect, it } from 'vitest';
import { ClauseSplitter } from '../../src/conversation/clauses.ts';
import type { HistoryEntry } from '../../src/conversation/types.ts';
import { CoreCall, pick } from '../helpers/core-call.ts';
import { seeded } from '../helpers/seeded.ts';

const TOOL = { callId: 'c1', name: 'look-up', input: { q: 'roses' } } as const;

/** A call in which the model has said a line and called a tool. */
function withTool(line = 'Let me check that. '): { call: CoreCall; first: number } {
  const call = new CoreCall().connect();
  call.says('when do they open');
  const first = call.last('ask-model').utterance;
  if (line !== '') call.clause(line, first);
  call.feed({ kind: 'reply-tool', utterance: first, ...TOOL });
  call.feed({ kind: 'reply-done', utterance: first });
  return { call, first };
}

function settled(call: CoreCall, result = 'nine', isError = false): void {
  call.feed({ kind: 'tool-settled', callId: 'c1', result, isError });
}

function toolsIn(history: readonly HistoryEntry[]): Extract<HistoryEntry, { role: 'tool' }>[] {
  return history.filter((e) => e.role === 'tool');
}

describe('D. the model and its tools', () => {
  it('case 33: a tool is finished and the reply interrupted: call and result stay together, no second run', () => {
    const { call } = withTool();
    call.advance(500);
    settled(call);
    const answer = call.last('ask-model');
    expect(answer.cues).toContain('after-tool');
    call.replies('They open at nine and close at five on most days', answer.utterance);
    call.advance(1800);
    call.says('no wait what about Sundays');
    expect(call.all('run-tool')).toHaveLength(1);
    expect(toolsIn(call.history)).toEqual([
      { role: 'tool', ...TOOL, result: 'nine', isError: false },
    ]);
    const roles = call.history.map((e) => e.role);
    expect(roles.lastIndexOf('tool')).toBeGreaterThan(roles.indexOf('caller'));
    expect(roles.at(-1)).toBe('caller');
  });

  it('case 34: a tool interrupted in mid-run gets a synthetic result, so that the history stays valid', () => {
    const { call } = withTool();
    call.advance(600);
    call.says('no stop never mind that');
    expect(call.all('cancel-tool').map((e) => e.callId)).toEqual(['c1']);
    const [tool] = toolsIn(call.history);
    expect(tool?.result).toMatch(/cancel/i);
    expect(
      pick(
        call.feed({ kind: 'tool-settled', callId: 'c1', result: 'nine', isError: false }),
        'ask-model',
      ),
    ).toEqual([]);
    call.replies('all right');
    call.settle();
    call.says('and one other question');
    expect(toolsIn(call.history)).toEqual([tool]);
  });

  it('case 35: an interruption that cuts a streamed tool call discards it without harm', () => {
    const call = new CoreCall().connect();
    call.says('when do they open');
    const first = call.last('ask-model').utterance;
    call.clause('Let me check that for you now. ', first);
    call.advance(700);
    call.says('no stop never mind that');
    const late = call.feed({
      kind: 'reply-tool',
      utterance: first,
      callId: 'c1',
      name: 'look-up',
      input: undefined,
    });
    expect(late).toEqual([]);
    expect(call.feed({ kind: 'reply-failed', utterance: first })).toEqual([]);
    expect(toolsIn(call.history)).toEqual([]);
    expect(call.all('run-tool')).toEqual([]);
  });

  it('case 36: a tool that throws is settled once and its failure is told to the model', () => {
    const { call } = withTool();
    settled(call, 'the look-up is down', true);
    settled(call, 'nine');
    expect(call.all('ask-model').filter((e) => e.cues.includes('after-tool'))).toHaveLength(1);
    expect(toolsIn(call.history)).toMatchObject([{ result: 'the look-up is down', isError: true }]);
  });

  it('case 36: a tool that does not answer is settled at its time limit, and its late answer changes nothing', () => {
    const { call } = withTool();
    call.advance(call.settings.toolTimeoutMs + 1500);
    const asks = call.all('ask-model').filter((e) => e.cues.includes('after-tool'));
    expect(asks).toHaveLength(1);
    expect(toolsIn(call.history)).toMatchObject([{ callId: 'c1', isError: true }]);
    settled(call, 'nine');
    expect(call.all('ask-model').filter((e) => e.cues.includes('after-tool'))).toHaveLength(1);
    call.replies('I could not find out');
    call.settle();
    call.says('never mind then dear friend');
    expect(toolsIn(call.history)).toHaveLength(1);
    expect(toolsIn(call.history)[0]!.result).not.toBe('nine');
  });

  it('case 37: "let me check" and a tool in one response: both the line and the answer play', () => {
    const { call, first } = withTool('Let me check that. ');
    call.advance(100);
    settled(call);
    const second = call.last('ask-model').utterance;
    expect(second).not.toBe(first);
    call.replies('They open at nine.', second);
    call.settle();
    expect(call.line.heardWords(first).join(' ')).toBe('Let me check that.');
    expect(call.line.heardWords(second).join(' ')).toBe('They open at nine.');
    const order = call.all('record-companion').map((e) => e.utterance);
    expect(order.indexOf(first)).toBeLessThan(order.indexOf(second));
    call.advance(5000);
    expect(call.all('ask-model')).toHaveLength(2);
  });

  it('case 37: a tool without a line is announced with one', () => {
    const { call } = withTool('');
    expect(call.lines('checking')).toHaveLength(1);
    settled(call);
    call.replies('They open at nine.');
    call.settle();
    expect(call.last('record-companion').heard).toBe('They open at nine.');
  });

  it('case 38: the idle timer is off while a tool runs', () => {
    const call = new CoreCall({ settings: { toolTimeoutMs: 30_000 } }).connect();
    call.says('when do they open');
    call.clause('Let me check that. ');
    const { utterance } = call.last('ask-model');
    call.feed({ kind: 'reply-tool', utterance, ...TOOL });
    call.feed({ kind: 'reply-done', utterance });
    call.advance(call.settings.idleMs[0] + 3000);
    expect(call.lines('still-there')).toEqual([]);
  });

  it('case 38: the idle timer is off while a caller turn is open', () => {
    const call = new CoreCall().connect();
    const sttTurn = call.begins('so');
    for (let n = 0; n < 10; n += 1) {
      call.advance(2000);
      call.partial(`so ${'er '.repeat(n)}`.trim(), sttTurn);
    }
    expect(call.lines('still-there')).toEqual([]);
    call.final('so er what now', sttTurn);
    expect(call.all('ask-model')).toHaveLength(1);
  });
});

const TEXT =
  'Good morning, Mrs. Baker! The clinic opens at 9.30 a.m. today. Dr. Lee will see you, ' +
  'and then… we can talk about the roses; would you like that? I hope so.';

/** Any way of cutting a text into pieces of one to nine characters. */
function* pieces(text: string, random: () => number): Generator<string> {
  for (let at = 0; at < text.length;) {
    const length = 1 + Math.floor(random() * 9);
    yield text.slice(at, at + length);
    at += length;
  }
}

function split(text: string, random: () => number): string[] {
  const splitter = new ClauseSplitter();
  const clauses: string[] = [];
  for (const piece of pieces(text, random)) clauses.push(...splitter.push(piece));
  clauses.push(...splitter.end());
  return clauses;
}

describe('D. the streamed text', () => {
  it('case 39: whatever the split of the token stream, spaces are kept and each sentence comes once, in order', () => {
    const whole = split(TEXT, () => 0.999);
    expect(whole.length).toBeGreaterThan(3);
    for (let seed = 1; seed <= 500; seed += 1) {
      const clauses = split(TEXT, seeded(seed));
      expect(clauses.join('').replaceAll(/\s+/g, ' ').trim(), `seed ${seed}`).toBe(TEXT);
    }
  });

  it('case 39: the core hands every clause to the voice once, in order', () => {
    const call = new CoreCall().connect();
    call.says('what is new');
    const clauses = ['One two. ', 'Three four five. ', 'Six?'];
    for (const clause of clauses) call.clause(clause);
    const { utterance } = call.last('ask-model');
    call.feed({ kind: 'reply-done', utterance });
    expect(call.all('say').map((e) => e.text)).toEqual(clauses);
    expect(call.all('finish-speech').map((e) => e.utterance)).toEqual([utterance]);
    call.settle();
    expect(call.last('record-companion').heard).toBe('One two. Three four five. Six?');
  });

  it('case 40: a guidance tag is never spoken, wherever the stream is split', () => {
    const text = `Hello there. <guidance type="x">SECRET plan</guidance>How are you? [[SECRET note]] Fine day. <em>Really</em>.`;
    for (let seed = 1; seed <= 500; seed += 1) {
      const said = split(text, seeded(seed)).join('').replaceAll(/\s+/g, ' ').trim();
      expect(said, `seed ${seed}`).toBe('Hello there. How are you? Fine day. Really.');
    }
  });

  it('case 40: a guidance tag that is never closed does not mute what follows', () => {
    const tail = ' and so on we go.'.repeat(40);
    for (const open of ['<guidance>', '[[', '<guidance', '</guidance>', '<thinking>']) {
      for (let seed = 1; seed <= 60; seed += 1) {
        const said = split(`Hello there. ${open} SECRET.${tail} The end.`, seeded(seed)).join('');
        expect(said, `${open} seed ${seed}`).toContain('Hello there.');
        expect(said, `${open} seed ${seed}`).toMatch(/The end\.\s*$/);
      }
    }
  });

  it('case 40: text that only looks like markup is spoken', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const said = split('Is 3 < 4? Yes (I think) so. A < B.', seeded(seed)).join('');
      expect(said, `seed ${seed}`).toMatch(/3\s+4\? Yes \(I think\) so\. A\s+B\./);
    }
  });
});
