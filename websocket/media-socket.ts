/**
 * The WebSocket endpoint that Twilio's media streams connect to: takes upgrades from an HTTP server,
 * checks Twilio's signature before anything is upgraded, bounds how many sockets may wait for their
 * token, and hands each socket to a `MediaSession`.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { createCounters, type MediaSocketCounters } from './counters.ts';
import { defaultLimits, type MediaSocketLimits } from './limits.ts';
import { MediaSession, type SessionContext } from './media-session.ts';
import type { AttachCall, ConsumeToken, MediaSocketNotice } from './types.ts';
import { isUpgradeSigned, mediaStreamUrl } from './upgrade-signature.ts';

export type MediaSocketOptions = {
  readonly server: Server;
  /** Exactly this path is served; Twilio strips query strings. Default '/media-stream'. */
  readonly path?: string;
  /** The public base URL, e.g. `https://line.example`. Called per upgrade: a port may come late. */
  readonly publicUrl: () => string;
  readonly authToken: string;
  readonly consumeToken: ConsumeToken;
  readonly attach: AttachCall;
  /** Told of the connection of each upgrade that is signed. */
  readonly onSigned?: (socket: Duplex) => void;
  readonly limits?: Partial<MediaSocketLimits>;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  readonly onNotice?: (notice: MediaSocketNotice) => void;
};

export type MediaSocket = {
  readonly counters: Readonly<MediaSocketCounters>;
  /** Sockets open now, and those of them that have not presented a good token yet. */
  readonly open: () => { readonly sockets: number; readonly pending: number };
  /** Takes no more streams, closes those there are (1001) and resolves when they are gone. */
  close(): Promise<void>;
};

export const mediaStreamPath = '/media-stream';

/** A sweep that comes this many periods late means that we ourselves were held up. */
const awayPeriods = 4;

export function createMediaSocket(options: MediaSocketOptions): MediaSocket {
  const limits = { ...defaultLimits, ...options.limits };
  const now = options.now ?? (() => performance.now());
  const path = options.path ?? mediaStreamPath;
  const notify = options.onNotice ?? (() => undefined);
  const counters = createCounters();
  const sessions = new Set<MediaSession>();
  const pending = createPendingSockets(limits);
  let onEmpty: (() => void) | undefined;

  // `closeTimeout` is missing from @types/ws; its default of 30 s would hold dead sockets.
  const socketOptions = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.maxPayloadBytes,
    closeTimeout: limits.closeTimeoutMs,
  };
  const webSockets = new WebSocketServer(socketOptions);

  const refuse = (socket: Duplex, status: number, why: string): void => {
    notify({ kind: 'upgrade-refused', status, why });
    // Not left to the peer: one that never closes would hold the socket for ever.
    socket.once('finish', () => socket.destroy());
    socket.end(`HTTP/1.1 ${status} ${why}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  };

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    socket.on('error', ignoreError);
    if (request.url?.split('?', 1)[0] !== path) {
      // Another listener may serve it; if there is none, nobody else would ever answer.
      if (options.server.listenerCount('upgrade') === 1) refuse(socket, 404, 'Not Found');
      return;
    }
    const signature = request.headers['x-twilio-signature'];
    const url = mediaStreamUrl(options.publicUrl(), path);
    if (!isUpgradeSigned(options.authToken, url, oneValue(signature))) {
      counters.upgradesForged += 1;
      return refuse(socket, 403, 'Forbidden');
    }
    options.onSigned?.(socket);
    const release = pending.take(request.socket.remoteAddress ?? '');
    if (release === undefined) {
      counters.upgradesOverCap += 1;
      return refuse(socket, 503, 'Service Unavailable');
    }
    // An upgrade that ws itself turns down (400, 405) ends the raw socket without a session.
    socket.once('close', release);
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('error', ignoreError);
      counters.upgradesAccepted += 1;
      const context: SessionContext = {
        wire: socket,
        limits,
        counters,
        consumeToken: options.consumeToken,
        attach: options.attach,
        notify,
        onSettled: release,
        onGone: () => {
          sessions.delete(session);
          if (sessions.size === 0) onEmpty?.();
        },
      };
      const session = new MediaSession(webSocket, context, now());
      sessions.add(session);
    });
  };
  options.server.on('upgrade', onUpgrade);

  let sweptMs = now();
  const sweep = setInterval(() => {
    const nowMs = now();
    const wasAway = nowMs - sweptMs > awayPeriods * limits.sweepEveryMs;
    sweptMs = nowMs;
    for (const session of sessions) session.check(nowMs, wasAway);
  }, limits.sweepEveryMs);
  sweep.unref();

  return {
    counters,
    open: () => ({ sockets: sessions.size, pending: pending.count() }),
    close: async () => {
      options.server.off('upgrade', onUpgrade);
      const empty = new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
      for (const session of sessions) session.shutDown();
      // Bounded: ws cuts a socket whose peer does not answer the close within `closeTimeout`.
      if (sessions.size > 0) await empty;
      clearInterval(sweep);
    },
  };
}

function ignoreError(): void {
  // The peer went away before the upgrade was done; 'close' follows and releases its place.
}

function oneValue(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

/** Counts the sockets that have not presented a token yet. */
function createPendingSockets(limits: MediaSocketLimits) {
  const byAddress = new Map<string, number>();
  let total = 0;
  return {
    count: () => total,
    /** A place, as the function that gives it back (once), or undefined where there is none. */
    take: (address: string): (() => void) | undefined => {
      const held = byAddress.get(address) ?? 0;
      if (total >= limits.maxPendingSockets || held >= limits.maxPendingPerAddress)
        return undefined;
      total += 1;
      byAddress.set(address, held + 1);
      let isReleased = false;
      return () => {
        if (isReleased) return;
        isReleased = true;
        total -= 1;
        const left = (byAddress.get(address) ?? 1) - 1;
        if (left > 0) byAddress.set(address, left);
        else byAddress.delete(address);
      };
    },
  };
}
