/** The HTTP side of the server: every route in its place, in the order in which requests meet them. */
import express, { type Express, type Request, type Response } from 'express';
import helmet from 'helmet';
import type { BreakerStatus } from '../adapters/breaker.ts';
import type { Calls } from '../pipelines/calls.ts';
import type { LoadGate } from '../pipelines/load-gate.ts';
import type { EventHub } from '../src/events.ts';
import type { Logger } from '../src/log.ts';
import type { People } from '../src/people.ts';
import type { SessionStore } from '../src/store/session-store.ts';
import { correlate, tellWebhooks } from './correlation.ts';
import { devRoutes } from './dev.ts';
import { answerErrors, type ReportDefect } from './errors.ts';
import { healthRoutes, type DurabilityHealth } from './health.ts';
import { metricsRoutes, type MetricsRoutesOptions } from './metrics.ts';
import { createSignatureCheck } from './twilio-signature.ts';
import { voiceRoutes } from './voice.ts';

export type HttpOptions = {
  readonly calls: Calls;
  readonly people: People;
  readonly store: SessionStore;
  /** Undefined: nothing is kept. */
  readonly durability: DurabilityHealth | undefined;
  readonly events: EventHub;
  readonly load: LoadGate;
  readonly log: Logger;
  readonly instance: string;
  readonly mode: string;
  readonly production: boolean;
  readonly twilioAuthToken: string;
  /** Called per request: the port may come late. */
  readonly publicUrl: () => string;
  readonly streamUrl: () => string;
  readonly breakers: () => readonly BreakerStatus[];
  /** Undefined: there is no `/metrics`. */
  readonly metrics: MetricsRoutesOptions | undefined;
  /** Served at `/` outside production. */
  readonly webRoot: string | undefined;
  readonly reportDefect: ReportDefect;
};

export type Http = {
  readonly app: Express;
  /** Lets go of the watchers of the development routes. */
  close(): void;
};

export function createHttp(options: HttpOptions): Http {
  const { calls, people, store, events, load, log, instance, mode } = options;
  const { publicUrl, streamUrl, breakers, metrics, durability } = options;
  const app = express();
  app.disable('x-powered-by');
  app.use(correlate(log));
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  app.use('/health', healthRoutes({ calls, load, store, durability, breakers, mode }));
  const signature = createSignatureCheck({
    publicUrl,
    authToken: options.twilioAuthToken,
    onRefused: ({ status, count }) => log.warn('webhook refused', { status, attempt: count }),
  });
  const voice = voiceRoutes({ calls, people, store, log, instance, streamUrl, publicUrl });
  app.use('/voice', ...signature.handlers, tellWebhooks(events), voice);
  const dev = options.production ? undefined : devRoutes({ calls, people, events });
  if (dev) app.use('/dev', dev.router);
  if (dev && options.webRoot !== undefined) app.use(express.static(options.webRoot));
  if (metrics) app.use('/metrics', metricsRoutes(metrics));
  app.use((_req: Request, res: Response) => {
    res.status(404).json({ error: 'not found' });
  });
  app.use(answerErrors(log, options.reportDefect));
  return { app, close: () => dev?.close() };
}
