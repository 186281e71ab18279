/** CASES E 45 and issue "sessions": a call goes on in another process. */
import { describe, expect, it } from 'vitest';
import { defaultSettings } from '../../src/conversation/settings.ts';
import {
  EMPTY_SNAPSHOT,
  isCommitPoint,
  numberedFrom,
  resumeCall,
  snapshotOf,
  type CallSnapshot,
} from '../../src/conversation/resume.ts';
import type { CallState } from '../../src/conversation/state.ts';
import { CoreCall, LINES, pick } from '../helpers/core-call.ts';

/** Through JSON, as between processes. */
function savedFrom(call: CoreCall): CallSnapshot {
  const snapshot = snapshotOf(call.state as CallState, call.now);
  return JSON.parse(JSON.stringify(snapshot)) as CallSnapshot;
}

/** Another process goes on from here, 3 s later. */
function resumed(snapshot: CallSnapshot): CoreCall {
  const settings = defaultSettings(LINES, 'en');
  const call = new CoreCall({ from: resumeCall(settings, snapshot, 0) });
  call.feed({ kind: 'tick' });
  call.advance(200);
  return call;
}

function attached(call: CoreCall): CoreCall {
  call.feed({ kind: 'stream-attached', resumed: true });
  return call;
}

describe('a call that goes on in another process', () => {
  it('apologises, never greets, and asks the last question again', () => {
    const before = new CoreCall().connect();
    before.exchange('I am well', 'Good to hear. Did you sleep well?');
    const call = attached(resumed(savedFrom(before)));
    call.settle();
    expect(call.lines('greeting')).toEqual([]);
    expect(call.lines('lost-you')).toHaveLength(1);
    expect(call.all('ask-model')).toEqual([]);
    expect(call.all('record-companion').map((e) => e.heard)).toEqual([
      LINES['lost-you'][0],
      'Did you sleep well?',
    ]);
    call.says('like a log');
    expect(call.shown('caller')).toEqual(['I am well', 'like a log']);
    expect(call.shown('companion').slice(0, 2)).toEqual([
      LINES.greeting[0],
      'Good to hear. Did you sleep well?',
    ]);
  });

  it('answers a turn that was never answered, once, under its own name', () => {
    const before = new CoreCall().connect();
    before.says('what about the garden centre');
    const { turnId } = before.last('ask-model');
    const call = attached(resumed(savedFrom(before)));
    expect(call.all('ask-model')).toMatchObject([{ turnId, draft: false }]);
    expect(call.shown('caller')).toEqual(['what about the garden centre']);
    expect(call.all('record-caller')).toEqual([]);
  });

  it('answers anew what was being answered: only what was heard to its end is remembered', () => {
    const before = new CoreCall().connect();
    before.says('tell me a story');
    before.replies('There was once a baker who had a little grey donkey in the yard.');
    before.advance(1_500);
    const snapshot = savedFrom(before);
    expect(snapshot.history.at(-1)).toMatchObject({ role: 'caller', text: 'tell me a story' });
    const call = attached(resumed(snapshot));
    expect(call.all('ask-model')).toHaveLength(1);
    expect(call.shown('companion')).toEqual([LINES.greeting[0]]);
  });

  it('keeps words that were final and not yet committed', () => {
    const settings = { endSilenceMs: 1_200 };
    const before = new CoreCall({ settings }).connect();
    const sttTurn = before.begins('my');
    before.final('my roses are out', sttTurn);
    expect(before.all('record-caller')).toEqual([]);
    const call = resumed(savedFrom(before));
    expect(call.all('record-caller')).toMatchObject([{ text: 'my roses are out', as: 'turn' }]);
    attached(call);
    expect(call.all('ask-model')).toHaveLength(1);
    expect(call.shown('caller')).toEqual(['my roses are out']);
  });

  it('keeps them also where the stream is there at once', () => {
    const before = new CoreCall({ settings: { endSilenceMs: 1_200 } }).connect();
    before.final('my roses are out', before.begins('my'));
    const state = resumeCall(defaultSettings(LINES, 'en'), savedFrom(before), 0);
    const call = attached(new CoreCall({ from: state }));
    expect(call.all('record-caller')).toHaveLength(1);
    expect(call.all('ask-model')).toHaveLength(1);
    expect(call.lines('lost-you')).toHaveLength(1);
  });

  it('asks the greeting’s question where nothing has been heard yet', () => {
    const before = new CoreCall();
    before.feed({ kind: 'stream-attached', resumed: false });
    before.advance(600);
    const call = attached(resumed(savedFrom(before)));
    call.settle();
    expect(call.lines('greeting')).toEqual([]);
    expect(call.all('record-companion').at(-1)!.heard).toMatch(/how are you today\?$/);
  });

  it('does not raise an alert twice, and raises it for the next turn', () => {
    const signals = [{ category: 'fall', severity: 'high', evidence: 'I fell' } as const];
    const observed = { signals, guidance: [] };
    const before = new CoreCall().connect();
    const sttTurn = before.begins('I');
    before.feed({ kind: 'caller-final', sttTurn, text: 'I fell in the bath', observed });
    const [alert] = before.all('raise-alert');
    const call = attached(resumed(savedFrom(before)));
    expect(call.all('raise-alert')).toEqual([]);
    call.replies('Oh dear, are you hurt?');
    call.settle();
    const again = call.begins('I');
    call.feed({ kind: 'caller-final', sttTurn: again, text: 'I fell in the hall', observed });
    expect(call.all('raise-alert')).toHaveLength(1);
    expect(call.last('raise-alert').turnId).not.toBe(alert!.turnId);
  });

  it('settles a tool that was running, and answers after it', () => {
    const before = new CoreCall().connect();
    before.says('what time is it in Sydney');
    const { utterance } = before.last('ask-model');
    before.feed({ kind: 'reply-tool', utterance, callId: 'c1', name: 'local_time', input: {} });
    const call = attached(resumed(savedFrom(before)));
    expect(call.all('run-tool')).toEqual([]);
    const tool = call.history.find((entry) => entry.role === 'tool');
    expect(tool).toMatchObject({ callId: 'c1', isError: true });
    expect(call.last('ask-model').cues).toEqual(['after-tool']);
  });

  it('holds the limits of the call over all its processes', () => {
    const before = new CoreCall().connect();
    before.exchange('I am well', 'Good.');
    const elapsedMs = defaultSettings(LINES, 'en').endAfterMs - 5_000;
    const call = attached(resumed({ ...savedFrom(before), elapsedMs }));
    call.settle();
    call.advance(6_000);
    expect(call.lines('time-goodbye')).toHaveLength(1);
  });

  it('says goodbye where the caller had, and hangs up where both had', () => {
    const before = new CoreCall({ settings: { goodbyeNotBeforeMs: 0 } }).connect();
    before.says('good night my dear talk to you tomorrow');
    const call = attached(resumed(savedFrom(before)));
    expect(call.last('ask-model').cues).toEqual(['say-goodbye']);
    before.replies('Good night and sleep well.');
    before.settle();
    const parted = attached(resumed(savedFrom(before)));
    parted.advance(12_000);
    expect(parted.all('ask-model')).toEqual([]);
    expect(parted.all('hang-up')).toMatchObject([{ reason: 'goodbye' }]);
  });

  it('of a call that was over, nothing comes back', () => {
    const call = attached(resumed({ ...EMPTY_SNAPSHOT, ending: 'over' }));
    expect(call.all('say-line')).toEqual([]);
    expect(call.all('finish')).toHaveLength(1);
  });

  it('ends by itself where no stream ever comes', () => {
    const call = resumed(EMPTY_SNAPSHOT);
    call.advance(21_000);
    expect(call.last('finish').reason).toBe('stream-lost');
  });

  it('numbers what it says apart from what the process before may still have said', () => {
    const before = new CoreCall().connect();
    const snapshot = numberedFrom(savedFrom(before), 2_000);
    const call = attached(resumed(snapshot));
    call.says('hello there my dear');
    expect(call.last('record-caller').turnId).toBe('t2000');
    expect(call.last('ask-model').utterance).toBeGreaterThanOrEqual(2_000);
  });

  it('is quiet at once when another process has it, and what was said is written down', () => {
    const call = new CoreCall().connect();
    call.says('tell me a story');
    call.replies('There was once a baker who had a little grey donkey in the yard.');
    call.advance(1_500);
    const sttTurn = call.begins('oh');
    call.partial('oh I had', sttTurn);
    const effects = call.feed({ kind: 'overtaken' });
    expect(pick(effects, 'clear')).toHaveLength(1);
    expect(pick(effects, 'finish')).toMatchObject([{ reason: 'moved' }]);
    expect(pick(effects, 'hang-up')).toEqual([]);
    expect(call.all('record-caller').at(-1)).toMatchObject({ text: 'oh I had' });
    expect(call.line.audibleNow()).toBeUndefined();
    expect(savedFrom(call).ending).toBe('none');
  });

  it('says which facts are worth a snapshot', () => {
    const call = new CoreCall().connect();
    const sttTurn = call.begins('I');
    const started = { kind: 'caller-started', sttTurn, text: 'I' } as const;
    expect(isCommitPoint(started, [])).toBe(false);
    expect(isCommitPoint({ kind: 'caller-final', sttTurn, text: 'I' }, [])).toBe(true);
    expect(isCommitPoint({ kind: 'tick' }, call.all('record-companion'))).toBe(true);
  });
});
