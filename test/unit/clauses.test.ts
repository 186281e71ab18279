/** From tokens to clauses: nothing lost, nothing doubled, and the first words early. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClauseSplitter, DEFAULT_CLAUSES, DRAFT_CLAUSES } from '../../src/conversation/clauses.ts';

/** The clauses of a stream of pieces, in order. */
function clausesOf(pieces: readonly string[]): string[] {
  const splitter = new ClauseSplitter();
  return [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
}

/** Cuts a text at the given places, given as parts of its length. */
function cut(text: string, places: readonly number[]): string[] {
  const at = [...new Set(places.map((place) => Math.floor(place * text.length)))].sort(
    (a, b) => a - b,
  );
  return [0, ...at].map((from, i) => text.slice(from, at[i] ?? text.length));
}

function tokens(text: string): string[] {
  return text.match(/\s*\S{1,4}/g) ?? [];
}

function bare(text: string): string {
  return text.replaceAll(/\s+/g, '');
}

const FRAGMENT = fc.constantFrom(
  'Hello',
  'Oh, ',
  'I see. ',
  'Dr. Smith',
  'Mrs. Jones ',
  'the 3.5 kilos',
  ' at 9 a.m. ',
  'No. ',
  'really?! ',
  '… and then',
  'well... ',
  '¿Cómo está usted? ',
  '¡Qué bien! ',
  'el Sr. García ',
  '“quoted.” ',
  "it's ",
  'twenty-one',
  ' — ',
  '; so: ',
  '\n',
  '  ',
  'ñandú 😀 ',
  'a very long stretch of words that goes on and on without any stop at all ',
);
const PLAIN = fc.array(FRAGMENT, { maxLength: 40 }).map((parts) => parts.join(''));
const MARKUP = fc.constantFrom(
  '<guidance>secret</guidance>',
  '<thinking>hm\n',
  '[[note]]',
  '<em>',
  '</em>',
  '**',
  '# ',
  '<',
  '[',
  'a < b',
  '<guidance',
);
const MARKED = fc
  .array(fc.oneof({ weight: 3, arbitrary: FRAGMENT }, MARKUP), { maxLength: 30 })
  .map((parts) => parts.join(''));
const CUTS = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
  maxLength: 60,
});

