import { describe, expect, test } from 'vitest';
import { audit, judgeFigures } from '../../demo/audit.ts';
import {
  callerWords,
  longestSilenceMs,
  withoutStageDirections,
} from '../../demo/audit/completeness.ts';
import type { KeptCall } from '../../demo/audit/evidence.ts';
import { EvidenceBuilder } from '../helpers/demo-evidence.ts';

describe('an interruption', () => {
  /** A reply of six words is cut at 23,010, when the first three were heard. */
  function interrupted(claimed: string, heardWords = 3): EvidenceBuilder {
    const call = new EvidenceBuilder();
    const first = call.says('tell me', 20_000);
    call.stt_('EndOfTurn', first, 20_380, 333);
    const text = 'one two three four five six';
    call.reply({ askedAtMs: 20_382, text, mediaAtMs: 22_090, heardWords });
    const line = call.says('wait no listen', 23_700, 'interruption', 0);
    call.stt_('StartOfTurn', line, 22_950, 0, -1);
    call.stt_('Update', line, 23_004, 0, 0);
    call.clear(23_010);
    call.stt_('EndOfTurn', line, 24_080, 333);
    call.event(23_012, {
      what: 'companion-said',
      utterance: 2,
      turnId: 't1',
      text: claimed,
      interrupted: true,
    });
    call.reply({ askedAtMs: 24_082, text: 'Yes, go on.', mediaAtMs: 24_305 });
    return call;
  }

  test('is timed from the event with the word that decides', () => {
    const result = audit(interrupted('one two three').build());
    expect(result.interruptions[0]).toMatchObject({
      bargeInMs: 6,
      heardWords: 3,
      heardWordError: 0,
    });
    expect(result.figures).toMatchObject({ bargeInMs: { p99: 6 }, falseInterruptions: 0 });
    expect(result.failures).toEqual([]);
  });

  test('shows by how many words the account of what was heard is off', () => {
    const { figures } = audit(interrupted('one two three four five').build());
    expect(figures.heardWordErrorMax).toBe(2);
    expect(judgeFigures(figures).find((v) => v.name.startsWith('Heard text'))?.pass).toBe(false);
  });

  test('the account given to the model counts as well, and the worse one is taken', () => {
    const call = interrupted('one two three');
    const { model } = call;
    const asked = model.findIndex((e) => e.what === 'request' && e.atMs > 23_010);
    const request = model[asked]!;
    if (request.what !== 'request') throw new Error('no request');
    const content = [{ type: 'text', text: 'one —' }];
    model[asked] = { ...request, messages: [{ role: 'assistant', content }] };
    expect(audit(call.build()).figures.heardWordErrorMax).toBe(2);
  });

  test('that nothing obeyed is a failure', () => {
    const call = interrupted('one two three');
    const { failures } = audit(call.build({ clears: [] }));
    expect(failures).toContain('“wait no listen” did not stop the companion');
  });

  test('words of the old reply after the clear are a failure', () => {
    const { failures } = audit(interrupted('one two three', 5).build());
    expect(failures).toContain('1 words of the old reply were heard after the clear');
  });

  test('media between the clear and the end of the words is a failure', () => {
    const call = interrupted('one two three').media(23_100);
    const { failures } = audit(call.build());
    expect(failures).toContain('1 media messages arrived after the clear');
  });

  test('a clear that nobody asked for is a false one, an empty one is none', () => {
    const call = interrupted('one two three').clear(40_000).clear(41_000, 0);
    expect(audit(call.build()).figures.falseInterruptions).toBe(1);
  });

  test('a clear is expected where the machine was recognised', () => {
    const call = new EvidenceBuilder().clear(12_000);
    const expectations = { endedBy: 'server', answers: 0, machine: true } as const;
    expect(audit(call.build({ expect: expectations })).figures.falseInterruptions).toBe(0);
  });
});

