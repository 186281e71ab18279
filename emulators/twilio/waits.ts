import type { WaitOptions } from './types.ts';

const DEFAULT_TIMEOUT_MS = 15_000;

type Waiter = { poll: () => boolean; fail: (error: Error) => void };

/** Everything that scripts wait for on one call: conditions looked at on every frame and event. */
export class Waits {
  readonly #waiters = new Set<Waiter>();
  #closedBecause: string | undefined;

  /**
   * Resolves with the first value of `check` that is not undefined. Rejects after the time limit,
   * or when the call ends before the condition holds.
   */
  until<T>(
    what: string,
    check: () => T | undefined,
    options: WaitOptions = {},
    defaultTimeoutMs = DEFAULT_TIMEOUT_MS,
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    const already = check();
    if (already !== undefined) return Promise.resolve(already);
    if (this.#closedBecause !== undefined) {
      return Promise.reject(new Error(`waited for ${what}, but ${this.#closedBecause}`));
    }
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        poll: () => {
          const value = check();
          if (value === undefined) return false;
          done();
          resolve(value);
          return true;
        },
        fail: (error) => {
          done();
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        waiter.fail(new Error(`waited ${timeoutMs} ms in vain for ${what}`));
      }, timeoutMs);
      this.#waiters.add(waiter);
    });
  }

  /** Looks at every condition again. */
  check(): void {
    for (const waiter of this.#waiters) waiter.poll();
  }

  /** The call is over: conditions get a last look, then their waits fail. */
  close(because: string): void {
    this.#closedBecause = because;
    for (const waiter of this.#waiters) {
      if (!waiter.poll()) waiter.fail(new Error(`waited in vain: ${because}`));
    }
  }
}
