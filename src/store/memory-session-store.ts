/**
 * The session store of a single process: for development, the demo, and a server that was given no
 * Redis. Nothing survives a restart and no second instance sees it.
 */
import { decodeCall, decodeClaim, encode } from './session-codec.ts';
import { epochTtlMs, StoreUnavailable, type SessionStore } from './session-store.ts';
import { hashToken } from './stream-token.ts';

export type MemorySessionStoreOptions = {
  /** Monotonic milliseconds; default `performance.now`. */
  readonly now?: () => number;
  /** Of each kind; beyond it the entry that was written longest ago goes. Default 100,000. */
  readonly maxEntries?: number;
};

export function createMemorySessionStore(options: MemorySessionStoreOptions = {}): SessionStore {
  const now = options.now ?? (() => performance.now());
  const maxEntries = options.maxEntries ?? 100_000;
  const tokens = createExpiringMap<string>(now, maxEntries);
  // As in Redis, values are kept as text: what a caller does to its object later changes nothing.
  const calls = createExpiringMap<string | undefined>(now, maxEntries);
  const epochs = createExpiringMap<number>(now, maxEntries);
  const seen = createExpiringMap<true>(now, maxEntries);
  let isClosed = false;

  const open = (operation: string): void => {
    if (isClosed) throw new StoreUnavailable(operation);
  };

  return {
    kind: 'memory',
    issueToken: async (token, claim, ttlMs) => {
      open('issueToken');
      tokens.set(hashToken(token), encode(claim), ttlMs);
    },
    consumeToken: async (token) => {
      open('consumeToken');
      const hash = hashToken(token);
      const text = tokens.get(hash);
      tokens.delete(hash);
      return text === undefined ? undefined : decodeClaim(text);
    },
    putCall: async (record, ttlMs) => {
      open('putCall');
      if ((epochs.get(record.callSid) ?? 0) > record.epoch) return false;
      calls.set(record.callSid, encode(record), ttlMs);
      epochs.set(record.callSid, record.epoch, Math.max(ttlMs, epochs.leftMs(record.callSid)));
      return true;
    },
    getCall: async (callSid) => {
      open('getCall');
      const text = calls.get(callSid);
      return text === undefined ? undefined : decodeCall(text);
    },
    deleteCall: async (callSid) => {
      open('deleteCall');
      calls.delete(callSid);
      epochs.delete(callSid);
    },
    nextEpoch: async (callSid) => {
      open('nextEpoch');
      const epoch = (epochs.get(callSid) ?? 0) + 1;
      epochs.set(callSid, epoch, Math.max(epochTtlMs, epochs.leftMs(callSid)));
      return epoch;
    },
    currentEpoch: async (callSid) => {
      open('currentEpoch');
      return epochs.get(callSid) ?? 0;
    },
    seenOnce: async (key, ttlMs) => {
      open('seenOnce');
      if (seen.get(key) !== undefined) return false;
      seen.set(key, true, ttlMs);
      return true;
    },
    health: async () => (isClosed ? { ok: false, detail: 'closed' } : { ok: true }),
    close: async () => {
      isClosed = true;
    },
  };
}

/** A map whose entries end by themselves: at their time, or when newer ones need the room. */
function createExpiringMap<T>(now: () => number, maxEntries: number) {
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
