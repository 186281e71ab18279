/** What load balancers and operators ask. */
import { Router } from 'express';
import type { BreakerStatus } from '../adapters/breaker.ts';
import type { Calls } from '../pipelines/calls.ts';
import type { LoadGate } from '../pipelines/load-gate.ts';
import type { SessionStore } from '../src/store/session-store.ts';

export type HealthOptions = {
  readonly calls: Calls;
  readonly load: Pick<LoadGate, 'isShut' | 'lateMs'>;
  readonly store: SessionStore;
  readonly breakers: () => readonly BreakerStatus[];
  readonly mode: string;
};

export function healthRoutes({ calls, load, store, breakers, mode }: HealthOptions): Router {
  const router = Router();

  /** The process is alive; also while it drains. */
  router.get('/live', (_req, res) => {
    res.json({ status: 'ok' });
  });

  /** New calls are welcome here. */
  router.get('/ready', (_req, res) => {
    const ready = !calls.isDraining;
    res.status(ready ? 200 : 503).json({ status: ready ? 'ready' : 'draining' });
  });

  router.get('/', async (_req, res) => {
    const session = await store.health();
    const open = breakers().filter((breaker) => breaker.state !== 'closed');
    const status = calls.isDraining
      ? 'draining'
      : session.ok && open.length === 0
        ? 'ok'
        : 'degraded';
    res.json({
      status,
      mode,
      calls: { active: calls.active, full: calls.isFull },
      eventLoop: { lateMs: Math.round(load.lateMs), overloaded: load.isShut },
      store: { kind: store.kind, ...session },
      vendors: breakers(),
    });
  });

  return router;
}
