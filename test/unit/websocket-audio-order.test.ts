import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAudioOrder, deliverSilence } from '../../websocket/audio-order.ts';

const next = (silenceMs = 0) => ({ kind: 'next', silenceMs });
/** Places frames of 20 ms; a chunk's stamp is its place in time unless given. */
function placing(maxFillMs = 2_000) {
  const order = createAudioOrder(maxFillMs);
  return (chunk: number, stampMs = (chunk - 1) * 20, bytes = 160) =>
    order.place(chunk, stampMs, bytes);
}

describe('the order of audio frames', () => {
  test('frames in order need nothing', () => {
    const place = placing();
    for (let chunk = 1; chunk <= 100; chunk += 1) expect(place(chunk)).toEqual(next());
  });

  test('the first frame sets the origin, wherever it is', () => {
    const place = placing();
    expect(place(17, 5_000)).toEqual(next());
    expect(place(18, 5_020)).toEqual(next());
    expect(place(16, 4_980)).toEqual({ kind: 'duplicate' });
  });

  test('a gap is filled with its own length', () => {
    const place = placing();
    place(1);
    expect(place(4)).toEqual(next(40));
    expect(place(5)).toEqual(next());
  });

  test('a frame whose place was filled is late, once; after that it is a duplicate', () => {
    const place = placing();
    place(1);
    place(4);
    expect(place(3)).toEqual({ kind: 'late' });
    expect(place(3)).toEqual({ kind: 'duplicate' });
    expect(place(4)).toEqual({ kind: 'duplicate' });
    expect(place(5)).toEqual(next());
  });

  test('stamps show a gap that chunk numbers hide', () => {
    const place = placing();
    place(1, 0);
    expect(place(2, 220)).toEqual(next(200));
    expect(place(3, 240)).toEqual(next());
  });

  test('stamps that wander a little are no gap', () => {
    const place = placing();
    const stamps = [0, 25, 38, 61, 84, 99, 130, 139, 160, 190];
    for (const [index, stampMs] of stamps.entries())
      expect(place(index + 1, stampMs)).toEqual(next());
  });

  test('where stamps stand still, chunk numbers decide', () => {
    const place = placing();
    place(1, 0);
    expect(place(2, 0)).toEqual(next());
    expect(place(5, 0)).toEqual(next(40));
    expect(place(6, 0)).toEqual(next());
  });

  test('frames need not be 20 ms', () => {
    const place = placing();
    expect(place(1, 0, 800)).toEqual(next());
    expect(place(2, 100, 800)).toEqual(next());
    expect(place(4, 300, 800)).toEqual(next(100));
  });

  test('a long gap is filled up to the limit, and then time goes on from the stamp', () => {
    const place = placing(1_000);
    place(1);
    expect(place(501)).toEqual(next(1_000));
    expect(place(502)).toEqual(next());
    expect(place(504)).toEqual(next(20));
  });

  test('a chunk number that cannot be true does not make the call deaf', () => {
    const place = placing();
    place(1);
    expect(place(999_999_999_999_999, 20)).toEqual({ kind: 'implausible' });
    expect(place(2)).toEqual(next());
  });

  test('a stamp that cannot be true fills nothing, and the next good one is believed', () => {
    const place = placing();
    place(1, 0);
    expect(place(2, 999_999_999)).toEqual(next());
    expect(place(3, 40)).toEqual(next());
    expect(place(4, 60)).toEqual(next());
    expect(place(6, 100)).toEqual(next(20));
  });

  test('stamps that fall back are followed, and fill nothing', () => {
    const place = placing();
    place(1, 10_000);
    expect(place(2, 0)).toEqual(next());
    expect(place(3, 20)).toEqual(next());
    expect(place(5, 60)).toEqual(next(20));
  });

  test('silence has to be earned: tiny frames with far-away stamps get next to none', () => {
    const place = placing(2_000);
    let filledMs = 0;
    for (let chunk = 1; chunk <= 10_000; chunk += 1) {
      const placement = place(chunk, chunk * 2_000, 1);
      if (placement.kind === 'next') filledMs += placement.silenceMs;
    }
    // 1.25 s of audio in all.
    expect(filledMs).toBeLessThanOrEqual(2_000 + 2 * 1_250);
    // Whoever sends real audio again has earned a gap of the usual length.
    for (let n = 1; n <= 50; n += 1) place(10_000 + n, 20_000_000 + n * 20);
    const gap = place(10_101, 20_000_000 + 101 * 20);
    expect(gap.kind === 'next' && Math.round(gap.silenceMs)).toBe(1_020);
  });

  test('a line that loses every other frame for minutes stays in time', () => {
    const place = placing(2_000);
    let heardMs = 20;
    place(1);
    for (let chunk = 3; chunk < 20_000; chunk += 2) {
      const placement = place(chunk);
      heardMs += 20 + (placement.kind === 'next' ? placement.silenceMs : 0);
      expect(heardMs).toBe(chunk * 20);
    }
  });

  test('any loss, doubling and reordering: positions in audio stay positions in time', () => {
    const arrival = fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.boolean()), {
      minLength: 1,
      maxLength: 120,
    });
    fc.assert(
      fc.property(arrival, (chunks) => {
        const place = placing(1e9);
        let heardMs: number | undefined;
        let highest = 0;
        for (const [chunk] of chunks) {
          const placement = place(chunk);
          if (placement.kind !== 'next') {
            expect(chunk).toBeLessThanOrEqual(highest);
            continue;
          }
          expect(chunk).toBeGreaterThan(highest);
          highest = chunk;
          heardMs = heardMs === undefined ? (chunk - 1) * 20 : heardMs + placement.silenceMs;
          expect(heardMs).toBe((chunk - 1) * 20);
          heardMs += 20;
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('any numbers at all: never negative, never above the limit', () => {
    const input = fc.tuple(fc.nat(1e9), fc.nat(1e9), fc.integer({ min: 1, max: 16_000 }));
    fc.assert(
      fc.property(fc.array(input, { maxLength: 60 }), (frames) => {
        const place = placing(500);
        for (const [chunk, stampMs, bytes] of frames) {
          const placement = place(chunk, stampMs, bytes);
          const silenceMs = placement.kind === 'next' ? placement.silenceMs : 0;
          expect(silenceMs >= 0 && silenceMs <= 500).toBe(true);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

test('silence comes in pieces of 20 ms, all 0xff, and adds up', () => {
  for (const ms of [0, 0.5, 1, 20, 45, 2_000]) {
    const pieces: Uint8Array[] = [];
    deliverSilence(ms, (mulaw) => pieces.push(mulaw));
    const bytes = Buffer.concat(pieces);
    expect(bytes.length).toBe(Math.round(ms * 8));
    expect(bytes.every((byte) => byte === 0xff)).toBe(true);
    expect(pieces.every((piece) => piece.length > 0 && piece.length <= 160)).toBe(true);
  }
});
