import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Sound } from '../../pipelines/sound.ts';

const step = fc.oneof(
  fc.record({ what: fc.constant('add' as const), bytes: fc.uint8Array({ maxLength: 3_000 }) }),
  fc.record({ what: fc.constant('cut' as const), at: fc.nat(200_000) }),
  fc.record({ what: fc.constant('read' as const), from: fc.nat(200_000), bytes: fc.nat(5_000) }),
  fc.record({ what: fc.constant('fill' as const), value: fc.nat(255) }),
);

describe('the sound of an utterance', () => {
  test('is what was added to it, whatever the memory held before', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const sound = new Sound(Buffer.alloc(4_096, 0xaa));
        let model = Buffer.alloc(0);
        const add = (bytes: Buffer): void => {
          expect(sound.add(bytes.toString('base64'), bytes.length)).toBe(bytes.length);
          model = Buffer.concat([model, bytes]);
        };
        for (const one of steps) {
          if (one.what === 'add') add(Buffer.from(one.bytes));
          if (one.what === 'fill') add(Buffer.alloc(20_000, one.value));
          if (one.what === 'cut') {
            sound.cut(one.at);
            model = model.subarray(0, one.at);
          }
          if (one.what === 'read') {
            const part = model.subarray(one.from, one.from + one.bytes);
            expect(sound.read(one.from, one.bytes)).toBe(part.toString('base64'));
          }
          expect(sound.bytes).toBe(model.length);
        }
        expect(sound.read(0, model.length)).toBe(model.toString('base64'));
      }),
    );
  });

  test('that is no base64 adds nothing', () => {
    const sound = new Sound();
    expect(sound.add('!!!!', 3)).toBe(0);
    expect(sound.bytes).toBe(0);
  });

  test('that was let go cannot be read, and its memory serves the next', () => {
    const sound = new Sound();
    sound.add(Buffer.alloc(1_000, 7).toString('base64'), 1_000);
    const memory = sound.letGo();
    expect(sound.read(0, 1_000)).toBe('');
    expect(sound.letGo()).toBeUndefined();
    const next = new Sound(memory);
    expect(next.read(0, 1_000)).toBe('');
    next.add(Buffer.alloc(10, 9).toString('base64'), 10);
    expect(Buffer.from(next.read(0, 1_000), 'base64')).toEqual(Buffer.alloc(10, 9));
  });

  test('of an unusual length leaves no memory behind', () => {
    const sound = new Sound();
    sound.add(Buffer.alloc(200_000).toString('base64'), 200_000);
    expect(sound.letGo()).toBeUndefined();
  });
});
