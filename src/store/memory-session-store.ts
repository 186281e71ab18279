/**
 * The session store of a single process: for development, the demo, and a server that was given no
 * Redis. Nothing survives a restart and no second instance sees it.
 */
import { decodeCall, decodeClaim, encode } from './session-codec.ts';
import {
  epochTtlMs,
  instanceTtlMs,
  StoreUnavailable,
  type CallNotice,
  type CallRecord,
  type SessionStore,
} from './session-store.ts';
import { createExpiringMap } from './expiring-map.ts';
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
  const seen = createExpiringMap<true>(now, maxEntries);
  const watchers = new Set<(notice: CallNotice) => void>();
  let isClosed = false;

  const mapOf: MapOf = <T>() => createExpiringMap<T>(now, maxEntries);
  const open: Open = (operation) => {
    if (isClosed) throw new StoreUnavailable(operation);
  };

  return {
    kind: 'memory',
    ...callsIn(mapOf, open),
    ...instancesIn(mapOf, open),
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
    tell: async (notice) => {
      open('tell');
      for (const watcher of [...watchers]) watcher(notice);
    },
    watch: (watcher) => {
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
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
      watchers.clear();
    },
  };
}

type MapOf = <T>() => ReturnType<typeof createExpiringMap<T>>;
/** Throws for a store that is closed. */
type Open = (operation: string) => void;
type CallPart = Pick<
  SessionStore,
  | 'putCall'
  | 'getCall'
  | 'deleteCall'
  | 'nextEpoch'
  | 'currentEpoch'
  | 'saveSnapshot'
  | 'loadSnapshot'
  | 'callsOf'
>;

function callsIn(mapOf: MapOf, open: Open): CallPart {
  // As in Redis, values are kept as text: what a caller does to its object later changes nothing.
  const calls = mapOf<string | undefined>();
  const epochs = mapOf<number>();
  const snapshots = mapOf<string>();
  const owners = mapOf<string>();
  return {
    putCall: async (record, ttlMs) => {
      open('putCall');
      if ((epochs.get(record.callSid) ?? 0) > record.epoch) return false;
      const held = decodeCall(calls.get(record.callSid) ?? '');
      if (held && isAnothers(held, record)) return false;
      calls.set(record.callSid, encode(record), ttlMs);
      epochs.set(record.callSid, record.epoch, Math.max(ttlMs, epochs.leftMs(record.callSid)));
      if (record.phase === 'ended') {
        owners.delete(record.callSid);
        snapshots.delete(record.callSid);
      } else owners.set(record.callSid, record.owner, ttlMs);
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
      snapshots.delete(callSid);
      owners.delete(callSid);
      epochs.delete(callSid);
    },
    nextEpoch: async (callSid, above = 0) => {
      open('nextEpoch');
      const epoch = Math.max(above, epochs.get(callSid) ?? 0) + 1;
      epochs.set(callSid, epoch, Math.max(epochTtlMs, epochs.leftMs(callSid)));
      return epoch;
    },
    currentEpoch: async (callSid) => {
      open('currentEpoch');
      return epochs.get(callSid) ?? 0;
    },
    saveSnapshot: async (callSid, epoch, sealed, ttlMs) => {
      open('saveSnapshot');
      if ((epochs.get(callSid) ?? 0) > epoch) return false;
      snapshots.set(callSid, sealed, ttlMs);
      epochs.set(callSid, epoch, Math.max(ttlMs, epochs.leftMs(callSid)));
      calls.keep(callSid, ttlMs);
      owners.keep(callSid, ttlMs);
      return true;
    },
    loadSnapshot: async (callSid) => {
      open('loadSnapshot');
      return snapshots.get(callSid);
    },
    callsOf: async (instance) => {
      open('callsOf');
      return owners.keys().filter((callSid) => owners.get(callSid) === instance);
    },
  };
}

/** Two that took a call under one epoch: whoever has its stream keeps it, else who came first. */
function isAnothers(held: CallRecord, { epoch, owner, phase }: CallRecord): boolean {
  if (held.epoch !== epoch || held.owner === owner) return false;
  return held.phase !== 'ringing' || phase === 'ringing';
}

type InstancePart = Pick<SessionStore, 'beat' | 'instances' | 'forgetInstance'>;

function instancesIn(mapOf: MapOf, open: Open): InstancePart {
  const alive = mapOf<boolean>();
  const known = mapOf<true>();
  return {
    beat: async (instance, accepting, ttlMs) => {
      open('beat');
      alive.set(instance, accepting, ttlMs);
      known.set(instance, true, instanceTtlMs);
    },
    instances: async () => {
      open('instances');
      return known.keys().map((instance) => {
        const accepting = alive.get(instance);
        return { instance, alive: accepting !== undefined, accepting: accepting === true };
      });
    },
    forgetInstance: async (instance) => {
      open('forgetInstance');
      alive.delete(instance);
      known.delete(instance);
    },
  };
}
