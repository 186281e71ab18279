/**
 * The composition root: plain constructor calls, top to bottom. The vendors are named in vendors.ts
 * and nowhere else.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import express, { type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import type { BreakerStatus } from '../adapters/breaker.ts';
import { APOLOGY } from '../adapters/tts/clips.ts';
import type { TtsVendor } from '../adapters/tts/port.ts';
import type { CallServices } from '../pipelines/call.ts';
import { Calls, type Claimed } from '../pipelines/calls.ts';
import { LoadGate, watchLoop } from '../pipelines/load-gate.ts';
import { SpeechCache } from '../pipelines/speech-cache.ts';
import { warmUpCore } from '../pipelines/warm-up.ts';
import { correlate, tellWebhooks } from '../routes/correlation.ts';
import { devRoutes } from '../routes/dev.ts';
import { healthRoutes } from '../routes/health.ts';
import { metricsRoutes } from '../routes/metrics.ts';
import { createSignatureCheck } from '../routes/twilio-signature.ts';
import { voiceRoutes } from '../routes/voice.ts';
import { createMediaSocket, type MediaSocket } from '../websocket/media-socket.ts';
import { commonGreetingParts } from './companion/greeting.ts';
import { commonLines } from './companion/lines.ts';
import { DEFAULT_MANNER, stranger } from './companion/person.ts';
import { mediaStreamUrl, withListeningPort, type Config } from './config.ts';
import type { Settings } from './conversation/types.ts';
import { EventHub } from './events.ts';
import { logEvents } from './event-log.ts';
import type { Logger } from './log.ts';
import type { Metrics, MetricSources } from './metrics.ts';
import { loadPeople, type People } from './people.ts';
import type { ErrorReporter } from './sentry.ts';
import { createMemorySessionStore } from './store/memory-session-store.ts';
import { createRedisSessionStore } from './store/redis-session-store.ts';
import type { SessionStore } from './store/session-store.ts';
import { connectVendors, type Vendors } from './vendors.ts';

export type App = {
  readonly server: Server;
  readonly calls: Calls;
  readonly events: EventHub;
  /** Settles when the lines that any call may need have been made, or could not be. Never rejects. */
  readonly warmed: Promise<void>;
  /** Undefined where nobody may read `/metrics`: then nothing is counted. */
  readonly metrics: Metrics | undefined;
  /** Undefined where SENTRY_DSN is not set. */
  readonly reporter: ErrorReporter | undefined;
  /** Binds the port; resolves with the port there is. */
  listen(): Promise<number>;
  /** Ends every connection and lets go of everything. Bounded; idempotent. */
  close(): Promise<void>;
};

/** Overrides for tests and the development server. */
export type AppOptions = {
  readonly people?: People;
  /** Served at `/` in development. */
  readonly webRoot?: string;
  /** Limits and manners of every call that differ from the usual. */
  readonly settings?: Partial<Settings>;
  /** False: the fixed lines are spoken as recorded, none is synthesised ahead. Default true. */
  readonly linesAhead?: boolean;
};

/** Twilio needs some time to close its end of a stream. */
const CLOSE_TIMEOUT_MS = 3_000;