describe('what the caller said', () => {
  function shownAs(...texts: string[]): EvidenceBuilder {
    const call = new EvidenceBuilder();
    const first = call.says('my name is Rose', 20_000);
    call.stt_('EndOfTurn', first, 20_380, 333);
    call.says('mm-hm', 22_000, 'backchannel');
    call.event(22_100, {
      what: 'caller-said',
      turnId: 't2',
      revision: 0,
      text: 'Mm-hm.',
      backchannel: true,
    });
    const shown = texts.map((text) => ({ role: 'user' as const, text }));
    call.reply({ askedAtMs: 20_400, text: 'Lovely.', mediaAtMs: 20_700, shown });
    return call;
  }

  test('reached the model once, and the nod was set aside', () => {
    const shown = [
      '(The telephone was answered.)',
      'My name is Rose.',
      '<guidance>be kind</guidance>',
    ];
    expect(callerWords(shownAs(...shown).build())).toEqual({ lost: 0, doubled: 0 });
  });

  test('words that are missing are lost', () => {
    expect(callerWords(shownAs('My name').build())).toEqual({ lost: 2, doubled: 0 });
  });

  test('words that came twice are doubled', () => {
    expect(callerWords(shownAs('My name is Rose.', 'is Rose.').build())).toEqual({
      lost: 0,
      doubled: 2,
    });
  });

  test('nothing can be said about a model that logs nothing', () => {
    const vendors = { stt: undefined, model: undefined, voice: undefined };
    expect(callerWords(shownAs('x').build({ vendors }))).toBeUndefined();
  });

  test('stage directions are not words of the caller; bracketed asides within a line are', () => {
    expect(withoutStageDirections('<guidance>say\nthis</guidance> hello').trim()).toBe('hello');
    expect(withoutStageDirections('hello (I think)')).toBe('hello (I think)');
  });
});

describe('a reply that was not interrupted', () => {
  test('must be heard whole', () => {
    const call = new EvidenceBuilder();
    call.reply({ askedAtMs: 20_000, text: 'one two three', mediaAtMs: 20_300, heardWords: 2 });
    const { mangled, failures } = audit(call.build());
    expect(mangled).toMatchObject([{ wrong: 1, damaged: 0 }]);
    expect(failures[0]).toContain('1 words wrong');
  });

  test('must be heard undamaged', () => {
    const call = new EvidenceBuilder();
    call.reply({ askedAtMs: 20_000, text: 'one two', mediaAtMs: 20_300, damaged: true });
    expect(audit(call.build()).mangled).toMatchObject([{ wrong: 0, damaged: 2 }]);
  });

  test('a draft that nobody heard is no such reply', () => {
    const call = new EvidenceBuilder();
    call.reply({ askedAtMs: 20_000, text: 'one two', mediaAtMs: 20_300, heardWords: 0 });
    expect(audit(call.build()).mangled).toEqual([]);
  });
});

describe('silence while the caller waits', () => {
  test('runs from the last word to the first sound, and counts inside the answer', () => {
    const call = new EvidenceBuilder();
    call.says('hello', 20_000);
    call.reply({ askedAtMs: 20_400, text: 'one two three', mediaAtMs: 21_990, heardWords: 3 });
    const silences = [
      { lineStartMs: 9_000, lineEndMs: 12_000 },
      { lineStartMs: 12_300, lineEndMs: 12_600 },
      // After the answer the companion waits for the caller.
      { lineStartMs: 12_900, lineEndMs: 22_000 },
    ];
    expect(longestSilenceMs(call.build({ silences }))).toBe(2_000);
  });

  test('an answer that never comes is silence to the end', () => {
    const call = new EvidenceBuilder();
    call.says('hello', 20_000);
    const silences = [{ lineStartMs: 9_000, lineEndMs: 18_500 }];
    expect(longestSilenceMs(call.build({ silences }))).toBe(8_500);
  });
});

