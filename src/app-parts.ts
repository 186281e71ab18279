/** Parts of the application that are opened where the configuration asks for them, and only then. */
import type { Calls } from '../pipelines/calls.ts';
import { webhookHandlers } from '../pipelines/webhook-handlers.ts';
import { createWebhookInbox, type WebhookInbox } from '../pipelines/webhooks.ts';
import type { AdminRoutesOptions } from '../routes/admin.ts';
import type { HttpOptions } from '../routes/http.ts';
import type { MetricsRoutesOptions } from '../routes/metrics.ts';
import { peerIn } from '../routes/sender.ts';
import type { Person } from './companion/person.ts';
import { isLoopback } from './config-values.ts';
import type { Config } from './config.ts';
import { createConnectionShares, type ConnectionShares } from './connection-shares.ts';
import type { Durability } from './durability.ts';
import type { EventHub } from './events.ts';
import { shareOfAddress } from './http-server.ts';
import type { Logger } from './log.ts';
import type { Metrics, MetricSources } from './metrics.ts';
import { peopleFrom, readPeopleFile, type People } from './people.ts';
import type { ErrorReporter } from './sentry.ts';
import { createMemorySessionStore } from './store/memory-session-store.ts';
import type { SessionStore } from './store/session-store.ts';
import { connectVendors } from './vendors.ts';

export type PeopleOptions = {
  readonly people?: People;
  readonly introduced?: (phone: string) => Person | undefined;
};

/** What takes its time to open, all at once. */
export async function openParts(
  config: Config,
  log: Logger,
  options: { readonly durability?: 'none' },
) {
  const openKept = async (): Promise<Durability | undefined> => {
    if (options.durability === 'none') return undefined;
    const { openDurability } = await import('./durability.ts');
    return await openDurability(config, log);
  };
  return await Promise.all([
    openKept(),
    openStore(config, log),
    openReporter(config),
    connectVendors(config),
  ]);
}

/** Who the line knows. `introduced`: whoever is not among them, and whom somebody else knows. */
export async function openPeople(
  config: Config,
  { people, introduced }: PeopleOptions,
  durability: Durability | undefined,
): Promise<People> {
  const fromFile = async (): Promise<People> =>
    peopleFrom((await readPeopleFile(config.dataDir)).map(({ person }) => person));
  const known = people ?? durability?.people ?? (await fromFile());
  if (introduced === undefined) return known;
  const byPhone = (phone: string): Person => introduced(phone) ?? known.byPhone(phone);
  return { ...known, byPhone };
}

async function openStore(config: Config, log: Logger): Promise<SessionStore> {
  if (config.redisUrl === undefined) return createMemorySessionStore();
  const { createRedisSessionStore } = await import('./store/redis-session-store.ts');
  const store = createRedisSessionStore({
    url: config.redisUrl,
    onConnection: (state) => log.warn('session store connection', { state, store: 'redis' }),
  });
  await store.untilReady(2_000);
  return store;
}

/** Without a token nobody may read them in production: then they are not kept, nor loaded. */
export async function openMetrics(
  config: Config,
  events: EventHub,
  sources: MetricSources,
): Promise<Metrics | undefined> {
  if (config.environment === 'production' && config.metricsToken === undefined) return undefined;
  const { createMetrics } = await import('./metrics.ts');
  return createMetrics(events, sources);
}

async function openReporter(config: Config): Promise<ErrorReporter | undefined> {
  if (config.sentryDsn === undefined) return undefined;
  const { createErrorReporter } = await import('./sentry.ts');
  return createErrorReporter({ dsn: config.sentryDsn, environment: config.environment });
}

export function metricsPage({ registry }: Metrics, config: Config): MetricsRoutesOptions {
  return {
    read: async () => await registry.metrics(),
    contentType: registry.contentType,
    token: config.metricsToken,
    production: config.environment === 'production',
  };
}

/** What becomes of the carrier's callbacks. */
export function openInbox(parts: {
  readonly calls: Calls;
  readonly store: SessionStore;
  readonly durability: Durability | undefined;
  readonly instance: string;
  readonly log: Logger;
}): WebhookInbox {
  const { calls, store: session, durability, instance, log } = parts;
  const kept = durability?.store;
  const handlers = webhookHandlers({
    calls,
    log,
    writer: kept?.writer,
    withdraw: (phone) => {
      const personId = durability?.directory.byPhone(phone)?.personId;
      if (personId === undefined) return;
      durability?.directory.withdraw(personId);
      // The others follow the database where they are not told.
      session.tell({ kind: 'withdrawn', personId, from: instance }).catch(() => undefined);
    },
    // Who has just been read is read again by the directory itself, soon.
    peopleChanged: async () => await durability?.directory.refresh().catch(() => undefined),
  });
  return createWebhookInbox({ kept, session, handlers, instance, log });
}

/** How many connections one address may have. */
export function sharesIn({ http, maxCalls }: Config, log: Logger): ConnectionShares {
  return createConnectionShares({
    max: shareOfAddress(maxCalls),
    peerOf: peerIn(http.trustedProxies),
    log,
  });
}

/**
 * The address that the server listens on. On emulators that is one of this machine's own: the key that
 * the emulated carrier signs with stands in the source. Undefined: all there are.
 */
export function listenHost({ mode, http }: Pick<Config, 'mode' | 'http'>): string | undefined {
  const url = new URL(http.publicUrl);
  if (mode !== 'emulated' || !isLoopback(url)) return undefined;
  return url.hostname === 'localhost' ? '127.0.0.1' : url.hostname.replace(/^\[|\]$/g, '');
}

/** Who is let in, and by which doors. */
export function doorsIn(config: Config) {
  const { devRoutes, environment, reachesTelephones, trustCallerId, webhookSecret } = config;
  return {
    devRoutes: devRoutes && environment !== 'production',
    reachesTelephones,
    trustCallerId,
    webhookSecret,
    trustedProxies: config.http.trustedProxies,
    twilioAuthToken: config.twilio.authToken,
  } satisfies Partial<HttpOptions>;
}

export function adminIn(
  { adminToken: token }: Config,
  durability: Durability | undefined,
): AdminRoutesOptions | undefined {
  if (token === undefined || durability === undefined) return undefined;
  const { database, webhooks, writer } = durability.store;
  return { token, database, webhooks, jobs: durability.jobs, records: writer };
}