export async function createApp(
  initial: Config,
  log: Logger,
  options: AppOptions = {},
): Promise<App> {
  let config = initial;
  const instance = `i-${randomUUID()}`;
  const events = new EventHub();
  logEvents(events, log);
  const store = await openStore(config, log);
  const people = options.people ?? (await loadPeople(config.dataDir));

  const vendors = await connectVendors(config);
  const reporter = await openReporter(config);
  const speechCache = new SpeechCache(vendors.ownVoice);
  await keepRecordings(speechCache, vendors.recordings);
  const services: CallServices = {
    stt: vendors.stt,
    llm: vendors.llm,
    tts: [...vendors.tts, vendors.recordings],
    telephony: vendors.telephony,
    speechCache,
    events,
    voiceId: config.elevenlabs.voiceId,
    wallClock: () => new Date(),
    resumeUrl: () => `${config.http.publicUrl}/voice/resume`,
    sayUrl: () => `${config.http.publicUrl}/voice/say`,
    onDefect: (callSid, error) => {
      log.error('call ended by a defect', { callSid, error });
      reporter?.report(error, 'call');
    },
  };
  const publicUrl = (): string => config.http.publicUrl;
  const load = new LoadGate();
  const unwatchLoop = watchLoop(load);
  const calls = new Calls({
    services,
    maxCalls: config.maxCalls,
    isOverloaded: () => load.isShut,
    urls: () => ({
      answer: `${publicUrl()}/voice/answer`,
      status: `${publicUrl()}/voice/status`,
      amd: `${publicUrl()}/voice/amd`,
    }),
    settings: options.settings,
  });

  const app = express();
  app.disable('x-powered-by');
  app.use(correlate(log));
  app.use(helmet({ contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } }));
  const breakers = (): BreakerStatus[] => vendors.breakers.map((b) => b.status());
  app.use('/health', healthRoutes({ calls, load, store, breakers, mode: config.mode }));
  const signature = createSignatureCheck({
    publicUrl,
    authToken: config.twilio.authToken,
    onRefused: ({ status, count }) => log.warn('webhook refused', { status, attempt: count }),
  });
  const streamUrl = (): string => mediaStreamUrl(config);
  app.use(
    '/voice',
    ...signature.handlers,
    tellWebhooks(events),
    voiceRoutes({ calls, people, store, log, instance, streamUrl, publicUrl }),
  );
  const dev =
    config.environment === 'production' ? undefined : devRoutes({ calls, people, events });
  if (dev) {
    app.use('/dev', dev.router);
    if (options.webRoot !== undefined) app.use(express.static(options.webRoot));
  }
  const metrics = await openMetrics(config, events, {
    activeCalls: () => calls.active,
    maxCalls: config.maxCalls,
    breakers,
    mediaCounters: () => media.counters,
    storeIsUp: async () => (await store.health()).ok,
  });
  if (metrics) {
    const { registry } = metrics;
    const { contentType } = registry;
    const production = config.environment === 'production';
    const read = async (): Promise<string> => await registry.metrics();
    const token = config.metricsToken;
    app.use('/metrics', metricsRoutes({ read, contentType, token, production }));
  }
  app.use((_req: Request, res: Response) => {
    res.status(404).json({ error: 'not found' });
  });
  app.use(onError(log, reporter));

  const server = createServer({ requestTimeout: 15_000, headersTimeout: 10_000 }, app);
  const media = createMediaSocket({
    server,
    publicUrl,
    authToken: config.twilio.authToken,
    consumeToken: async (token) => await store.consumeToken(token),
    attach: (start, claim, stream) =>
      calls.attach(start.callSid, stream, claimedCall(claim.data, people)) ?? {
        refuse: 1008,
        reason: 'the call is over or there is no room',
      },
    onNotice: (notice) => {
      if (notice.kind === 'failed') log.error('media stream failed', { error: notice.error });
      else log.info('media socket', { what: notice.kind });
    },
  });
  warmUpCore();
  const warming = [vendors.warm()];
  if (options.linesAhead !== false) warming.push(makeCommonLines(config, speechCache));
  const warmed = Promise.all(warming).then(() => undefined);

  return {
    server,
    calls,
    events,
    warmed,
    metrics,
    reporter,
    listen: async () => {
      const port = await bind(server, config.http.port);
      config = withListeningPort(config, port);
      return port;
    },
    close: async () => {
      unwatchLoop();
      calls.close();
      speechCache.close();
      dev?.close();
      await closeAll({ media, server, store, vendors });
      metrics?.close();
      await reporter?.flush(1_000);
    },
  };
}

async function keepRecordings(cache: SpeechCache, recordings: TtsVendor): Promise<void> {
  for (const language of ['en', 'es'] as const) {
    await cache.keepRecordings(recordings, language, commonLines(language), APOLOGY[language]);
  }
}

/** What the token says of a call that another instance has answered. */
function claimedCall(data: Readonly<Record<string, string>>, people: People): Claimed {
  const direction = data['direction'] === 'outbound' ? 'outbound' : 'inbound';
  return { direction, person: people.byId(data['personId'] ?? '') ?? stranger('') };
}

async function openStore(config: Config, log: Logger): Promise<SessionStore> {
  if (config.redisUrl === undefined) return createMemorySessionStore();
  const store = createRedisSessionStore({
    url: config.redisUrl,
    onConnection: (state) => log.warn('session store connection', { state, store: 'redis' }),
  });
  await store.untilReady(2_000);
  return store;
}

/**
 * Lines that any call may need are made before one does, one after the other, so that the greeting
 * of a call that comes meanwhile need not wait. Failures show up in the breakers.
 */
async function makeCommonLines(config: Config, cache: SpeechCache): Promise<void> {
  for (const language of ['en', 'es'] as const) {
    const manner = {
      voiceId: config.elevenlabs.voiceId,
      language,
      speed: DEFAULT_MANNER.speechSpeed,
    };
    const lines = [...commonGreetingParts(language), ...commonLines(language)];
    for (const line of lines) await cache.prepare(manner, line);
  }
}

/** Without a token nobody may read them in production: then they are not kept, nor loaded. */
async function openMetrics(
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

function onError(log: Logger, reporter: ErrorReporter | undefined) {
  return (error: unknown, _req: Request, res: Response, next: NextFunction): void => {
    const status = clientFault(error);
    if (status !== undefined && !res.headersSent) {
      res.status(status).json({ error: 'bad request' });
      return;
    }
    log.error('request failed', { error, requestId: res.get('X-Request-Id') });
    reporter?.report(error, 'request');
    if (res.headersSent) next(error);
    else res.status(500).json({ error: 'internal error' });
  };
}

/** The 4xx that a body parser has for what the client sent; undefined for faults of ours. */
function clientFault(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error)) return undefined;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

async function bind(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}

type Parts = {
  readonly media: MediaSocket;
  readonly server: Server;
  readonly store: SessionStore;
  readonly vendors: Vendors;
};

async function closeAll({ media, server, store, vendors }: Parts): Promise<void> {
  await media.close();
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_TIMEOUT_MS);
  await closed;
  clearTimeout(timer);
  vendors.close();
  await store.close();
}
