/**
 * `GET /metrics`. Not for the public: with METRICS_TOKEN set, only for those who bear it; without it,
 * only for this machine, and in production for nobody. Who may not read it is told that it is not
 * there.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { Router, type Request } from 'express';

export type MetricsRoutesOptions = {
  /** The page in Prometheus' text format. */
  readonly read: () => Promise<string>;
  readonly contentType: string;
  /** Undefined: METRICS_TOKEN is not set. */
  readonly token: string | undefined;
  readonly production: boolean;
};

const LOOPBACK = /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/;
/** Set by proxies: then the peer's address says nothing about who asks. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'] as const;

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
  if (token !== undefined) return isSame(req.get('authorization') ?? '', `Bearer ${token}`);
  if (production) return false;
  const isDirect = FORWARDED.every((name) => req.get(name) === undefined);
  return isDirect && LOOPBACK.test(req.socket.remoteAddress ?? '');
}

/** In a time that does not tell where they differ, or how long the right one is. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
