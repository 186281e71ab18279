/** Taking no more calls while the event loop is late. */
import { afterEach, describe, expect, test } from 'vitest';
import { Calls } from '../../pipelines/calls.ts';
import { LoadGate, watchLoop } from '../../pipelines/load-gate.ts';
import { stranger } from '../../src/companion/person.ts';

const limits = { lateMs: 50, promptMs: 15, badSeconds: 3, goodSeconds: 5 };

function fed(gate: LoadGate, ...lateMs: number[]): boolean[] {
  return lateMs.map((ms) => {
    gate.take(ms);
    return gate.isShut;
  });
}

describe('the gate', () => {
  test('shuts after three bad seconds in a row', () => {
    expect(fed(new LoadGate(limits), 60, 60, 60)).toEqual([false, false, true]);
  });

  test('stays open through bad seconds with a better one between', () => {
    expect(fed(new LoadGate(limits), 900, 900, 49, 900, 900)).not.toContain(true);
  });

  test('opens after five good seconds in a row, and not for merely bearable ones', () => {
    const gate = new LoadGate(limits);
    fed(gate, 80, 80, 80);
    expect(fed(gate, 20, 20, 20, 20, 20, 20)).not.toContain(false);
    expect(fed(gate, 5, 5, 5, 5, 5)).toEqual([true, true, true, true, false]);
  });

  test('begins to count anew when a good second is followed by a bad one', () => {
    const gate = new LoadGate(limits);
    fed(gate, 80, 80, 80);
    expect(fed(gate, 5, 5, 5, 5, 40, 5, 5, 5, 5)).not.toContain(false);
    expect(fed(gate, 5)).toEqual([false]);
  });
});

describe('the event loop of this process', () => {
  let stop: () => void = () => undefined;
  afterEach(() => stop());

  test('is found late when it is held up', async () => {
    const gate = new LoadGate({ ...limits, badSeconds: 1 });
    stop = watchLoop(gate);
    const endAtMs = performance.now() + 5_000;
    while (!gate.isShut && performance.now() < endAtMs) {
      const untilMs = performance.now() + 120;
      while (performance.now() < untilMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(gate.isShut).toBe(true);
    expect(gate.lateMs).toBeGreaterThan(50);
  });
});

test('while the gate is shut, no call is answered or placed, and then they are welcome again', async () => {
  const gate = new LoadGate({ ...limits, badSeconds: 1, goodSeconds: 1 });
  const calls = new Calls({
    // Nobody is to be reached: whoever is turned away costs nothing.
    services: {} as never,
    maxCalls: 10,
    isOverloaded: () => gate.isShut,
    urls: () => ({ answer: '', status: '', amd: '' }),
  });
  const somebody = stranger('+15550001111');
  expect(calls.isFull).toBe(false);
  gate.take(80);
  expect(calls.isFull).toBe(true);
  expect(calls.answer('CA1', 'inbound', somebody)).toBeUndefined();
  expect(await calls.place(somebody)).toEqual({ refused: 'full' });
  gate.take(2);
  expect(calls.isFull).toBe(false);
});
