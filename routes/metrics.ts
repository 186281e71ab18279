/**
 * `GET /metrics`. Not for the public: with METRICS_TOKEN set, only for those who bear it; without it,
 * only for this machine, and in production for nobody. Who may not read it is told that it is not
 * there.
 */
import { Router, type Request } from 'express';
import { bears, isThisMachine } from './who-asks.ts';

export type MetricsRoutesOptions = {
  /** The page in Prometheus' text format. */
  readonly read: () => Promise<string>;
  readonly contentType: string;
  /** Undefined: METRICS_TOKEN is not set. */
  readonly token: string | undefined;
  readonly production: boolean;
};

export function metricsRoutes(options: MetricsRoutesOptions): Router {
  const router = Router();
  router.get('/', async (req, res) => {
    if (!mayRead(req, options)) {
      res.status(404).json({ error: 'not found' });
      return;
    }
    const page = await options.read();
    res.set('Content-Type', options.contentType).set('Cache-Control', 'no-store').send(page);
  });
  return router;
}

function mayRead(req: Request, { token, production }: MetricsRoutesOptions): boolean {
  if (token !== undefined) return bears(req, token);
  return !production && isThisMachine(req);
}
