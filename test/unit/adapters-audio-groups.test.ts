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
    // The ends of messages are on the grid again at once.
    expect(groups.map(({ length }) => length)).toEqual([240, 80, 320, 300]);
  });

  test('goes out in halves in a pause, and whole messages end where they always do', () => {
    const { groups, into } = group(80);
    const paused = [1, 2, 3, 7, 8];
    for (let n = 0; n < 12; n += 1) into.add(frame(n), n * 20, paused.includes(n));
    expect(groups.map((sent) => [...new Set(sent)])).toEqual([
      [0, 1],
      [2, 3],
      [4, 5, 6, 7],
      [8, 9, 10, 11],
    ]);
    const odd = group(80);
    odd.into.add(frame(0), 0);
    for (const n of [1, 2, 3]) odd.into.add(frame(n), n * 20, n > 1);
    for (const n of [4, 5, 6, 7]) odd.into.add(frame(n), n * 20);
    expect(odd.groups.map(({ length }) => length)).toEqual([480, 160, 640]);
  });

  test('of one frame is not cut', () => {
    const { groups, into } = group(20);
    for (let n = 0; n < 3; n += 1) into.add(frame(n), n * 20, true);
    expect(groups.map(({ length }) => length)).toEqual([160, 160, 160]);
  });
});
