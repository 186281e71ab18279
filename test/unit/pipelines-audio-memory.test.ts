/** The audio that can be told again to a new listener. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AudioMemory } from '../../pipelines/audio-memory.ts';

const joined = (memory: AudioMemory): Buffer => Buffer.concat(memory.chunks());

test('keeps the last three seconds between turns, twelve of unjudged speech, thirty within a turn', () => {
  const memory = new AudioMemory();
  const frame = new Uint8Array(160);
  for (let i = 0; i < 500; i += 1) memory.add(frame, 'pause');
  expect([memory.startMs, memory.endMs]).toEqual([7_000, 10_000]);
  for (let i = 0; i < 1_000; i += 1) memory.add(frame, 'unjudged');
  expect([memory.startMs, memory.endMs]).toEqual([18_000, 30_000]);
  for (let i = 0; i < 2_000; i += 1) memory.add(frame, 'turn');
  expect([memory.startMs, memory.endMs]).toEqual([40_000, 70_000]);
  expect(joined(memory)).toHaveLength(30_000 * 8);
});

test('does not mind that a frame is written to afterwards', () => {
  const memory = new AudioMemory();
  const frame = new Uint8Array(160).fill(7);
  memory.add(frame, 'turn');
  frame.fill(9);
  expect(joined(memory)).toEqual(Buffer.alloc(160, 7));
});

test('what was understood is forgotten to the byte, and never what comes after it', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), bytes: fc.integer({ min: 0, max: 5_000 }) }),
    fc.record({ kind: fc.constant('understood' as const), share: fc.double({ min: 0, max: 1.5 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const memory = new AudioMemory();
      const all: number[] = [];
      let forgotten = 0;
      for (const taken of steps) {
        if (taken.kind === 'add') {
          const mulaw = Uint8Array.from({ length: taken.bytes }, (_, i) => (all.length + i) % 251);
          for (const byte of mulaw) all.push(byte);
          memory.add(mulaw, 'turn');
        } else {
          const ms = (all.length / 8) * (Number.isNaN(taken.share) ? 0 : taken.share);
          memory.understood(ms);
          forgotten = Math.max(forgotten, Math.min(all.length, Math.floor(ms * 8)));
        }
        forgotten = Math.max(forgotten, all.length - 240_000);
        expect(memory.startMs).toBe(forgotten / 8);
        expect(memory.endMs).toBe(all.length / 8);
        expect(joined(memory).equals(Uint8Array.from(all.slice(forgotten)))).toBe(true);
      }
    }),
    { numRuns: 300, seed: 20_261_122 },
  );
});
