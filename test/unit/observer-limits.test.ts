/** What the observer promises about any text: order, evidence, guidance, and bounded time. */
import { describe, expect, it } from 'vitest';
import { observe } from '../../src/companion/observer.ts';
import { CATEGORIES } from '../../src/companion/observer-rules.ts';
import { fold, sentencesOf } from '../../src/companion/observer-sentences.ts';
import { seeded } from '../helpers/seeded.ts';

describe('the observer, urgency', () => {
  it('puts a swindle before a fall, a fall before loneliness, and gives one line of guidance', () => {
    const said = "I fell. I'm so lonely. I gave him my card number.";
    const { signals, guidance } = observe(said, 'en');
    expect(signals.map((s) => s.category)).toEqual(['scam', 'fall', 'loneliness']);
    expect(guidance).toHaveLength(1);
    expect(guidance[0]).toContain('swindle');
  });

  it('puts chest pain now before a lesser matter of a higher rank', () => {
    const said = 'A scammer rang but never mind, my chest feels heavy.';
    expect(observe(said, 'en').signals.map((s) => s.category)).toEqual([
      'chest-or-breathing',
      'scam',
    ]);
  });

  it('keeps the order of the categories for signals of one weight', () => {
    const said =
      'I am so lonely, I feel dizzy, I have no appetite and I got lost driving to the store.';
    const found = observe(said, 'en').signals.map((s) => s.category);
    const ranks = found.map((name) => (CATEGORIES as readonly string[]).indexOf(name));
    expect(found).toEqual(['dizziness', 'cognition', 'nutrition', 'loneliness']);
    expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
  });

  it('raises one signal per category, the weightiest, however often it is said', () => {
    const { signals } = observe('I am sad. I am so sad. I am sad, so very sad.', 'en');
    expect(signals).toEqual([
      { category: 'emotion-negative', severity: 'medium', evidence: 'I am so sad.' },
    ]);
  });

  it('suggests nothing that draws a caller back in who is saying goodbye', () => {
    const said = "I'd better let you go, I miss my sister, talk to you tomorrow";
    expect(observe(said, 'en').guidance).toHaveLength(1);
    const parting = observe(said, 'en', 'strong');
    expect(parting.guidance).toEqual([]);
    expect(parting.signals.map((s) => s.category)).toContain('goodbye-strong');
  });

  it('still speaks of a danger that comes with a goodbye', () => {
    const { guidance } = observe('Talk to you tomorrow, my chest feels heavy', 'en', 'strong');
    expect(guidance[0]).toContain('emergency');
  });
});

describe('the observer, evidence', () => {
  it("quotes the caller's own sentence, as it was written", () => {
    const said = 'The garden is lovely. Well, I, um, FELL in the bathroom. It was Tuesday.';
    expect(observe(said, 'en').signals[0]?.evidence).toBe('Well, I, um, FELL in the bathroom.');
    const spanish = observe('Hola. ¡Ayer me caí en el baño! Adiós.', 'es');
    expect(spanish.signals[0]?.evidence).toBe('¡Ayer me caí en el baño!');
  });

  it('bounds the quote where a sentence never ends', () => {
    const said = `${'and then we went to the shop '.repeat(60)}I fell in the bathroom ${'and so on '.repeat(90)}`;
    const [signal] = observe(said, 'en').signals;
    expect(signal?.category).toBe('fall');
    expect(signal?.evidence.length).toBeLessThanOrEqual(300);
    expect(signal?.evidence).toContain('I fell in the bathroom');
  });

  it('finds a danger wherever it lies in a run-on sentence, and its denial too', () => {
    for (let before = 0; before < 700; before += 7) {
      const lead = 'so it goes and '.repeat(60).slice(0, before);
      const high = (said: string): string[] =>
        observe(`${lead} ${said} and that was that`, 'en')
          .signals.filter((s) => s.severity === 'high')
          .map((s) => s.category);
      expect(high('my chest feels heavy')).toEqual(['chest-or-breathing']);
      expect(high('then I do not have any bad chest pain')).toEqual([]);
    }
  });

  it('is well-formed text even where a quote is cut through a character', () => {
    const said = `I fell ${'😀'.repeat(400)}`;
    const [signal] = observe(said, 'en').signals;
    expect(signal?.evidence.isWellFormed()).toBe(true);
  });
});

