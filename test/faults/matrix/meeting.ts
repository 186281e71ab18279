/** Where the calls of a group wait for each other, so that the fault finds each at its moment. */
import { setTimeout as sleep } from 'node:timers/promises';

/** A call that does not come to its moment does not hold up the others for longer. */
const MOMENT_WAIT_MS = 25_000;

/** One call's place in the meeting. */
export type Member = {
  /** The call has come to its moment. Resolves when all have, or it has been waited long enough. */
  arrive(): Promise<void>;
  /** The call is over, wherever it got to: nobody waits for it any more. */
  leave(): void;
  /** Monotonic; undefined until the call has come to its moment. */
  readonly arrivedAtMs: () => number | undefined;
};

export class Meeting {
  readonly #expected: number;
  #settled = 0;
  readonly #all = Promise.withResolvers<void>();

  constructor(expected: number) {
    this.#expected = expected;
    if (expected === 0) this.#all.resolve();
  }

  member(): Member {
    let arrivedAtMs: number | undefined;
    let settled = false;
    const settle = (): void => {
      if (settled) return;
      settled = true;
      this.#settled += 1;
      if (this.#settled >= this.#expected) this.#all.resolve();
    };
    return {
      arrive: async () => {
        arrivedAtMs ??= Number(process.hrtime.bigint()) / 1e6;
        settle();
        await this.complete();
      },
      leave: settle,
      arrivedAtMs: () => arrivedAtMs,
    };
  }

  async complete(): Promise<void> {
    const patience = new AbortController();
    await Promise.race([
      this.#all.promise,
      sleep(MOMENT_WAIT_MS, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
  }
}

/** One that need not wait: its moment is before the call. */
export const NOBODY: Member = {
  arrive: async () => undefined,
  leave: () => undefined,
  arrivedAtMs: () => undefined,
};
