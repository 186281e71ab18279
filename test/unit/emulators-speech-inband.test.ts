import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  embedWords,
  fitWords,
  InbandDecoder,
  type DecodedWord,
  type EmbeddedWord,
} from '../../emulators/speech/inband.ts';
import type { Finality } from '../../emulators/speech/types.ts';

const FRAME = 160;

/** Sound with every byte value in it, the same each time. */
function noisySound(ms: number): Uint8Array {
  let seed = 7;
  return Uint8Array.from({ length: ms * 8 }, () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed >>> 24;
  });
}

const word = (
  text: string,
  startMs: number,
  endMs: number,
  finality: Finality = 'holding',
): EmbeddedWord => ({ text, startMs, endMs, finality });

const sentence = [
  word('Good', 0, 240),
  word('morning,', 240, 700),
  word('Marjorie.', 900, 1_500, 'complete'),
];
const sound = embedWords(noisySound(1_700), sentence, 42);

function decode(...chunks: Uint8Array[]): DecodedWord[] {
  const decoder = new InbandDecoder();
  const heard = chunks.flatMap((chunk) => decoder.push(chunk));
  return [...heard, ...decoder.flush()];
}

function without(bytes: Uint8Array, from: number, count: number): Uint8Array {
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + count)]);
}

const texts = (words: readonly DecodedWord[]): string[] => words.map(({ text }) => text);

