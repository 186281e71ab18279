/** Notices of other instances, over a Redis connection that does nothing else. */
import type { Redis } from 'ioredis';
import { decodeNotice } from './session-codec.ts';
import type { CallNotice } from './session-store.ts';

type Watcher = (notice: CallNotice) => void;

/**
 * `connect` is called with the first watcher. The connection comes back by itself. Every `pingMs` it
 * is asked for an answer, so that the connection's own limit on silence sees one that went deaf.
 */
export function watchNotices(connect: () => Redis, pingMs: number) {
  const watchers = new Set<Watcher>();
  let redis: Redis | undefined;
  let pinging: NodeJS.Timeout | undefined;
  let isClosed = false;

  const open = (channel: string): Redis => {
    const opened = connect();
    // Not left to ioredis: it would queue the command while the connection is away.
    const subscribe = (): void => {
      // One that fails is on a connection that is going, and the next one subscribes anew.
      opened.subscribe(channel).catch(() => undefined);
    };
    opened.on('ready', subscribe);
    opened.on('message', (from: string, text: string) => {
      const notice = from === channel ? decodeNotice(text) : undefined;
      if (notice) for (const watcher of [...watchers]) watcher(notice);
    });
    // One that fails is on a connection that is away already, or is about to be given up.
    pinging = setInterval(() => void opened.ping().catch(() => undefined), pingMs);
    return opened;
  };

  return {
    watch: (channel: string, watcher: Watcher): (() => void) => {
      if (isClosed) return () => undefined;
      watchers.add(watcher);
      redis ??= open(channel);
      return () => void watchers.delete(watcher);
    },
    close: (): void => {
      isClosed = true;
      watchers.clear();
      clearInterval(pinging);
      redis?.disconnect();
      redis = undefined;
    },
  };
}