describe('the observer, any text at all', () => {
  it('is quiet about nothing', () => {
    for (const said of ['', '   ', '...', '?!', '\n', '-']) {
      expect(observe(said, 'en')).toEqual({ signals: [], guidance: [] });
      expect(observe(said, 'es')).toEqual({ signals: [], guidance: [] });
    }
  });

  it('folds away accents, hesitations and stutters, and keeps a Spanish yes from an if', () => {
    expect(fold('I, uh, I... I FELL—um')).toBe('i... i fell—');
    expect(fold('Sí, él se cayó. ¿Sí?')).toBe('sii, ell se cayo. sii?');
    expect(fold('I’m, um, fine')).toBe("i'm fine");
  });

  it('looks at a bounded number of bounded pieces', () => {
    const pieces = sentencesOf('word '.repeat(20_000));
    expect(pieces.length).toBeLessThan(120);
    expect(Math.max(...pieces.map((piece) => piece.said.length))).toBeLessThanOrEqual(300);
    expect(sentencesOf('x'.repeat(100_000)).length).toBeLessThan(120);
  });

  it('needs no more time for hostile text than for plain text, and no more for 100 KB than for 16', () => {
    const plain = 'We went to the market and bought some apples and a loaf of bread. ';
    const hostile = [
      'i i i i i i i i i ',
      'my chest my chest my chest ',
      "don't don't don't have any ",
      'i just just just actually really also ',
      'and and and i and then i and ',
      'the bank said said said the bank says ',
      'no no no no, no no ',
      'someone someone is is is at the the ',
      'a'.repeat(97),
      ',,,,,,,,,,,,',
      "''''''''",
      'se me ha se me ha me me no no ',
    ];
    const cost = (text: string, language: 'en' | 'es'): number => {
      const times = Array.from({ length: 5 }, () => {
        const from = performance.now();
        observe(text, language);
        return performance.now() - from;
      });
      return Math.min(...times);
    };
    const sized = (text: string, chars: number): string =>
      text.repeat(Math.ceil(chars / text.length)).slice(0, chars);
    for (const language of ['en', 'es'] as const) {
      cost(sized(plain, 16_000), language);
      const base = cost(sized(plain, 16_000), language);
      for (const text of [plain, ...hostile]) {
        const short = cost(sized(text, 4_000), language);
        const long = cost(sized(text, 100_000), language);
        expect(long, `${language} ${text}`).toBeLessThan(base * 10 + 5);
        // Four times the text, and so at most the four-fold time, with room for a busy machine.
        expect(long, `${language} ${text}`).toBeLessThan(short * 12 + 5);
      }
    }
  });

  it('takes well under a millisecond for a turn', () => {
    const turn =
      "Well, I went to the shop this morning and I don't know how it happened, but I fell on the ice. My daughter says I should see the doctor.";
    for (let i = 0; i < 200; i += 1) observe(turn, 'en');
    const times = Array.from({ length: 200 }, () => {
      const from = performance.now();
      observe(turn, 'en');
      return performance.now() - from;
    }).sort((a, b) => a - b);
    expect(times[100]).toBeLessThan(1);
  });

  it('never throws, never gives two lines, never quotes more than was said', () => {
    const random = seeded(20_260);
    const alphabet = "abil fe'.,?!…¿ñá\n\t<>{}[]()*+?|\\$^😀I no my chest fell never don't gas";
    for (let run = 0; run < 3_000; run += 1) {
      const length = Math.floor(random() * 400);
      const text = Array.from({ length }, () =>
        alphabet.charAt(Math.floor(random() * alphabet.length)),
      ).join('');
      const { signals, guidance } = observe(text, random() < 0.5 ? 'en' : 'es');
      expect(guidance.length).toBeLessThanOrEqual(1);
      for (const signal of signals) {
        expect(signal.evidence.length).toBeLessThanOrEqual(300);
        expect(text.toWellFormed()).toContain(signal.evidence);
      }
      expect(new Set(signals.map((s) => s.category)).size).toBe(signals.length);
    }
  });
});