/** Arbitrary words in order of time with arbitrary gaps, some with text that needs many bytes. */
const someWords = fc
  .array(
    fc.record({
      text: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
      gapMs: fc.integer({ min: 0, max: 120 }),
      lengthMs: fc.integer({ min: 1, max: 700 }),
      finality: fc.constantFrom<Finality>('holding', 'complete', 'abrupt'),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((items) => {
    let at = 0;
    return items.map(({ text, gapMs, lengthMs, finality }) => {
      const startMs = at + gapMs;
      at = startMs + lengthMs;
      return word(text, startMs, at, finality);
    });
  });

function cutAt(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

describe('in-band words', () => {
  test('are read back with their spans, finality and identity', () => {
    expect(decode(sound)).toMatchObject([
      { text: 'Good', startByte: 0, endByte: 1_920, finality: 'holding', damaged: false },
      { text: 'morning,', startByte: 1_920, endByte: 5_600, utterance: 42, index: 1 },
      { text: 'Marjorie.', startByte: 7_200, endByte: 12_000, finality: 'complete', index: 2 },
    ]);
    expect(decode(sound).map((heard) => heard.lastOfUtterance)).toEqual([false, false, true]);
  });

  test('touch nothing but lowest bits inside word spans', () => {
    const plain = noisySound(1_700);
    sound.forEach((byte, i) => {
      const inWord = i < 5_600 || (i >= 7_200 && i < 12_000);
      expect(byte & 0xfe).toBe(plain[i]! & 0xfe);
      if (!inWord) expect(byte).toBe(plain[i]);
    });
  });

  test('any words in any chunking at any offset are read back exactly', () => {
    fc.assert(
      fc.property(
        someWords,
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 400 }),
        (words, sizes, leadBytes) => {
          const lengthMs = Math.ceil((words.at(-1)?.endMs ?? 0) / 20) * 20;
          const bytes = embedWords(noisySound(lengthMs), words, 9);
          const lead = new Uint8Array(leadBytes).fill(0xff);
          const heard = decode(...cutAt(Buffer.concat([lead, bytes]), sizes));
          expect(texts(heard)).toEqual(words.map(({ text }) => text));
          expect(heard.every(({ damaged }) => !damaged)).toBe(true);
          expect(heard.map(({ finality }) => finality)).toEqual(words.map((w) => w.finality));
          const fitted = fitWords(words, lengthMs);
          expect(heard.map(({ startByte }) => startByte - leadBytes)).toEqual(
            fitted.map(({ startMs }) => startMs * 8),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  test('random damage never throws, and what is called whole is whole', () => {
    const plainTexts = new Set(sentence.map(({ text }) => text));
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            kind: fc.constantFrom('flip', 'drop', 'insert', 'swap'),
            at: fc.integer({ min: 0, max: sound.length - 1 }),
            bytes: fc.uint8Array({ minLength: 1, maxLength: 700 }),
          }),
          { maxLength: 6 },
        ),
        fc.integer({ min: 1, max: 2_000 }),
        (damages, chunkBytes) => {
          let bytes: Uint8Array = sound;
          for (const { kind, at, bytes: other } of damages) {
            const head = bytes.subarray(0, at);
            const tail = bytes.subarray(at);
            const rest = tail.subarray(other.length);
            if (kind === 'flip') bytes = Buffer.concat([head, other, rest]);
            if (kind === 'drop') bytes = Buffer.concat([head, rest]);
            if (kind === 'insert') bytes = Buffer.concat([head, other, tail]);
            if (kind === 'swap')
              bytes = Buffer.concat([head, rest, tail.subarray(0, other.length)]);
          }
          for (const heard of decode(...cutAt(bytes, [chunkBytes]))) {
            if (!heard.damaged) expect(plainTexts.has(heard.text)).toBe(true);
            else expect(heard.text).toContain('~');
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test('silence and foreign sound hold no words', () => {
    expect(decode(new Uint8Array(80_000).fill(0xff), noisySound(10_000))).toEqual([]);
  });

  test('survive 40 s of silence before and between them', () => {
    const silence = new Uint8Array(320_001).fill(0xff);
    const heard = decode(silence, sound, silence, sound);
    expect(texts(heard)).toEqual([...texts(decode(sound)), ...texts(decode(sound))]);
    expect(heard[0]?.startByte).toBe(silence.length);
  });
});

describe('damage is told', () => {
  test('a lost frame', () => {
    const [, heard] = decode(without(sound, 1_920 + 5 * FRAME, FRAME));
    expect(heard).toMatchObject({ damaged: true, cut: false, framesHeard: 22, frameCount: 23 });
    expect(heard?.text).toMatch(/^m.*~.*,$/u);
  });

  test('a lost odd number of bytes costs one word, not the next', () => {
    const heard = decode(without(sound, 3_000, 33));
    expect(heard.map(({ damaged }) => damaged)).toEqual([false, true, false]);
  });

  test('a frame played twice', () => {
    const at = 1_920 + 6 * FRAME;
    const doubled = Buffer.concat([sound.subarray(0, at), sound.subarray(at - FRAME)]);
    expect(decode(doubled)[1]).toMatchObject({ damaged: true, framesHeard: 23, index: 1 });
  });

  test('frames out of order', () => {
    const at = 1_920 + 4 * FRAME;
    const swapped = Buffer.concat([
      sound.subarray(0, at),
      sound.subarray(at + FRAME, at + 2 * FRAME),
      sound.subarray(at, at + FRAME),
      sound.subarray(at + 2 * FRAME),
    ]);
    expect(decode(swapped)[1]).toMatchObject({ damaged: true, cut: false });
  });

  test('a word played twice is reported twice', () => {
    const twice = Buffer.concat([sound.subarray(0, 5_600), sound.subarray(1_920)]);
    expect(texts(decode(twice))).toEqual(['Good', 'morning,', 'morning,', 'Marjorie.']);
  });

  test('silence put into a word leaves it whole but is counted', () => {
    const at = 1_920 + 6 * FRAME;
    const gap = new Uint8Array(480).fill(0xff);
    const stretched = Buffer.concat([sound.subarray(0, at), gap, sound.subarray(at)]);
    expect(decode(stretched)[1]).toMatchObject({ damaged: false, insertedBytes: 480 });
  });
});

describe('a word cut in the middle', () => {
  const begun = sound.subarray(0, 1_920 + 10 * FRAME);

  test('is partial while nothing follows', () => {
    const decoder = new InbandDecoder();
    expect(texts(decoder.push(begun))).toEqual(['Good']);
    expect(decoder.partial()).toMatchObject({ index: 1, framesHeard: 10, frameCount: 23 });
    expect(decoder.position).toBe(begun.length);
  });

  test('is reported as cut after 200 ms of silence, and not before', () => {
    const decoder = new InbandDecoder();
    decoder.push(begun);
    expect(decoder.push(new Uint8Array(1_599).fill(0xff))).toEqual([]);
    const [cut] = decoder.push(new Uint8Array(1).fill(0xff));
    expect(cut).toMatchObject({ damaged: true, cut: true, endByte: begun.length });
    expect(cut?.text).toMatch(/^m[a-z]*~$/u);
    expect(decoder.partial()).toBeUndefined();
  });

  test('is reported as cut when another word follows', () => {
    const heard = decode(begun, sound.subarray(7_200));
    expect(heard.map(({ cut }) => cut)).toEqual([false, true, false]);
  });
});

test('a noise is reported as such, without text', () => {
  const noise = {
    kind: 'noise',
    text: 'x',
    startMs: 100,
    endMs: 400,
    finality: 'holding',
  } as const;
  expect(decode(embedWords(noisySound(500), [noise], 3))).toMatchObject([
    { kind: 'noise', text: '', startByte: 800, endByte: 3_200, damaged: false },
  ]);
});

test('words that do not fit make the sound longer rather than getting lost', () => {
  const words = [word('extraordinarily', 0, 5), word('unpronounceable', 5, 10)];
  const bytes = embedWords(new Uint8Array(80).fill(0xff), words, 1);
  expect(texts(decode(bytes))).toEqual(['extraordinarily', 'unpronounceable']);
});

test('a word too long for the codec is refused', () => {
  expect(() => embedWords(noisySound(100), [word('x'.repeat(3_000), 0, 100)], 1)).toThrow(
    RangeError,
  );
});
