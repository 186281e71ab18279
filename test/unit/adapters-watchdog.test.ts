import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Watchdog } from '../../adapters/watchdog.ts';

describe('a deadline that can be moved', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('expires once, unless it is armed again or disarmed first', () => {
    vi.useFakeTimers();
    let expired = 0;
    const watchdog = new Watchdog(() => (expired += 1));
    watchdog.arm(100);
    vi.advanceTimersByTime(90);
    watchdog.arm(100);
    vi.advanceTimersByTime(90);
    watchdog.disarm();
    vi.advanceTimersByTime(1_000);
    expect([expired, watchdog.armed]).toEqual([0, false]);
    watchdog.arm(50);
    vi.advanceTimersByTime(1_000);
    expect([expired, watchdog.armed]).toEqual([1, false]);
  });

  test('what came in time counts, though this thread stood still when the time was over', async () => {
    const worker = new Worker(
      `require('node:worker_threads').parentPort.on('message', () => {
      setTimeout(() => require('node:worker_threads').parentPort.postMessage('in time'), 10);
    }); require('node:worker_threads').parentPort.postMessage('here');`,
      { eval: true },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    let expired = 0;
    const watchdog = new Watchdog(() => (expired += 1));
    const answer = new Promise((resolve) => worker.once('message', resolve));
    void answer.then(() => watchdog.disarm());
    worker.postMessage('ask');
    watchdog.arm(100);
    // The answer is here after a tenth of this, and waits behind the timer.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(expired).toBe(0);
    await worker.terminate();
  });
});
