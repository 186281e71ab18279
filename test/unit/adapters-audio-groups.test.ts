import { describe, expect, test } from 'vitest';
import { AudioGroups } from '../../adapters/stt/audio-groups.ts';

/** Twenty milliseconds of μ-law that say where they stand. */
const frame = (n: number) => new Uint8Array(160).fill(n);

function group(groupMs?: number) {
  const groups: number[][] = [];
  const into = new AudioGroups((sent) => groups.push([...sent]), groupMs);
  return { groups, into };
}

describe('audio for the recogniser', () => {
  test.each([
    [undefined, 4],
    [80, 4],
    [40, 2],
    [20, 1],
  ])('goes out in messages of %s ms', (groupMs, frames) => {
    const { groups, into } = group(groupMs);
    for (let n = 0; n < 8; n += 1) into.add(frame(n), n * 20);
    expect(groups.map(({ length }) => length)).toEqual(Array(8 / frames).fill(frames * 160));
    expect(groups.flat()).toEqual(Array.from({ length: 8 }, (_, n) => [...frame(n)]).flat());
  });

  test('waits for no longer than a message lasts, and one piece may fill several', () => {
    const { groups, into } = group(40);
    into.add(frame(1), 0);
    into.add(frame(2).subarray(0, 80), 40);
    expect(groups.map(({ length }) => length)).toEqual([240]);
    into.add(new Uint8Array(700), 60);
    into.flush();
    into.flush();
    expect(groups.map(({ length }) => length)).toEqual([240, 320, 320, 60]);
  });
});
