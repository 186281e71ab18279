/**
 * The session store on Redis, shared by all instances.
 *
 * Keys: `token:<sha256>` (claim), `call:{<CallSid>}` (record), `snapshot:{<CallSid>}` (sealed),
 * `epoch:{<CallSid>}`, `seen:<key>`, `instances` (by last beat), `instance:<id>` (alive while it is
 * there), `calls-of:<id>`. The braces are literal: they keep a call's keys on one node of a cluster.
 * Notices go over the channel `notices`, on a connection of their own.
 *
 * Redis is never worth waiting for in a call: a command has 100 ms, is not queued while the
 * connection is away, and is never sent twice; a connection without answers is given up after 2 s.
 * A token that is lost that way is lost on the safe side; Twilio asks for a new one.
 */
import type { Redis } from 'ioredis';
import { connect, questioner, untilReady, type Ask } from './redis-connection.ts';
import { watchNotices } from './redis-notices.ts';
import { decodeCall, decodeClaim, encode } from './session-codec.ts';
import { epochTtlMs, instanceTtlMs, type SessionStore } from './session-store.ts';
import { hashToken } from './stream-token.ts';

export type RedisSessionStoreOptions = {
  /** A `redis://` or `rediss://` URL, or the path of a unix socket. */
  readonly url: string;
  /** Put before every key, e.g. to share one Redis between environments. Default ''. */
  readonly keyPrefix?: string;
  /** Longest wait for one answer; default 100. */
  readonly commandTimeoutMs?: number;
  /** A connection that has answered nothing for this long is given up; default 2000. */
  readonly deafAfterMs?: number;
  /** Told of every change of the connection, once each. The error carries no key and no value. */
  readonly onConnection?: (state: 'up' | 'down', error?: Error) => void;
};

export type RedisSessionStore = SessionStore & {
  /** True once commands can be sent; false after `timeoutMs` without that. */
  untilReady(timeoutMs: number): Promise<boolean>;
};

const defaultCommandTimeoutMs = 100;
/**
 * After a failover or with a route lost nobody closes the connection, and the kernel would go on
 * sending for a quarter of an hour. Beats every half second give a live one something to answer.
 */
const defaultDeafAfterMs = 2_000;

/** KEYS call, epoch; ARGV epoch, record, ttl ms, owner, phase. 0 where another has the call. */
const putCallScript = `
local known = tonumber(redis.call('GET', KEYS[2]) or '0')
if known > tonumber(ARGV[1]) then return 0 end
local read, held = pcall(cjson.decode, redis.call('GET', KEYS[1]) or '')
if read and type(held) == 'table' and held.epoch == tonumber(ARGV[1])
  and held.owner ~= ARGV[4]
  and (held.phase ~= 'ringing' or ARGV[5] == 'ringing') then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
local ttl = math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[2]))
redis.call('SET', KEYS[2], ARGV[1], 'PX', string.format('%d', ttl))
return 1`;

/** KEYS snapshot, epoch, call; ARGV epoch, sealed, ttl ms. 0 where a higher epoch exists. */
const saveSnapshotScript = `
local known = tonumber(redis.call('GET', KEYS[2]) or '0')
if known > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
local ttl = math.max(tonumber(ARGV[3]), redis.call('PTTL', KEYS[2]))
redis.call('SET', KEYS[2], ARGV[1], 'PX', string.format('%d', ttl))
redis.call('PEXPIRE', KEYS[3], ARGV[3])
return 1`;

