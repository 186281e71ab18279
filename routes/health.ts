/**
 * What load balancers and operators ask. Whether it lives and is ready is for everybody; the rest for
 * this machine and for whoever bears a token.
 */
import { Router } from 'express';
import type { BreakerStatus } from '../adapters/breaker.ts';
import type { Calls } from '../pipelines/calls.ts';
import type { LoadGate } from '../pipelines/load-gate.ts';
import type { SessionStore } from '../src/store/session-store.ts';
import { sharedAnswer } from './shared-answer.ts';
import { bears, isThisMachine } from './who-asks.ts';

/** Of what outlives the process, as much as operators ask for. */
export type DurabilityHealth = {
  /** False: it starts, and people are not known yet. */
  readonly isSettled: boolean;
  readonly store: { readonly database: { readonly kind: 'server' | 'embedded' } };
  health(): Promise<{ readonly ok: boolean; readonly latencyMs: number; readonly detail?: string }>;
  figures(): {
    readonly database: Readonly<Record<string, number>>;
    readonly spool: Readonly<Record<string, number>>;
    readonly writes: Readonly<Record<string, number>>;
    /** A record was lost not long ago. */
    readonly isRefusing: boolean;
    readonly people: number;
    readonly unreadable: Readonly<Record<'people' | 'memories', number>>;
  };
};

export type HealthOptions = {
  readonly calls: Calls;
  readonly load: Pick<LoadGate, 'isShut' | 'lateMs'>;
  readonly store: SessionStore;
  readonly durability: DurabilityHealth | undefined;
  readonly breakers: () => readonly BreakerStatus[];
  readonly mode: string;
  /** Who bears one of them sees the details. */
  readonly bearers: readonly (string | undefined)[];
  /** Monotonic milliseconds. */
  readonly now?: () => number;
};

/**
 * Anybody may ask how it is, and every answer needs a command of Redis and a connection of the
 * database: they are asked once a second at most.
 */
const STORES_ASKED_EVERY_MS = 1_000;

export function healthRoutes(options: HealthOptions): Router {
  const { calls, load, store, durability, breakers, mode, bearers, now } = options;
  const router = Router();
  const askStores = sharedAnswer(
    STORES_ASKED_EVERY_MS,
    async () => await Promise.all([store.health(), durability?.health()]),
    now,
  );

  /** The process is alive; also while it drains. */
  router.get('/live', (_req, res) => {
    res.json({ status: 'ok' });
  });

  /** New calls are welcome here. */
  router.get('/ready', (_req, res) => {
    const isStarting = durability?.isSettled === false;
    const status = calls.isDraining ? 'draining' : isStarting ? 'starting' : 'ready';
    res.status(status === 'ready' ? 200 : 503).json({ status });
  });

  router.get('/', async (req, res) => {
    const [session, database] = await askStores();
    const kept = durability?.figures();
    const isKeeping = database === undefined || (database.ok && kept?.isRefusing === false);
    const isKnowing = (kept?.unreadable.people ?? 0) === 0;
    const open = breakers().filter((breaker) => breaker.state !== 'closed');
    const status = calls.isDraining
      ? 'draining'
      : session.ok && isKeeping && isKnowing && open.length === 0
        ? 'ok'
        : 'degraded';
    if (!isThisMachine(req) && !bears(req, ...bearers)) {
      res.json({ status });
      return;
    }
    res.json({
      status,
      mode,
      calls: { active: calls.active, full: calls.isFull },
      eventLoop: { lateMs: Math.round(load.lateMs), overloaded: load.isShut },
      store: { kind: store.kind, ...session },
      ...(durability && {
        database: { kind: durability.store.database.kind, ...database, ...kept?.database },
        spool: kept?.spool,
        writes: kept?.writes,
        people: kept?.people,
        unreadable: kept?.unreadable,
      }),
      vendors: breakers(),
    });
  });

  return router;
}
