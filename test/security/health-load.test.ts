/** `/health` is for everybody, and behind it are stores that calls need. */
import type { AddressInfo } from 'node:net';
import express from 'express';
import { describe, expect, it, type TestContext } from 'vitest';
import { healthRoutes, type HealthOptions } from '../../routes/health.ts';
import { sharedAnswer } from '../../routes/shared-answer.ts';
import { createMemorySessionStore } from '../../src/store/memory-session-store.ts';
import { eventually } from '../helpers/eventually.ts';

type Test = Pick<TestContext, 'onTestFinished'>;

/** The route over a store that answers when it is told to. */
async function serve(test: Test) {
  let nowMs = 0;
  let requests = 0;
  const asked: ((isOk: boolean) => void)[] = [];
  const health = async (): Promise<{ ok: boolean }> =>
    await new Promise((resolve) => asked.push((ok) => resolve({ ok })));
  const options = {
    calls: { isDraining: false, isFull: false, active: 0 } as HealthOptions['calls'],
    load: { isShut: false, lateMs: 0 },
    store: { ...createMemorySessionStore(), health },
    durability: undefined,
    breakers: () => [],
    mode: 'emulated',
    bearers: [],
    now: () => nowMs,
  };
  const app = express();
  app.use((_req, _res, next) => {
    requests += 1;
    next();
  });
  app.use('/health', healthRoutes(options));
  const server = app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  test.onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/health`;
  return {
    asked,
    after: (ms: number) => (nowMs += ms),
    /** `count` people ask; resolves when the server has heard them all. */
    ask: async (count: number) => {
      const before = requests;
      const answers = Array.from({ length: count }, async () => {
        const body = (await (await fetch(url)).json()) as { status: string };
        return body.status;
      });
      await eventually(() => requests === before + count, 5_000);
      return { answers: Promise.all(answers) };
    },
  };
}

const times = (count: number, status: string): string[] =>
  Array.from({ length: count }, () => status);

describe('GET /health', () => {
  it('asks the stores once for everybody who waits, however long that takes', async (test) => {
    const { ask, asked, after } = await serve(test);
    const first = await ask(20);
    after(60_000);
    const second = await ask(20);
    expect(asked).toHaveLength(1);
    asked[0]?.(true);
    expect(await first.answers).toEqual(times(20, 'ok'));
    expect(await second.answers).toEqual(times(20, 'ok'));
  });

  it('asks again when the answer is a second old', async (test) => {
    const { ask, asked, after } = await serve(test);
    const first = await ask(1);
    asked[0]?.(true);
    expect(await first.answers).toEqual(['ok']);
    after(999);
    expect(await (await ask(20)).answers).toEqual(times(20, 'ok'));
    expect(asked).toHaveLength(1);
    after(1);
    const later = await ask(20);
    expect(asked).toHaveLength(2);
    asked[1]?.(false);
    expect(await later.answers).toEqual(times(20, 'degraded'));
  });
});

describe('a shared answer', () => {
  it('that could not be had is not kept', async () => {
    const outcomes = ['fails', 'succeeds'];
    let asked = 0;
    const ask = sharedAnswer(1_000, async () => {
      const outcome = outcomes[asked];
      asked += 1;
      if (outcome === 'fails') throw new Error('no answer');
      return await Promise.resolve(outcome);
    });
    const both = await Promise.allSettled([ask(), ask()]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(asked).toBe(1);
    expect(await ask()).toBe('succeeds');
  });
});
