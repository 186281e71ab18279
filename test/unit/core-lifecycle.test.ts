/** CASES E: lifecycle. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Effect, Settings } from '../../src/conversation/types.ts';
import { CoreCall, LINES, pick, reasonOf } from '../helpers/core-call.ts';

const LONG = 'well the garden centre opens at nine and they have lovely roses this week for you';
const GREETING = LINES.greeting[0]!;

function connected(settings: Partial<Settings> = {}): CoreCall {
  return new CoreCall({ settings }).connect();
}

/** A call in which the caller has said a goodbye that is believed, and the model has answered. */
function parting(): { call: CoreCall; saidAt: number } {
  const call = connected({ goodbyeNotBeforeMs: 0 });
  call.says('good night my dear talk to you tomorrow');
  const saidAt = call.now;
  expect(call.last('ask-model').cues).toContain('say-goodbye');
  call.replies('Good night and sleep well.');
  return { call, saidAt };
}

/** Nothing may follow a finish, whatever still happens. */
function expectOver(call: CoreCall): void {
  expect(call.all('finish')).toHaveLength(1);
  expect(call.ordered.at(-1)!.effect.kind).toBe('finish');
  const after: Effect[] = [];
  after.push(...call.feed({ kind: 'hung-up' }), ...call.feed({ kind: 'stream-closed' }));
  after.push(...call.feed({ kind: 'caller-started', sttTurn: 900, text: 'hello' }));
  after.push(...call.feed({ kind: 'caller-final', sttTurn: 900, text: 'hello are you there' }));
  after.push(...call.feed({ kind: 'stream-attached', resumed: true }));
  after.push(...call.feed({ kind: 'drain', how: 'wind-up', deadline: call.now + 1000 }));
  after.push(...call.feed({ kind: 'tick' }), ...call.advance(60_000));
  expect(after).toEqual([]);
}