/** KEYS instances; ARGV id, how long one is remembered in ms. By the one clock that all share. */
const beatScript = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
return 1`;

/** KEYS epoch; ARGV ttl ms, what it must be above. The new epoch. */
const nextEpochScript = `
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
if known < tonumber(ARGV[2]) then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
local epoch = redis.call('INCR', KEYS[1])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return epoch`;

export function createRedisSessionStore(options: RedisSessionStoreOptions): RedisSessionStore {
  const { url, keyPrefix = '', deafAfterMs = defaultDeafAfterMs, onConnection } = options;
  const redis = connect({ url, keyPrefix, deafAfterMs, onConnection });
  const notices = watchNotices(() => connect({ url, keyPrefix, deafAfterMs }), deafAfterMs);
  const ask = questioner(options.commandTimeoutMs ?? defaultCommandTimeoutMs);

  return {
    kind: 'redis',
    ...callsOn(redis, ask),
    ...instancesOn(redis, ask),
    issueToken: async (token, claim, ttlMs) => {
      const key = `token:${hashToken(token)}`;
      await ask('issueToken', redis.set(key, encode(claim), 'PX', wholeMs(ttlMs)));
    },
    consumeToken: async (token) => {
      const text = await ask('consumeToken', redis.getdel(`token:${hashToken(token)}`));
      return text === null ? undefined : decodeClaim(text);
    },
    tell: async (notice) => {
      await ask('tell', redis.publish(`${keyPrefix}notices`, encode(notice)));
    },
    watch: (watcher) => notices.watch(`${keyPrefix}notices`, watcher),
    seenOnce: async (key, ttlMs) => {
      const answer = redis.set(`seen:${key}`, '1', 'PX', wholeMs(ttlMs), 'NX');
      return (await ask('seenOnce', answer)) === 'OK';
    },
    health: async () => {
      if (redis.status !== 'ready') return { ok: false, detail: `connection is ${redis.status}` };
      try {
        await ask('health', redis.ping());
        return { ok: true };
      } catch {
        return { ok: false, detail: 'no answer in time' };
      }
    },
    close: async () => {
      notices.close();
      redis.disconnect();
    },
    untilReady: (timeoutMs) => untilReady(redis, timeoutMs),
  };
}

type CallPart = Pick<
  SessionStore,
  | 'putCall'
  | 'getCall'
  | 'deleteCall'
  | 'nextEpoch'
  | 'currentEpoch'
  | 'saveSnapshot'
  | 'loadSnapshot'
>;

function callsOn(redis: Redis, ask: Ask): CallPart {
  return {
    putCall: async (record, ttlMs) => {
      const { epoch, owner, phase, callSid } = record;
      const keys = [callKey(callSid), epochKey(callSid)];
      const values = [epoch, encode(record), wholeMs(ttlMs), owner, phase];
      const answer = await ask('putCall', redis.eval(putCallScript, 2, ...keys, ...values));
      if (answer !== 1) return false;
      const mine = redis.multi();
      if (phase === 'ended') mine.srem(ownedKey(owner), callSid).del(snapshotKey(callSid));
      else mine.sadd(ownedKey(owner), callSid).pexpire(ownedKey(owner), epochTtlMs);
      await ask('putCall', mine.exec());
      return true;
    },
    getCall: async (callSid) => {
      const text = await ask('getCall', redis.get(callKey(callSid)));
      return text === null ? undefined : decodeCall(text);
    },
    deleteCall: async (callSid) => {
      await ask('deleteCall', redis.del(callKey(callSid), snapshotKey(callSid), epochKey(callSid)));
    },
    nextEpoch: async (callSid, above = 0) => {
      const script = redis.eval(nextEpochScript, 1, epochKey(callSid), epochTtlMs, above);
      return Number(await ask('nextEpoch', script));
    },
    currentEpoch: async (callSid) =>
      Number((await ask('currentEpoch', redis.get(epochKey(callSid)))) ?? 0),
    saveSnapshot: async (callSid, epoch, sealed, ttlMs) => {
      const keys = [snapshotKey(callSid), epochKey(callSid), callKey(callSid)];
      const values = [String(epoch), sealed, wholeMs(ttlMs)];
      const script = redis.eval(saveSnapshotScript, 3, ...keys, ...values);
      return (await ask('saveSnapshot', script)) === 1;
    },
    loadSnapshot: async (callSid) =>
      (await ask('loadSnapshot', redis.get(snapshotKey(callSid)))) ?? undefined,
  };
}

type InstancePart = Pick<SessionStore, 'beat' | 'instances' | 'forgetInstance' | 'callsOf'>;

function instancesOn(redis: Redis, ask: Ask): InstancePart {
  return {
    beat: async (instance, accepting, ttlMs) => {
      const known = redis.eval(beatScript, 1, 'instances', instance, instanceTtlMs);
      const alive = redis.set(instanceKey(instance), accepting ? '1' : '0', 'PX', wholeMs(ttlMs));
      await ask('beat', Promise.all([known, alive]));
    },
    instances: async () => {
      const known = await ask('instances', redis.zrange('instances', 0, '-1'));
      if (known.length === 0) return [];
      const beats = await ask('instances', redis.mget(known.map(instanceKey)));
      return known.map((instance, at) => {
        const beat = beats[at] ?? undefined;
        return { instance, alive: beat !== undefined, accepting: beat === '1' };
      });
    },
    forgetInstance: async (instance) => {
      const gone = redis.del(instanceKey(instance), ownedKey(instance));
      await ask('forgetInstance', Promise.all([redis.zrem('instances', instance), gone]));
    },
    callsOf: async (instance) => {
      const callSids = await ask('callsOf', redis.smembers(ownedKey(instance)));
      if (callSids.length === 0) return [];
      const records = await ask('callsOf', redis.mget(callSids.map(callKey)));
      // Those that were taken over since are another's, whatever this set says.
      return callSids.filter((_, at) => {
        const record = decodeCall(records[at] ?? '');
        return record?.owner === instance && record.phase !== 'ended';
      });
    },
  };
}

function callKey(callSid: string): string {
  return `call:{${callSid}}`;
}

function snapshotKey(callSid: string): string {
  return `snapshot:{${callSid}}`;
}

function instanceKey(instance: string): string {
  return `instance:${instance}`;
}

function ownedKey(instance: string): string {
  return `calls-of:${instance}`;
}

function epochKey(callSid: string): string {
  return `epoch:{${callSid}}`;
}

/** Redis takes whole milliseconds above zero. */
function wholeMs(ttlMs: number): number {
  return Math.max(1, Math.ceil(ttlMs));
}
