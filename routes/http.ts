/** The HTTP side of the server: every route in its place, in the order in which requests meet them. */
import type { Duplex } from 'node:stream';
import express, { type Express, type Request, type Response } from 'express';
import helmet from 'helmet';
import type { BreakerStatus } from '../adapters/breaker.ts';
import type { CallSessions } from '../pipelines/call-sessions.ts';
import type { Calls } from '../pipelines/calls.ts';
import type { LoadGate } from '../pipelines/load-gate.ts';
import type { WebhookInbox } from '../pipelines/webhooks.ts';
import type { EventHub } from '../src/events.ts';
import type { Logger } from '../src/log.ts';
import type { People } from '../src/people.ts';
import type { SessionStore } from '../src/store/session-store.ts';
import type { StreamTokens } from '../src/store/stream-tokens.ts';
import { adminRoutes, type AdminRoutesOptions } from './admin.ts';
import { callbackRoutes } from './callbacks.ts';
import type { CallerTrust } from './caller.ts';
import { correlate, tellWebhooks } from './correlation.ts';
import { devRoutes } from './dev.ts';
import { answerErrors, type ReportDefect } from './errors.ts';
import { healthRoutes, type DurabilityHealth } from './health.ts';
import { metricsRoutes, type MetricsRoutesOptions } from './metrics.ts';
import { logRefusals } from './refusal-log.ts';
import { senderIn } from './sender.ts';
import { createSignatureCheck, type SignatureCheck } from './twilio-signature.ts';
import { voiceRoutes } from './voice.ts';

export type HttpOptions = {
  readonly calls: Calls;
  readonly people: People;
  readonly store: SessionStore;
  /** Undefined: nothing is kept. */
  readonly durability: DurabilityHealth | undefined;
  readonly events: EventHub;
  readonly load: LoadGate;
  readonly tokens: StreamTokens;
  readonly sessions: CallSessions;
  readonly log: Logger;
  readonly mode: string;
  /** The doors for development are there. */
  readonly devRoutes: boolean;
  /** Dialling makes a telephone ring. */
  readonly reachesTelephones: boolean;
  readonly inbox: WebhookInbox;
  readonly twilioAuthToken: string;
  readonly webhookSecret: string | undefined;
  readonly trustedProxies: readonly string[];
  readonly trustCallerId: CallerTrust;
  /** Told of each connection that has carried something signed. */
  readonly onSigned: (socket: Duplex) => void;
  /** Called per request: the port may come late. */
  readonly publicUrl: () => string;
  readonly streamUrl: () => string;
  /** The absolute URL of a path of ours, as the carrier is given it. */
  readonly webhookUrl: (path: string) => string;
  readonly breakers: () => readonly BreakerStatus[];
  /** Undefined: there is no `/metrics`. */
  readonly metrics: MetricsRoutesOptions | undefined;
  /** Undefined: there is no `/admin`. */
  readonly admin: AdminRoutesOptions | undefined;
  /** Served at `/` where there are doors for development. */
  readonly webRoot: string | undefined;
  readonly reportDefect: ReportDefect;
};

export type Http = {
  readonly app: Express;
  /** Webhooks that were refused since the start, by reason. */
  refusedWebhooks(): ReturnType<SignatureCheck['refused']>;
  /** Lets go of the watchers of the development routes. */
  close(): void;
};

export function createHttp(options: HttpOptions): Http {
  const { calls, people, events, log, inbox, admin, metrics } = options;
  const app = express();
  app.disable('x-powered-by');
  app.use(correlate(log));
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  const bearers = [metrics?.token, admin?.token];
  app.use('/health', healthRoutes({ ...options, bearers }));
  const senderOf = senderIn(options.trustedProxies);
  const signature = createSignatureCheck({
    publicUrl: options.publicUrl,
    authToken: options.twilioAuthToken,
    secret: options.webhookSecret,
    senderOf,
    onSigned: options.onSigned,
    onRefused: logRefusals(log),
  });
  // One by one: traces take the route's name from its path, and have none for a list.
  for (const path of ['/voice', '/messages']) {
    app.use(path, ...signature.handlers, tellWebhooks(events));
  }
  app.use('/voice', voiceRoutes(options));
  app.use(callbackRoutes(inbox));
  const { reachesTelephones } = options;
  const dev = options.devRoutes
    ? devRoutes({ calls, people, events, reachesTelephones })
    : undefined;
  if (dev) app.use('/dev', dev.router);
  if (dev && options.webRoot !== undefined) app.use(express.static(options.webRoot));
  if (metrics) app.use('/metrics', metricsRoutes(metrics));
  if (admin) app.use('/admin', adminRoutes(admin, { inbox, log, senderOf }));
  app.use((_req: Request, res: Response) => {
    res.status(404).json({ error: 'not found' });
  });
  app.use(answerErrors(log, options.reportDefect));
  return { app, refusedWebhooks: () => signature.refused(), close: () => dev?.close() };
}
