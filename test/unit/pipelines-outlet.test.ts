import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Outlet } from '../../pipelines/outlet.ts';

/** 200 ms of sound whose bytes all have one value, so that it can be recognised. */
function piece(value: number, bytes = 1_600) {
  return { base64: Buffer.alloc(bytes, value).toString('base64'), bytes };
}

function outletOn(): { outlet: Outlet; sent: string[]; marks: string[] } {
  const sent: string[] = [];
  const marks: string[] = [];
  const outlet = new Outlet({ now: () => performance.now(), onSent: () => undefined });
  outlet.attach({
    sendMedia: (base64) => {
      const bytes = Buffer.from(base64, 'base64');
      sent.push(`${bytes[0]}x${bytes.length / 8}`);
    },
    sendMark: (name) => {
      marks.push(name);
      sent.push('mark');
    },
    clear: () => sent.push('clear'),
  });
  return { outlet, sent, marks };
}

describe('the way out', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('a draft is sent in the same tick in which it is released, and not before', () => {
    const { outlet, sent } = outletOn();
    outlet.add(1, piece(1));
    outlet.add(1, piece(2));
    expect(sent).toEqual([]);
    outlet.release(1, false);
    expect(sent).toEqual(['1x200', 'mark', '2x200', 'mark']);
  });

  test('sends a second ahead and no more, then at the pace of play-out', () => {
    const { outlet, sent } = outletOn();
    outlet.release(1, false);
    for (let value = 1; value <= 10; value += 1) outlet.add(1, piece(value));
    expect(sent.filter((what) => what !== 'mark')).toHaveLength(6);
    vi.advanceTimersByTime(400);
    expect(sent.filter((what) => what !== 'mark')).toHaveLength(8);
    vi.advanceTimersByTime(5_000);
    expect(sent.filter((what) => what !== 'mark')).toHaveLength(10);
  });

  test('an utterance in the memory of the one before has none of its sound', () => {
    const { outlet, sent } = outletOn();
    outlet.release(1, false);
    for (let value = 1; value <= 5; value += 1) outlet.add(1, piece(value));
    vi.advanceTimersByTime(5_000);
    outlet.forget(1);
    sent.length = 0;
    outlet.add(2, piece(9, 800));
    outlet.release(2, false);
    expect(outlet.trim(2, 10_000)).toBe(100);
    outlet.clear();
    vi.advanceTimersByTime(5_000);
    expect(sent).toEqual(['9x100', 'mark', 'clear', '9x100', 'mark']);
  });

  test('what is cut off and made again is sent as it was made again', () => {
    const { outlet, sent } = outletOn();
    for (const value of [1, 2, 3]) outlet.add(1, piece(value));
    expect(outlet.trim(1, 250)).toBe(250);
    outlet.add(1, piece(4));
    outlet.release(1, false);
    expect(sent.filter((what) => what !== 'mark')).toEqual(['1x200', '2x50', '4x200']);
  });

  test('case 1: nothing of a forgotten utterance is sent after a clear', () => {
    const { outlet, sent } = outletOn();
    outlet.release(1, false);
    for (let value = 1; value <= 10; value += 1) outlet.add(1, piece(value));
    outlet.forget(1);
    outlet.clear();
    const atClear = sent.length;
    vi.advanceTimersByTime(5_000);
    expect(sent).toHaveLength(atClear);
    expect(sent.at(-1)).toBe('clear');
  });

  test('case 12: what remains after a clear is sent again from its beginning, at once', () => {
    const { outlet, sent } = outletOn();
    outlet.release(1, false);
    outlet.add(1, piece(1));
    outlet.end(1);
    outlet.release(2, false);
    outlet.add(2, piece(2));
    outlet.end(2);
    outlet.forget(1);
    sent.length = 0;
    outlet.clear();
    expect(sent).toEqual(['clear', '2x200', 'mark']);
  });

  test('case 2: a mark that a clear sent home is not read as played', () => {
    const { outlet, marks } = outletOn();
    outlet.release(1, false);
    outlet.add(1, piece(1));
    expect(outlet.readMark(marks[0]!)).toEqual({ utterance: 1, atMs: 200 });
    outlet.clear();
    expect(outlet.readMark(marks[0]!)).toBeUndefined();
    expect(outlet.readMark('somebody-elses')).toBeUndefined();
  });

  test('case 9: a last partial frame is sent; words without sound are not', () => {
    const { outlet, sent } = outletOn();
    outlet.release(1, false);
    outlet.add(1, piece(1, 8 * 3));
    outlet.add(1, { base64: '', bytes: 0 });
    outlet.end(1);
    expect(sent).toEqual(['1x3', 'mark']);
  });

  test('a new voice goes on at the beginning of a word', () => {
    const { outlet, sent } = outletOn();
    outlet.add(1, piece(1));
    outlet.add(1, piece(2));
    expect(outlet.trim(1, 250)).toBe(250);
    outlet.add(1, piece(3));
    outlet.release(1, false);
    expect(sent.filter((what) => what !== 'mark')).toEqual(['1x200', '2x50', '3x200']);
  });

  test('a voice that never ends is refused more room', () => {
    const { outlet } = outletOn();
    let taken = 0;
    while (outlet.add(1, piece(1, 80_000)) && taken < 100) taken += 1;
    expect(taken).toBeLessThan(20);
  });

  test('a mark names its utterance also after a takeover counted by the clock', () => {
    const { outlet, marks } = outletOn();
    const utterance = 28_080_000 * 1_000 + 3;
    outlet.release(utterance, false);
    outlet.add(utterance, piece(1));
    expect(marks.map((name) => outlet.readMark(name))).toEqual([{ utterance, atMs: 200 }]);
  });
});
