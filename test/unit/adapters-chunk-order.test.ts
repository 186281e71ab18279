import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkOrder } from '../../adapters/tts/chunk-order.ts';

function orderOf(text: string): ChunkOrder<string> {
  const order = new ChunkOrder<string>((chunk) => chunk);
  order.asked(text);
  return order;
}

describe('the order of an utterance’s chunks', () => {
  test('chunks in order pass at once, and silence with them', () => {
    const order = orderOf('How do you do?');
    for (const chunk of ['', 'How d', '', 'o yo', 'u do?', '']) {
      expect(order.add(chunk)).toEqual([chunk]);
    }
    expect(order.isHolding).toBe(false);
  });

  test('a chunk before its turn waits, and the one it overtook proves the order wrong', () => {
    const order = orderOf('How do you do?');
    expect(order.add('o yo')).toEqual([]);
    expect(order.add('')).toEqual([]);
    expect(order.add('How d')).toBe('broken');
  });

  test('text that is asked for later belongs to the order', () => {
    const order = orderOf('Well now. ');
    expect(order.add('Well now. ')).toEqual(['Well now. ']);
    order.asked('How are you?');
    expect(order.add('are you?')).toEqual([]);
    expect(order.add('How ')).toBe('broken');
  });

  test('spaces that the vendor drops or adds are no matter', () => {
    const order = orderOf('Well now.  How are\nyou? ');
    for (const chunk of [' Well', 'now. ', ' How are y', 'ou?']) {
      expect(order.add(chunk)).toEqual([chunk]);
    }
  });

  test('a mark that the vendor leaves away makes the order unknown, not wrong', () => {
    const order = orderOf('Well *then*, dear, and so on.');
    expect(order.add('Well ')).toEqual(['Well ']);
    expect(order.add('then, ')).toEqual(['then, ']);
    expect(order.add('and ')).toEqual(['and ']);
    expect(order.add('dear, ')).toEqual(['dear, ']);
  });

  test('a part that the vendor leaves away delays one chunk, and nothing else', () => {
    const order = orderOf('Well (I think) dear, and so on.');
    expect(order.add('Well ')).toEqual(['Well ']);
    expect(order.add('dear, ')).toEqual([]);
    expect(order.add('and ')).toEqual([]);
    expect(order.giveUp()).toEqual(['dear, ', 'and ']);
    expect(order.add('so on.')).toEqual(['so on.']);
  });

  test('no more than three chunks are held', () => {
    const order = orderOf('abcdefgh');
    for (const chunk of ['b', 'c', 'd']) expect(order.add(chunk)).toEqual([]);
    expect(order.add('e')).toEqual(['b', 'c', 'd', 'e']);
    expect(order.add('a')).toEqual(['a']);
  });

  test('fuzz: whatever comes passes exactly once and as it came, unless the order is broken', () => {
    const chunks = fc.array(fc.string({ maxLength: 6 }), { maxLength: 12 });
    fc.assert(
      fc.property(chunks, fc.string({ maxLength: 30 }), fc.boolean(), (all, other, isOurs) => {
        const order = orderOf(isOurs ? all.toReversed().join('') : other);
        const added = all.map((chunk) => order.add(chunk));
        fc.pre(!added.includes('broken'));
        expect([...added.flatMap((next) => [...next]), ...order.giveUp()]).toEqual(all);
      }),
    );
  });

  test('fuzz: text cut anywhere is in order, and with two neighbours swapped it is not', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{3,8}$/), { minLength: 2, maxLength: 12 });
    fc.assert(
      fc.property(words, fc.nat(), (spoken, at) => {
        // Numbered, so that no two chunks are alike.
        const all = spoken.map((word, i) => `${word}${i} `);
        const order = orderOf(all.join(''));
        for (const chunk of all) expect(order.add(chunk)).toEqual([chunk]);
        const first = at % (all.length - 1);
        const swapped = all.with(first, all[first + 1]!).with(first + 1, all[first]!);
        const other = orderOf(all.join(''));
        expect(swapped.map((chunk) => other.add(chunk))).toContain('broken');
      }),
    );
  });
});
