/**
 * The faults every emulator can be told to commit. A rule names the fault, where it applies and
 * for how long; the emulator asks `next()` once per request or connection and obeys the answer.
 */

export type Fault =
  /** Answer the request or upgrade with this HTTP status and the vendor's own error body. */
  | { kind: 'status'; status: number; retryAfterSeconds?: number }
  /** Destroy the TCP connection before any answer. */
  | { kind: 'refuse' }
  /** Accept, read everything, never answer. */
  | { kind: 'hang' }
  /** Every scripted delay is multiplied by `factor`. */
  | { kind: 'slow'; factor: number }
  /** The answer leaves at this many bytes per second. */
  | { kind: 'trickle'; bytesPerSecond: number }
  /** Bytes that are not the protocol. */
  | { kind: 'garbage' }
  /** Well-formed JSON that is not any message of the protocol. */
  | { kind: 'wrong-shape' }
  /** Messages in an order the protocol forbids. */
  | { kind: 'wrong-order' }
  /** Every message twice. */
  | { kind: 'duplicate' }
  /** A formally complete answer with nothing in it. */
  | { kind: 'empty' }
  /** One message of this many bytes. */
  | { kind: 'oversize'; bytes: number }
  /** The connection is destroyed after `afterMessages` messages of content. */
  | { kind: 'cut'; afterMessages: number }
  /** The connection stays open and falls silent after `afterMessages` messages of content. */
  | { kind: 'stall'; afterMessages: number }
  /** The vendor's own in-stream error message after `afterMessages` messages of content. */
  | { kind: 'stream-error'; afterMessages: number }
  /** The peer stops reading its socket, so that our sends pile up. */
  | { kind: 'stop-reading' };

export type FaultRule = {
  fault: Fault;
  /** Which surface of the emulator, e.g. 'v2', 'multi'; every surface when left out. */
  surface?: string;
  /** How many requests or connections it hits before it is spent; unlimited when left out. */
  times?: number;
  /** How many matching requests or connections pass unharmed first. */
  skip?: number;
};

type LiveRule = { rule: FaultRule; skipped: number; used: number };

/** A typed, mutable fault script. */
export class FaultScript {
  readonly #rules: LiveRule[] = [];

  constructor(rules: readonly FaultRule[] = []) {
    for (const rule of rules) this.add(rule);
  }

  /** Adds a rule and returns the function that takes it back. */
  add(rule: FaultRule): () => void {
    const live: LiveRule = { rule, skipped: 0, used: 0 };
    this.#rules.push(live);
    return () => {
      const index = this.#rules.indexOf(live);
      if (index >= 0) this.#rules.splice(index, 1);
    };
  }

  clear(): void {
    this.#rules.length = 0;
  }

  /** The fault for the request or connection that has just arrived on `surface`, if any. */
  next(surface: string): Fault | undefined {
    for (const live of this.#rules) {
      if (live.rule.surface !== undefined && live.rule.surface !== surface) continue;
      if (live.rule.times !== undefined && live.used >= live.rule.times) continue;
      if (live.skipped < (live.rule.skip ?? 0)) {
        live.skipped += 1;
        continue;
      }
      live.used += 1;
      return live.rule.fault;
    }
    return undefined;
  }
}
