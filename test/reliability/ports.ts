import { createServer } from 'node:net';

/**
 * Below the range from which the system gives out ports by itself, so that a port stays free while
 * whoever listens on it is away for a minute.
 */
const FIRST = 20_000;
const COUNT = 12_000;
let next = Math.floor(Math.random() * COUNT);

/** A TCP port of this machine that nobody has, and that this process has not given out before. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = FIRST + (next % COUNT);
    next += 1;
    if (await isFree(port)) return port;
  }
  throw new Error('no free port');
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return await new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