describe('the end of the call', () => {
  const goodbye = { endedBy: 'server', endReason: 'goodbye', alert: 'fall', answers: 0 } as const;
  const work = { count: 9, p50: 1, p95: 2, p99: 3, max: 4 };

  function ended(): EvidenceBuilder {
    const call = new EvidenceBuilder();
    call.event(30_000, { what: 'alert-raised', category: 'fall', severity: 'high', evidence: 'x' });
    call.event(80_000, { what: 'call-ended', reason: 'goodbye', durationMs: 70_000, work });
    return call;
  }

  test('everything as it should be', () => {
    const result = audit(ended().build({ expect: goodbye }));
    expect(result.failures).toEqual([]);
    expect(result.figures.ownWorkMs).toEqual({ p99: 3 });
  });

  test('no alert, the wrong reason, the wrong end and a bad exit are four failures', () => {
    const { failures } = audit(
      new EvidenceBuilder().build({
        expect: goodbye,
        end: { how: 'caller-hung-up', status: 'completed', atMs: 1 },
        serverExitCode: undefined,
      }),
    );
    expect(failures).toHaveLength(4);
  });

  test('the last words must be heard after the caller’s own', () => {
    const call = ended();
    call.says('bye', 60_000);
    call.fixedLine('Goodbye.', 50_000);
    const expectations = { ...goodbye, lastWords: /goodbye/i };
    expect(audit(call.build({ expect: expectations })).failures).toEqual([
      'the last words heard were “”',
    ]);
  });

  test('what nobody may hear is a failure once it is heard after the beep', () => {
    const call = ended().fixedLine('Hello Margaret', 50_000);
    const expectations = { ...goodbye, unheard: /margaret/i };
    const early = audit(call.build({ expect: expectations, beepEndedAtMs: 60_000 }));
    const late = audit(call.build({ expect: expectations, beepEndedAtMs: 40_000 }));
    expect(early.failures).toEqual([]);
    expect(late.failures).toEqual(['something personal was heard: “Hello Margaret”']);
  });

  test('the greeting is timed from start to the first media', () => {
    const call = ended().start(10_100).media(10_105).media(10_200);
    expect(audit(call.build()).figures.greetingMs).toBe(5);
  });

  test('what the machine did not let happen meanwhile is no part of the greeting', () => {
    const call = ended().start(10_100).media(10_160);
    const holdUps = [
      { fromMs: 10_080, toMs: 10_112 },
      { fromMs: 10_120, toMs: 10_155 },
    ];
    expect(audit(call.build({ holdUps })).figures.greetingMs).toBe(13);
  });
});

test('a figure that could not be measured is shown as such and not held against the call', () => {
  const { figures } = audit(new EvidenceBuilder().build());
  const verdicts = judgeFigures(figures);
  expect(verdicts.filter((v) => v.value === null).map((v) => v.name)).toContain(
    'Greeting after start',
  );
  expect(verdicts.every((v) => v.pass)).toBe(true);
});

describe('what is kept', () => {
  const kept = (over: Partial<KeptCall> = {}): KeptCall => ({
    state: 'ended',
    alerts: [],
    turns: [],
    ...over,
  });
  const turn = (speaker: 'caller' | 'companion', heard: string, interrupted = false) => ({
    speaker,
    heard,
    interrupted,
  });

  test('every word that was heard or said is in the database, and no other', () => {
    const call = new EvidenceBuilder();
    call.says('hello there', 20_000);
    call.reply({ askedAtMs: 20_382, text: 'Good to hear.', mediaAtMs: 20_605 });
    const { heard, lines } = call.build();
    expect(heard).toHaveLength(3);
    const ear = heard.map(({ text }) => text).join(' ');
    const turns = [
      turn('companion', ear),
      ...lines.map(({ text }) => turn('caller', text.toUpperCase())),
    ];
    const judged = (list: typeof turns) => audit(call.build({ kept: kept({ turns: list }) }));
    expect(judged(turns).figures.unkeptWords).toBe(0);
    expect(judged([...turns, turn('companion', 'one two')]).figures.unkeptWords).toBe(2);
    expect(judged(turns.slice(1)).figures.unkeptWords).toBe(heard.length);
    // Cut off in a word: whether that was heard is nobody's fault.
    const cut = [turn('companion', `${ear} almost`, true), ...turns.slice(1)];
    expect(judged(cut).figures.unkeptWords).toBe(0);
  });

  test('a call that is not over in the database, or an alert that is not there, is a broken promise', () => {
    const call = new EvidenceBuilder();
    const expect_ = { ...call.build().expect, alert: 'fall' };
    const failuresOf = (found: KeptCall): readonly string[] =>
      audit(call.build({ kept: found, expect: expect_ })).failures;
    expect(failuresOf(kept({ state: 'active' }))).toContain('in the database the call is active');
    expect(failuresOf(kept({ state: undefined }))).toContain(
      'in the database the call is not there',
    );
    expect(failuresOf(kept())).toContain("the alert 'fall' is not in the database");
    expect(failuresOf(kept({ alerts: ['fall'] })).join()).not.toContain('database');
  });
});
