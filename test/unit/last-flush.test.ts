import { expect, test } from 'vitest';
import { monotonicMs } from '../../src/events.ts';
import { flushLast } from '../../src/last-flush.ts';
import type { JobFigures } from '../../src/store/jobs/job-types.ts';

/** Asks for what is left of half a minute, of a database that takes nothing until asked so often. */
async function flushed(state: JobFigures['state'], takesAt = Infinity) {
  const asked: number[] = [];
  const told: unknown[] = [];
  const durability = {
    flush: async (timeoutMs: number) => asked.push(timeoutMs) >= takesAt,
    figures: () => ({ jobs: { state }, spool: { pending: 3 } }),
  };
  const log = {
    warn: (message: string, fields?: object) => void told.push({ message, ...fields }),
  };
  await flushLast(durability, monotonicMs() + 30_000, new AbortController().signal, log);
  return { askedMs: asked.reduce((sum, ms) => sum + ms, 0), told };
}

const STAYS = [{ message: 'stopping while records wait in the spool', pendingCount: 3 }];

test('a queue of jobs that does not come up is not waited for: what needs it stays in the spool', async () => {
  for (const state of ['idle', 'starting'] as const) {
    const { askedMs, told } = await flushed(state);
    expect(askedMs).toBe(5_000);
    expect(told).toEqual(STAYS);
  }
});

test('a database that is away is waited for as long as there is time', async () => {
  const { askedMs, told } = await flushed('away');
  expect(askedMs).toBeGreaterThan(29_000);
  expect(told).toEqual(STAYS);
});

test('a queue that comes up in time has all of it written down', async () => {
  expect(await flushed('starting', 1)).toEqual({ askedMs: 5_000, told: [] });
  expect((await flushed('running', 2)).told).toEqual([]);
});