describe('clauses, whatever the split', () => {
  it('hold the whole text once and in order, up to its last word', () => {
    fc.assert(
      fc.property(PLAIN, CUTS, (text, cuts) => {
        const spoken = bare(clausesOf(cut(text, cuts)).join(''));
        // What has no letter in it cannot be spoken, and may fall off the end.
        const rest = bare(text).slice(spoken.length);
        return bare(text).startsWith(spoken) && !/[\p{L}\p{N}]/u.test(rest);
      }),
      { numRuns: 3_000 },
    );
  });

  it('keep every word apart from the next', () => {
    fc.assert(
      fc.property(PLAIN, CUTS, (text, cuts) => {
        const words = (said: string): string[] => said.match(/[\p{L}\p{N}]+/gu) ?? [];
        expect(words(clausesOf(cut(text, cuts)).join(''))).toEqual(words(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it('say of a text with markup what they say of it in one piece', () => {
    fc.assert(
      fc.property(MARKED, CUTS, (text, cuts) => {
        const words = (pieces: readonly string[]): string =>
          (
            clausesOf(pieces)
              .join('')
              .match(/[\p{L}\p{N}]/gu) ?? []
          ).join('');
        return words(cut(text, cuts)) === words([text]);
      }),
      { numRuns: 3_000 },
    );
  });

  it('are never empty, never without a word, and never longer than a breath and a word', () => {
    fc.assert(
      fc.property(PLAIN, CUTS, (text, cuts) =>
        clausesOf(cut(text, cuts)).every((c) => /[\p{L}\p{N}]/u.test(c) && c.length <= 221),
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('the first clause', () => {
  it.each([
    ['Oh, that is lovely to hear, tell me more.', 'Oh, '],
    ['I see. And then?', 'I see. '],
    ['That sounds like a wonderful day for you.', 'That sounds '],
    ["That's a fine thing to hear.", "That's a fine "],
    ['It was the best of days.', 'It was the '],
    ['Really?! I had no idea of that.', 'Really?! '],
    ['Well… let me think about it.', 'Well… '],
    ['¿Cómo? No le he oído bien.', '¿Cómo? '],
    ['¿Cómo se encuentra usted hoy?', '¿Cómo se encuentra '],
    ['No. I do not think so.', 'No. '],
    ['Then see Dr. Smith about it tomorrow.', 'Then see '],
    ['See the Dr. Smith letter.', 'See the Dr. Smith '],
    ['I saw Dr. Smith this morning.', 'I saw '],
    ['About 3.5 kilos of apples.', 'About 3.5 kilos '],
    ['— Oh, yes.', '— Oh, '],
  ])('of "%s" is "%s"', (text, first) => {
    expect(clausesOf(tokens(text))[0]).toBe(first);
  });

  it('leaves with the white space behind its third word at the latest, its second in a draft', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{2,9}$/), { minLength: 4, maxLength: 12 }),
        fc.constantFrom([DEFAULT_CLAUSES, 3] as const, [DRAFT_CLAUSES, 2] as const),
        (words, [options, most]) => {
          const splitter = new ClauseSplitter(options);
          const one = splitter.push(`${words[0]} `);
          const rest = splitter.push(`${words.slice(1, most).join(' ')} `);
          return one.length === 0 && rest.length >= 1;
        },
      ),
    );
  });
});

describe('later clauses', () => {
  it.each([
    [
      'Good. Mr. Lee came at 9 a.m. today, and Mrs. Lee at ten. They were happy.',
      ['Good. ', 'Mr. Lee came at 9 a.m. today, and Mrs. Lee at ten. ', 'They were happy.'],
    ],
    ['Yes. It is 3.5 degrees. Cold!', ['Yes. ', 'It is 3.5 degrees. ', 'Cold!']],
    ['Sí. ¿Y el Sr. Díaz? ¡Qué bien!', ['Sí. ', '¿Y el Sr. Díaz? ', '¡Qué bien!']],
    ['So. He said “no.” Then he left.', ['So. ', 'He said “no.” ', 'Then he left.']],
    ['Oh. Really?! Well… yes.', ['Oh. ', 'Really?! ', 'Well… ', 'yes.']],
  ])('of "%s" are whole sentences', (text, clauses) => {
    expect(clausesOf(tokens(text))).toEqual(clauses);
    expect(clausesOf([text])).toEqual(clauses);
  });

  it('end at a comma once they are long, and between words when no comma comes', () => {
    const long =
      'and the garden grows and grows in the sun all day long until the golden evening comes';
    const comma = clausesOf(tokens(`Yes. ${long} at last, and then ${long}.`));
    expect(comma).toHaveLength(3);
    expect(comma[1]).toMatch(/at last, $/);
    const endless = clausesOf(tokens(`Yes. ${'word '.repeat(200)}`));
    expect(Math.max(...endless.map((clause) => clause.length))).toBeLessThanOrEqual(221);
    expect(endless.every((clause) => /^(?:Yes\. |(?:word )+|(?:word )*word)$/.test(clause))).toBe(
      true,
    );
  });

  it('hold no more than a bounded part of a word that never ends', () => {
    const clauses = clausesOf(['x'.repeat(1_000), '😀y'.repeat(500)]);
    expect(clauses.join('')).toBe('x'.repeat(1_000) + '😀y'.repeat(500));
    expect(clauses.every((clause) => clause.length <= 221 && clause.isWellFormed())).toBe(true);
  });

  it.each(['\u0301', '¿', '-', '. ', ', ', '</', '<a'])(
    'are found in time that grows with the text when all of it comes in one piece: "%s"',
    (piece) => {
      const text = piece.repeat(20_000 / piece.length);
      const beganAt = performance.now();
      clausesOf([text]);
      // Thousands of milliseconds when every clause was looked for in all of the rest.
      expect(performance.now() - beganAt).toBeLessThan(1_000);
    },
  );
});
