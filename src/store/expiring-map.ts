/**
 * A map whose entries end by themselves: at their time, or when newer ones need the room. `now`:
 * monotonic milliseconds.
 */
export function createExpiringMap<T>(now: () => number, maxEntries: number) {
  const entries = new Map<string, { readonly value: T; readonly endsMs: number }>();
  /** Expired entries are cleared out after this many writes, so each write pays for two looks. */
  let writesToClearing = 1_000;

  const find = (key: string) => {
    const entry = entries.get(key);
    if (entry === undefined || entry.endsMs > now()) return entry;
    entries.delete(key);
    return undefined;
  };

  const clearOut = (): void => {
    const nowMs = now();
    for (const [key, entry] of entries) if (entry.endsMs <= nowMs) entries.delete(key);
    writesToClearing = Math.max(1_000, entries.size);
  };

  return {
    get: (key: string): T | undefined => find(key)?.value,
    leftMs: (key: string): number => Math.max(0, (find(key)?.endsMs ?? 0) - now()),
    /** Those that have not ended, the one written longest ago first. */
    keys: (): string[] => [...entries.keys()].filter((key) => find(key) !== undefined),
    /** Lets an entry that is there live at least so much longer. */
    keep: (key: string, ttlMs: number): void => {
      const entry = find(key);
      const endsMs = now() + ttlMs;
      if (entry && entry.endsMs < endsMs) entries.set(key, { ...entry, endsMs });
    },
    delete: (key: string): void => void entries.delete(key),
    set: (key: string, value: T, ttlMs: number): void => {
      // Deleted first, so that the map's order is the order of writing.
      entries.delete(key);
      entries.set(key, { value, endsMs: now() + Math.max(1, ttlMs) });
      writesToClearing -= 1;
      if (writesToClearing <= 0) clearOut();
      if (entries.size <= maxEntries) return;
      const oldest = entries.keys().next();
      if (!oldest.done) entries.delete(oldest.value);
    },
  };
}
