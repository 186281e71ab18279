import { describe, expect, test } from 'vitest';
import { audit } from '../../demo/audit.ts';
import { percentile, spread } from '../../demo/audit/figures.ts';
import { commonLength, wordDistance, wordsOf } from '../../demo/audit/words.ts';
import { heldUpWithin } from '../../demo/machine-watch.ts';
import { EvidenceBuilder } from '../helpers/demo-evidence.ts';

describe('words', () => {
  test('case, punctuation and hyphens make no difference', () => {
    expect(wordsOf("Mm-hm. I’m FINE, Tom's here!")).toEqual([
      'mm',
      'hm',
      "i'm",
      'fine',
      "tom's",
      'here',
    ]);
  });

  test('the distance counts words missing and words too many', () => {
    expect(commonLength(['a', 'b', 'c'], ['a', 'c', 'd'])).toBe(2);
    expect(wordDistance(['a', 'b', 'c'], ['a', 'b', 'c'])).toBe(0);
    expect(wordDistance(['a', 'b'], ['a', 'b', 'c'])).toBe(1);
    expect(wordDistance([], ['a', 'b'])).toBe(2);
    expect(wordDistance(['b', 'a'], ['a', 'b'])).toBe(2);
  });
});

describe('figures', () => {
  test('percentiles are values that were measured (nearest rank)', () => {
    const values = [5, 1, 4, 2, 3];
    expect(percentile(values, 0.5)).toBe(3);
    expect(percentile(values, 0.95)).toBe(5);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([], 0.5)).toBeUndefined();
  });

  test('a spread of nothing is nothing', () => {
    expect(spread([])).toBeUndefined();
    expect(spread([1, 2, 3.04])).toEqual({ p50: 2, p95: 3, max: 3 });
  });
});

describe('a plain turn', () => {
  function plainTurn(): EvidenceBuilder {
    const call = new EvidenceBuilder();
    const line = call.says('hello there', 20_000);
    call.stt_('EndOfTurn', line, 20_380, 333);
    call.reply({ askedAtMs: 20_382, text: 'Good to hear.', mediaAtMs: 20_605 });
    return call;
  }

  test('costs what remains when the scripted waits are taken off', () => {
    const { turns } = audit(plainTurn().build());
    expect(turns).toHaveLength(1);
    // 605 − 333 − 100 − 60: 47 of grouping, 2 to ask, 60 for the clause, 3 to send.
    expect(turns[0]).toMatchObject({
      kind: 'plain',
      waitMs: 605,
      addedMs: 112,
      eagerMs: undefined,
    });
  });

  test('is taken apart without a gap', () => {
    const { turns } = audit(plainTurn().build());
    expect(turns[0]?.spans).toEqual([
      { name: 'stt', fromMs: 0, toMs: 333 },
      { name: 'grouping', fromMs: 333, toMs: 380 },
      { name: 'ask', fromMs: 380, toMs: 382 },
      { name: 'model', fromMs: 382, toMs: 482 },
      { name: 'clause', fromMs: 482, toMs: 542 },
      { name: 'voice', fromMs: 542, toMs: 602 },
      { name: 'own', fromMs: 602, toMs: 605 },
    ]);
  });

  test('a scripted delay of the STT is no cost of ours', () => {
    const { turns } = audit(plainTurn().build({ sttDelayMs: 50 }));
    expect(turns[0]?.addedMs).toBe(62);
  });

  test('an eager end that was taken back leaves the turn plain', () => {
    const call = new EvidenceBuilder();
    const line = call.says('well I slept badly', 20_000);
    call.stt_('EagerEndOfTurn', line, 18_500, 133, 1);
    call.stt_('TurnResumed', line, 18_900, 0, 1);
    call.stt_('EndOfTurn', line, 20_340, 333);
    call.reply({ askedAtMs: 20_342, text: 'Oh dear.', mediaAtMs: 20_565 });
    expect(audit(call.build()).turns[0]).toMatchObject({ kind: 'plain', addedMs: 72 });
  });

  test('answered by a filler is not measured as an answer', () => {
    const call = new EvidenceBuilder();
    const line = call.says('hello there', 20_000);
    call.stt_('EndOfTurn', line, 20_380, 333);
    call.fixedLine('Let me see.', 21_900);
    expect(audit(call.build()).turns[0]).toMatchObject({ kind: 'unjudged', addedMs: undefined });
  });

  test('without an answer before the next words has no first media', () => {
    const call = new EvidenceBuilder();
    const line = call.says('hello there', 20_000);
    call.stt_('EndOfTurn', line, 20_380, 333);
    call.says('are you there', 25_000);
    call.media(26_000);
    expect(audit(call.build()).turns[0]?.firstMediaAtMs).toBeUndefined();
  });
});

describe('an eager turn', () => {
  test('is measured from the end-of-turn event', () => {
    const call = new EvidenceBuilder();
    const line = call.says('I made some cocoa', 20_000);
    call.stt_('EagerEndOfTurn', line, 20_140, 133);
    call.stt_('EndOfTurn', line, 20_340, 333);
    call.reply({ askedAtMs: 20_142, text: 'Oh, lovely.', mediaAtMs: 20_365 });
    const { turns, figures } = audit(call.build());
    expect(turns[0]).toMatchObject({ kind: 'eager', eagerMs: 25, addedMs: undefined });
    expect(figures.eagerMs).toEqual({ p50: 25, p95: 25, max: 25 });
    expect(figures.addedMs).toBeNull();
  });
});

describe('a machine that was busy with something else', () => {
  function turns(count: number): EvidenceBuilder {
    const call = new EvidenceBuilder();
    for (let i = 0; i < count; i += 1) {
      const atMs = 20_000 + i * 10_000;
      const line = call.says(`turn number ${i}`, atMs);
      call.stt_('EndOfTurn', line, atMs + 380, 333);
      call.reply({ askedAtMs: atMs + 382, text: `Reply ${i}.`, mediaAtMs: atMs + 605 + 100 * i });
    }
    return call;
  }
  // While the answer to the last of four turns was on its way.
  const holdUps = [{ fromMs: 50_700, toMs: 50_800 }];

  test('a turn during which the emulators did not run is left out', () => {
    const { figures, turns: audited } = audit(turns(4).build({ holdUps }));
    expect(audited[3]).toMatchObject({ heldUpMs: 100, addedMs: 412 });
    expect(figures.addedMs).toEqual({ p50: 212, p95: 312, max: 312 });
  });

  test('unless too few would be left to measure by', () => {
    const late = [{ fromMs: 40_700, toMs: 40_800 }];
    const { figures } = audit(turns(3).build({ holdUps: late }));
    expect(figures.addedMs?.max).toBe(312);
  });

  test('only what falls into the wait counts, and a few milliseconds do not', () => {
    expect(heldUpWithin([{ fromMs: 0, toMs: 50 }], 30, 100)).toBe(20);
    expect(heldUpWithin([{ fromMs: 0, toMs: 50 }], 50, 100)).toBe(0);
    const short = [{ fromMs: 50_700, toMs: 50_709 }];
    expect(audit(turns(4).build({ holdUps: short })).figures.addedMs?.max).toBe(412);
  });
});
