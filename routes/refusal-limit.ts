/** How many refused requests a sender may send. Bounded: it remembers the latest senders only. */

export type RefusalLimit = {
  /** Counts a refusal. @returns how many this sender has had, and whether it was one too many. */
  count(sender: string): { readonly count: number; readonly isOver: boolean };
  /** Whether the next refusal would be too many. */
  isOver(sender: string): boolean;
  /** Refusals by sender, most recent last. */
  counts(): ReadonlyMap<string, number>;
};

/** More than any misconfigured client of good will sends at once. */
const BURST = 60;
const REFILL_MS = 500;
/** Beyond it, the sender that was refused longest ago is forgotten. */
const MAX_SENDERS = 1_000;

type Bucket = { left: number; readonly atMs: number };

export type RefusalLimitOptions = {
  /** Refusals that are not too many, all at once; one more every half second. Default 60. */
  readonly burst?: number;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
};

export function createRefusalLimit(options: RefusalLimitOptions = {}): RefusalLimit {
  const { burst = BURST, now = () => performance.now() } = options;
  const counts = new Map<string, number>();
  const buckets = new Map<string, Bucket>();

  const leftOf = (sender: string): number => {
    const bucket = buckets.get(sender);
    if (bucket === undefined) return burst;
    return Math.min(burst, bucket.left + (now() - bucket.atMs) / REFILL_MS);
  };
  const put = <T>(map: Map<string, T>, sender: string, value: T): void => {
    map.delete(sender);
    map.set(sender, value);
    const oldest = map.keys().next();
    if (map.size > MAX_SENDERS && !oldest.done) map.delete(oldest.value);
  };

  return {
    count: (sender) => {
      const count = (counts.get(sender) ?? 0) + 1;
      const left = leftOf(sender);
      put(counts, sender, count);
      put(buckets, sender, { left: Math.max(0, left - 1), atMs: now() });
      return { count, isOver: left < 1 };
    },
    isOver: (sender) => leftOf(sender) < 1,
    counts: () => counts,
  };
}
