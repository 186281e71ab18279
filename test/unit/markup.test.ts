/** What a model lets slip and nobody may hear, however its tokens are split. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClauseSplitter } from '../../src/conversation/clauses.ts';
import { MarkupStripper } from '../../src/conversation/markup.ts';

function stripped(pieces: readonly string[]): string {
  const stripper = new MarkupStripper();
  return pieces.map((piece) => stripper.push(piece)).join('') + stripper.end();
}

function spoken(pieces: readonly string[]): string {
  const splitter = new ClauseSplitter();
  const clauses = [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.end()];
  return clauses.join('').replaceAll(/\s+/g, ' ').trim();
}

/** The text cut in two at every place, and into single characters. */
function everySplit(text: string): string[][] {
  const inTwo = Array.from({ length: text.length + 1 }, (_, at) => [
    text.slice(0, at),
    text.slice(at),
  ]);
  return [...inTwo, [...text]];
}

const SECRET = 'be warm and ask about the hip';
const LONG = `${SECRET} `.repeat(15).trim();

describe('what is not for the ear', () => {
  it.each([
    ['a tag and what is in it', `<guidance>${SECRET}</guidance>I see.`, 'I see.'],
    ['in capitals', `<GUIDANCE>${SECRET}</Guidance>I see.`, 'I see.'],
    ['in the plural', `<instructions>${SECRET}</instructions>I see.`, 'I see.'],
    ['under a longer name', `<guidance_for_you>${SECRET}</guidance_for_you>I see.`, 'I see.'],
    ['with blanks', `< guidance >${SECRET}< / guidance >I see.`, 'I see.'],
    ['with attributes', `<guidance kind="x">${SECRET}</guidance>I see.`, 'I see.'],
    ['as long as all guidance of a turn', `<guidance>${LONG}</guidance>I see.`, 'I see.'],
    ['without its end, up to the line’s', `<guidance>${SECRET}\nI see.`, 'I see.'],
    ['whose first tag is not closed', `<guidance ${SECRET}</guidance>I see.`, 'I see.'],
    [
      'whose first tag is not closed, up to the line’s end',
      `<guidance ${SECRET}\nI see.`,
      'I see.',
    ],
    ['whose last tag is not closed', `<guidance>${SECRET}</guidance\nI see.`, 'I see.'],
    ['at the very end', `I see. <guidance>${SECRET}`, 'I see.'],
    ['at the very end, not even closed', `I see. <guidance ${SECRET}`, 'I see.'],
    ['a tag that ends itself hides nothing', '<note/>I see.', 'I see.'],
    ['other tags, and not what is in them', '<em>I</em> <break time="1s"/>see.', 'I see.'],
    ['an end without a beginning', '</guidance>I see.', 'I see.'],
    ['a stage direction', '[laughs softly] I see.', 'I see.'],
    ['a stage direction within', 'I [pauses] see.', 'I see.'],
    ['a placeholder', 'I see[1].', 'I see.'],
    ['a double bracket', `[[${SECRET}]]I see.`, 'I see.'],
    ['an empty one', '[]I see.<>', 'I see.'],
  ])('%s', (_name, text, wanted) => {
    for (const pieces of everySplit(text)) expect(spoken(pieces)).toBe(wanted);
  });

  it.each([
    ['less than', 'If a < b, then so.', 'If a b, then so.'],
    ['less and greater', 'a < b and c > d', 'a b and c > d'],
    ['a bracket that nobody closes', `[I see ${'very '.repeat(20)}well.`, /^I see (very )+well\.$/],
    ['a long aside', `[${'I see it well. '.repeat(8)}]`, /^(I see it well\. ?)+$/],
    ['a word that begins like ours', '<guid I see.', /guid I see\./],
    ['a heart', 'I <3 you.', 'I 3 you.'],
  ])('is not: %s', (_name, text, wanted) => {
    const whole = spoken([text]);
    if (typeof wanted === 'string') expect(whole).toBe(wanted);
    else expect(whole).toMatch(wanted);
    for (const pieces of everySplit(text)) expect(spoken(pieces)).toBe(whole);
  });

  it('never mutes for long: an opening without its end is believed for six hundred characters', () => {
    const words = Array.from({ length: 400 }, (_, n) => `word${n}`);
    for (const opening of ['<guidance>', '<thinking ', '[[', '< note >']) {
      const text = `${opening}${words.join(' ')}`;
      const heard = stripped([text]);
      expect(heard.length).toBeGreaterThan(text.length - 700);
      expect(heard.endsWith('word399')).toBe(true);
    }
  });

  const PART = fc.constantFrom(
    ...['I see. ', 'word ', 'a', ' ', '\n', '<', '>', '/', '</', '[', ']', '[[', ']]', '< '],
    ...['<guidance>', '</guidance>', '<guidance ', '<guid', 'ance>', 'guidance', '< / note', '/>'],
    ...['<em>', '<em ', '[laughs]', '[1', LONG, 'x'.repeat(59), 'y'.repeat(77), '😀', 'ñ'],
  );
  const TEXT = fc.array(PART, { maxLength: 25 }).map((parts) => parts.join(''));
  const CUTS = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
    maxLength: 40,
  });

  it('is the same whatever the split', () => {
    fc.assert(
      fc.property(TEXT, CUTS, (text, cuts) => {
        const at = [...new Set(cuts.map((place) => Math.floor(place * text.length)))].sort(
          (a, b) => a - b,
        );
        const pieces = [0, ...at].map((from, i) => text.slice(from, at[i] ?? text.length));
        expect(stripped(pieces)).toBe(stripped([text]));
        expect(stripped([...text])).toBe(stripped([text]));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each(['<', '[', '[[', '<guidance ', '<guidance>', '</', '< ', '[a]', '<a>', ']]', '\n<'])(
    'is found in time that grows with the text: %j',
    (piece) => {
      const text = piece.repeat(40_000 / piece.length);
      const beganAt = performance.now();
      stripped([text]);
      stripped([...text.slice(0, 10_000)]);
      expect(performance.now() - beganAt).toBeLessThan(1_000);
    },
  );
});