describe('E. lifecycle', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('case 41: "hello?" over the greeting does not restart it, and it is in the history once', () => {
    const call = new CoreCall();
    call.feed({ kind: 'stream-attached', resumed: false });
    call.advance(1000);
    const sttTurn = call.begins('hello');
    call.partial('hello?', sttTurn);
    call.advance(200);
    call.final('Hello?', sttTurn);
    call.settle();
    expect(call.lines('greeting')).toHaveLength(1);
    expect(call.all('clear')).toEqual([]);
    expect(call.line.heardWords(1).join(' ')).toBe(GREETING);
    expect(call.all('ask-model')).toEqual([]);
    call.says('I am very well thank you');
    expect(call.shown('companion')).toEqual([GREETING]);
    expect(call.shown('caller')).toEqual(['I am very well thank you']);
  });

  it('case 42: a goodbye hangs up only after its mark', () => {
    const { call, saidAt } = parting();
    expect(call.all('hang-up')).toEqual([]);
    const { utterance } = call.last('ask-model');
    call.advance(20_000);
    expect(call.all('hang-up')).toMatchObject([{ reason: 'goodbye' }]);
    const played = call.ordered.find(
      ({ effect }) => effect.kind === 'record-companion' && effect.utterance === utterance,
    )!;
    expect(played.effect).toMatchObject({ heard: 'Good night and sleep well.' });
    expect(call.lastAt('hang-up')).toBeGreaterThanOrEqual(played.at);
    expect(call.lastAt('hang-up') - saidAt).toBeGreaterThanOrEqual(call.settings.goodbyeGraceMs);
    call.feed({ kind: 'stream-closed' });
    call.feed({ kind: 'hung-up' });
    expect(reasonOf(call)).toBe('goodbye');
    expectOver(call);
  });

  it('case 42: a goodbye whose mark does not come is not cut off, and still ends', () => {
    const call = new CoreCall({
      settings: { goodbyeNotBeforeMs: 0, goodbyeGraceMs: 1000 },
      manners: { markDelayMs: () => undefined },
    });
    call.feed({ kind: 'stream-attached', resumed: false });
    call.advance(10_000);
    call.says('good night my dear talk to you tomorrow');
    call.replies(`Good night. ${LONG}`);
    const text = `Good night. ${LONG}`;
    call.advance(text.split(' ').length * 300);
    expect(call.all('hang-up')).toEqual([]);
    call.advance(10_000);
    expect(call.all('hang-up')).toHaveLength(1);
  });

  it('case 42: new speech without a goodbye in the grace period cancels the end', () => {
    const { call } = parting();
    call.settle();
    call.says('did I tell you about my grandson');
    expect(call.notes('ending-cancelled')).toHaveLength(1);
    call.replies('No, tell me more.');
    call.advance(8000);
    expect(call.all('hang-up')).toEqual([]);
    expect(call.last('ask-model').cues).not.toContain('say-goodbye');
  });

  it('case 42: a weak goodbye, or one early in the call, is answered and does not end it', () => {
    const call = connected({ goodbyeNotBeforeMs: 0 });
    call.says('bye');
    expect(call.last('ask-model').cues).toContain('weak-goodbye');
    call.replies('Bye for now?');
    call.advance(8000);
    const early = connected();
    early.says('good night my dear talk to you tomorrow');
    expect(early.last('ask-model').cues).not.toContain('say-goodbye');
    early.replies('Oh, so soon?');
    early.advance(8000);
    expect([...call.all('hang-up'), ...early.all('hang-up')]).toEqual([]);
  });

  it('case 43: the far end hangs up while we send: one teardown, nothing after it', () => {
    const call = connected();
    call.says('what about the garden centre');
    const { utterance } = call.last('ask-model');
    call.clause('Well, it opens at nine. ', utterance);
    call.advance(900);
    const effects = call.feed({ kind: 'hung-up' });
    expect(pick(effects, 'cancel-model').map((e) => e.utterance)).toEqual([utterance]);
    expect(pick(effects, 'cancel-speech').map((e) => e.utterance)).toEqual([utterance]);
    expect(reasonOf(call)).toBe('caller-hung-up');
    expectOver(call);
  });

  it('cut off by the process itself: one teardown, and nobody says that the caller hung up', () => {
    const call = connected();
    call.says('what about the garden centre');
    call.clause('Well, it opens at nine. ', call.last('ask-model').utterance);
    call.advance(900);
    call.feed({ kind: 'hung-up', by: 'us' });
    expect(reasonOf(call)).toBe('drain');
    expectOver(call);
  });

  it('case 43: the socket closes first and the hang-up never comes: the wait is bounded', () => {
    const call = connected();
    call.feed({ kind: 'stream-closed' });
    expect(call.all('finish')).toEqual([]);
    call.advance(call.settings.resumeGraceMs + 100);
    expect(reasonOf(call)).toBe('stream-lost');
    expectOver(call);
  });

  it('case 43: our own hang-up that nobody confirms is over within seconds', () => {
    const { call } = parting();
    call.advance(30_000);
    expect(call.all('hang-up')).toHaveLength(1);
    expect(reasonOf(call)).toBe('goodbye');
    expectOver(call);
  });

  it('case 44: a shutdown in mid-turn finalises the pending turn, says goodbye and ends in time', () => {
    const call = connected();
    const sttTurn = call.begins('i wanted');
    call.partial('i wanted to tell you', sttTurn);
    const deadline = call.now + 12_000;
    call.feed({ kind: 'drain', how: 'wind-up', deadline });
    call.advance(12_000 + 5200);
    expect(call.all('record-caller')).toMatchObject([{ text: 'i wanted to tell you', as: 'turn' }]);
    const line = call.lines('drain-goodbye')[0]!;
    expect(call.line.heardWords(line.utterance).join(' ')).toBe(line.text);
    expect(call.lastAt('record-caller')).toBeLessThanOrEqual(call.lastAt('hang-up'));
    expect(call.lastAt('hang-up')).toBeLessThanOrEqual(deadline);
    expect(reasonOf(call)).toBe('drain');
    expectOver(call);
  });

  it('case 44: a shutdown while a reply plays lets it finish before the goodbye', () => {
    const call = connected();
    call.says('what about the garden centre');
    const { utterance } = call.last('ask-model');
    call.replies(LONG);
    call.advance(1000);
    call.feed({ kind: 'drain', how: 'wind-up', deadline: call.now + 20_000 });
    call.advance(20_000);
    expect(call.line.heardWords(utterance).join(' ')).toBe(LONG);
    const [line] = call.lines('drain-goodbye');
    expect(call.line.heardWords(line!.utterance).join(' ')).toBe(line!.text);
  });

  it('case 44: a shutdown that cannot finish in time still ends by its deadline', () => {
    const call = connected();
    call.says('what about the garden centre');
    call.clause(`${LONG} ${LONG} ${LONG} ${LONG}`);
    call.advance(1000);
    const deadline = call.now + 3000;
    call.feed({ kind: 'drain', how: 'wind-up', deadline });
    call.advance(3000);
    expect(call.all('hang-up')).toHaveLength(1);
    call.advance(6000);
    expectOver(call);
  });

  it('case 44: a call that is moved is let go at the end of what is being said', () => {
    const call = connected();
    call.says('what about the garden centre');
    const { utterance } = call.last('ask-model');
    call.replies(LONG);
    call.advance(1000);
    call.feed({ kind: 'drain', how: 'move', deadline: call.now + 20_000 });
    expect(call.all('move-call')).toEqual([]);
    call.advance(10_000);
    expect(call.all('move-call')).toHaveLength(1);
    expect(call.line.heardWords(utterance).join(' ')).toBe(LONG);
    expect(call.all('hang-up')).toEqual([]);
    call.feed({ kind: 'stream-closed' });
    call.advance(30_000);
    expectOver(call);
  });

  it('case 44: a silent call is moved at once', () => {
    const call = connected();
    call.feed({ kind: 'drain', how: 'move', deadline: call.now + 20_000 });
    expect(call.all('move-call')).toHaveLength(1);
  });

  it('case 45: a resumed call is not greeted again; it hears an apology and the last question', () => {
    const call = connected();
    call.exchange('I am well', 'Good to hear. Did you sleep well?');
    call.feed({ kind: 'stream-closed' });
    call.advance(3000);
    const mute = call.ordered.length;
    expect(call.line.audibleNow()).toBeUndefined();
    call.feed({ kind: 'stream-attached', resumed: true });
    call.advance(600);
    const since = call.ordered.slice(mute).map((o) => o.effect);
    expect(pick(since, 'say-line').map((e) => e.line)).toEqual(['lost-you']);
    const asked = pick(since, 'ask-model').at(-1);
    if (asked) call.replies('Did you sleep well?', asked.utterance);
    call.settle();
    const heard = call
      .all('record-companion')
      .slice(-2)
      .map((e) => e.heard);
    expect(heard).toEqual([LINES['lost-you'][0], 'Did you sleep well?']);
    expect(call.lines('greeting')).toHaveLength(1);
  });

  it('case 45: a stream that breaks before the greeting was heard: the greeting, whole', () => {
    for (const afterMs of [20, 500]) {
      const call = new CoreCall();
      call.feed({ kind: 'stream-attached', resumed: false });
      call.advance(afterMs);
      call.feed({ kind: 'stream-closed' });
      call.advance(200);
      expect(call.line.heardWords(1).length).toBeLessThan(3);
      call.feed({ kind: 'stream-attached', resumed: true });
      call.settle();
      expect(call.lines('lost-you')).toEqual([]);
      expect(call.all('record-companion').at(-1)?.heard).toBe(GREETING);
    }
  });

  it('case 45: one that breaks within the greeting: an apology, and the greeting’s question', () => {
    const call = new CoreCall();
    call.feed({ kind: 'stream-attached', resumed: false });
    call.advance(1_500);
    call.feed({ kind: 'stream-closed' });
    call.advance(200);
    call.feed({ kind: 'stream-attached', resumed: true });
    call.settle();
    const heard = call.all('record-companion').map((e) => e.heard);
    expect(GREETING.startsWith(heard[0]!)).toBe(true);
    expect(heard[0]).not.toContain('?');
    // This greeting is one sentence, and so its own question.
    expect(heard.slice(1)).toEqual([LINES['lost-you'][0], GREETING]);
  });

  it('case 45: a call that resumes in another process is not greeted either', () => {
    const call = new CoreCall();
    call.feed({ kind: 'stream-attached', resumed: true });
    call.advance(500);
    expect(call.all('say-line').map((e) => e.line)).toEqual(['lost-you']);
  });

  it('case 46: the wall clock steps by an hour and nothing happens', () => {
    const run = (origin: number, stepMs: number): unknown => {
      vi.useFakeTimers({ toFake: ['Date'] });
      vi.setSystemTime(1_800_000_000_000);
      const call = new CoreCall({ origin }).connect();
      call.says('what about the garden centre');
      call.replies(LONG);
      call.advance(1500);
      vi.setSystemTime(1_800_000_000_000 + stepMs);
      call.advance(30_000);
      vi.useRealTimers();
      return call.ordered;
    };
    const plain = run(0, 0);
    expect(run(0, 3_600_000)).toEqual(plain);
    expect(run(0, -3_600_000)).toEqual(plain);
    expect(run(987_654_321, 0)).toEqual(plain);
  });

  it('case 47: carrier silence all the time, and the idle and hang-up timers still work', () => {
    const call = connected();
    let sttTurn = 100;
    const from = call.now;
    while (call.all('finish').length === 0 && call.now - from < 180_000) {
      // Updates without a word, and now and then a turn that noise has opened.
      call.advance(250);
      if (call.now % 7000 < 250) {
        sttTurn += 1;
        call.feed({ kind: 'caller-started', sttTurn, text: '' });
      }
      call.feed({ kind: 'caller-partial', sttTurn, text: '' });
    }
    expect(call.lines('still-there').length).toBeGreaterThan(0);
    expect(call.lines('idle-goodbye')).toHaveLength(1);
    expect(reasonOf(call)).toBe('idle');
  });

  it('case 47: the idle ladder asks, says that it cannot hear, says goodbye and hangs up', () => {
    const call = connected();
    call.advance(call.settings.idleMs.reduce((sum, ms) => sum + ms, 0) + 25_000);
    const idle = call.all('say-line').map((e) => e.line);
    expect(idle).toEqual(['greeting', 'still-there', 'cannot-hear', 'idle-goodbye']);
    const goodbye = call.lines('idle-goodbye')[0]!;
    expect(call.line.heardWords(goodbye.utterance).join(' ')).toBe(goodbye.text);
    expect(call.all('hang-up')).toMatchObject([{ reason: 'idle' }]);
    expectOver(call);
  });

  it('case 48: the time limit brings wrap-up guidance and then a forced, spoken end', () => {
    const call = connected({ windDownAfterMs: 30_000, endAfterMs: 60_000 });
    call.exchange('I am well', 'Good to hear.');
    expect(call.last('ask-model').cues).not.toContain('wind-down');
    while (call.now < 58_000) {
      call.exchange('and so it goes on', 'I see.');
      call.advance(2000);
      if (call.now > 34_000) expect(call.last('ask-model').cues).toContain('wind-down');
    }
    call.advance(22_000);
    const line = call.lines('time-goodbye')[0]!;
    expect(call.line.heardWords(line.utterance).join(' ')).toBe(line.text);
    expect(call.lastAt('hang-up')).toBeLessThan(75_000);
    expect(reasonOf(call)).toBe('time-limit');
    expectOver(call);
  });

  it('case 48: the forced end cannot be talked over', () => {
    const call = connected({ windDownAfterMs: 20_000, endAfterMs: 25_000 });
    while (call.lines('time-goodbye').length === 0 && call.now < 60_000) {
      call.exchange('and so it goes on', 'I see.');
      call.advance(1000);
    }
    call.advance(600);
    call.says('no wait I have one more thing to say to you');
    const line = call.lines('time-goodbye')[0]!;
    expect(call.all('cancel-speech').map((e) => e.utterance)).not.toContain(line.utterance);
    call.advance(15_000);
    expect(call.line.heardWords(line.utterance).join(' ')).toBe(line.text);
    expect(JSON.stringify(call.all('record-caller'))).toContain('one more thing to say');
    expect(call.all('hang-up')).toHaveLength(1);
  });
});
