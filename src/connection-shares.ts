/**
 * How much of the server's connections one address may hold.
 *
 * Every open connection counts for its address until it has carried something that the carrier
 * signed. An address that has its share and opens another loses its oldest that has not: refusing the
 * new one instead would let whoever holds the share keep out everybody who shares the address with
 * them, the carrier included, where a proxy is in between that nobody configured. What is signed
 * arrives within milliseconds, and is long proven when it would be the oldest.
 */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from './log.ts';

export type ConnectionShares = {
  /** Counts a new connection, and closes the oldest of its address where there are too many. */
  admit(socket: Socket): void;
  /** It has carried something signed, and counts no more. */
  prove(socket: Duplex): void;
};

export type ConnectionSharesOptions = {
  /** How many unproven connections an address may have. */
  readonly max: number;
  /** Whose connection it is; undefined: of somebody who may have any number. */
  readonly peerOf: (socket: Socket) => string | undefined;
  readonly log: Pick<Logger, 'warn'>;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
};

/** A line in the log is written at most this often; the next one says how many were closed. */
const QUIET_MS = 10_000;

/** What it remembers is bounded by how many connections are open. */
export function createConnectionShares(options: ConnectionSharesOptions): ConnectionShares {
  const { max, peerOf, log, now = () => performance.now() } = options;
  const peers = new Map<Duplex, string>();
  /** By peer, oldest first. */
  const unproven = new Map<string, Set<Duplex>>();
  let toldAtMs = -Infinity;
  let refusedCount = 0;

  const forget = (socket: Duplex): void => {
    const peer = peers.get(socket);
    if (peer === undefined) return;
    peers.delete(socket);
    const held = unproven.get(peer);
    held?.delete(socket);
    if (held?.size === 0) unproven.delete(peer);
  };
  const tell = (): void => {
    refusedCount += 1;
    if (now() - toldAtMs < QUIET_MS) return;
    log.warn('too many connections of one address: the oldest is closed', { refusedCount });
    toldAtMs = now();
    refusedCount = 0;
  };

  return {
    admit: (socket) => {
      const peer = peerOf(socket);
      if (peer === undefined) return;
      const held = unproven.get(peer) ?? new Set<Duplex>();
      const [oldest] = held;
      if (oldest !== undefined && held.size >= max) {
        forget(oldest);
        oldest.destroy();
        tell();
      }
      held.add(socket);
      unproven.set(peer, held);
      peers.set(socket, peer);
      socket.once('close', () => forget(socket));
    },
    prove: forget,
  };
}
