import { monotonicMs } from './clock.ts';

/**
 * Waits until `atMs` on the monotonic clock, or until `signal` aborts, whichever is first.
 * Never resolves early: Node's timers may fire up to a millisecond before their time, which would
 * make an emulated vendor look faster than its script.
 * Resolves to false when it was aborted.
 */
export async function waitUntil(atMs: number, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const leftMs = atMs - monotonicMs();
    if (leftMs <= 0) return true;
    await pause(Math.max(1, Math.ceil(leftMs)), signal);
  }
  return false;
}

/** Resolves only when `signal` aborts: the wait of a peer that hangs. */
export async function waitForAbort(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, delayMs);
    signal.addEventListener('abort', finish, { once: true });
  });
}
