/** A connection to Redis that nothing queues on, and questions to it that nobody waits long for. */
import { Redis } from 'ioredis';
import { StoreUnavailable } from './session-store.ts';

export type RedisConnectionOptions = {
  /** A `redis://` or `rediss://` URL, or the path of a unix socket. */
  readonly url: string;
  /** Put before every key. */
  readonly keyPrefix: string;
  /** A connection that has answered nothing for this long is given up, with all that is owed. */
  readonly deafAfterMs: number;
  /** Told of every change of the connection, once each. The error carries no key and no value. */
  readonly onConnection?: ((state: 'up' | 'down', error?: Error) => void) | undefined;
};

const connectTimeoutMs = 2_000;
/** Longest pause between two attempts to connect; they go on for as long as the process lives. */
const maxReconnectMs = 2_000;

export function connect(options: RedisConnectionOptions): Redis {
  const redis = new Redis(options.url, {
    keyPrefix: options.keyPrefix,
    connectTimeout: connectTimeoutMs,
    socketTimeout: options.deafAfterMs,
    enableOfflineQueue: false,
    // A command sent again after a reconnect would find its own first run: a token "used before".
    autoResendUnfulfilledCommands: false,
    // Nobody would catch it where the connection goes again; the notices subscribe by themselves.
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), maxReconnectMs),
  });
  let isUp: boolean | undefined;
  const change = (state: boolean, error?: Error): void => {
    if (isUp === state) return;
    isUp = state;
    options.onConnection?.(state ? 'up' : 'down', error);
  };
  redis.on('ready', () => change(true));
  redis.on('close', () => change(false));
  // Without a listener ioredis writes every failed attempt to stderr.
  redis.on('error', (error: Error) => change(false, error));
  return redis;
}

/** True once commands can be sent; false after `timeoutMs` without that. */
export async function untilReady(redis: Redis, timeoutMs: number): Promise<boolean> {
  if (redis.status === 'ready') return true;
  return new Promise((resolve) => {
    const settle = (isReady: boolean) => () => {
      clearTimeout(timer);
      redis.off('ready', onReady);
      redis.off('end', onEnd);
      resolve(isReady);
    };
    const onReady = settle(true);
    const onEnd = settle(false);
    const timer = setTimeout(onEnd, timeoutMs);
    redis.once('ready', onReady);
    redis.once('end', onEnd);
  });
}

/** Waits for one answer; throws `StoreUnavailable`, and no other failure. */
export type Ask = <T>(operation: string, answer: Promise<T>) => Promise<T>;

/**
 * Every answer passes here. It has `patienceMs`; but where this process itself stood still meanwhile,
 * its timers are late and come before what the socket has to tell. So one look at the socket is
 * taken before an answer is given up: Redis is not blamed for our own pauses. (The time limit that
 * ioredis has for commands does not look.)
 */
export function questioner(patienceMs: number): Ask {
  return async (operation, answer) => {
    const late = Promise.withResolvers<never>();
    const giveUp = (): void => late.reject(new Error(`no answer within ${patienceMs} ms`));
    const timer = setTimeout(() => setImmediate(giveUp), patienceMs);
    try {
      return await Promise.race([answer, late.promise]);
    } catch (cause) {
      throw new StoreUnavailable(operation, { cause });
    } finally {
      clearTimeout(timer);
    }
  };
}
