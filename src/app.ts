/**
 * The composition root: plain constructor calls, top to bottom. The vendors are named in vendors.ts
 * and nowhere else.
 */
import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BreakerStatus } from '../adapters/breaker.ts';
import { APOLOGY } from '../adapters/tts/clips.ts';
import type { CallServices } from '../pipelines/call.ts';
import { createAdmission } from '../pipelines/admission.ts';
import { CallSessions } from '../pipelines/call-sessions.ts';
import { Calls } from '../pipelines/calls.ts';
import { NO_RECORDS } from '../pipelines/records.ts';
import { drainCalls } from '../pipelines/drain.ts';
import { LoadGate, watchLoop } from '../pipelines/load-gate.ts';
import { keepRecordings, makeCommonLines } from '../pipelines/ready-lines.ts';
import { SpeechCache } from '../pipelines/speech-cache.ts';
import { warmUpCore } from '../pipelines/warm-up.ts';
import { WEBHOOK_ROUTES } from '../routes/correlation.ts';
import { createHttp } from '../routes/http.ts';
import { createMediaSocket, type MediaSocket } from '../websocket/media-socket.ts';
import type { MediaSocketNotice } from '../websocket/types.ts';
import {
  adminIn,
  doorsIn,
  listenHost,
  metricsPage,
  openInbox,
  openMetrics,
  openParts,
  openPeople,
  sharesIn,
} from './app-parts.ts';
import type { Person } from './companion/person.ts';
import { mediaStreamUrl, webhookUrl, withListeningPort, type Config } from './config.ts';
import type { Settings } from './conversation/types.ts';
import type { Durability } from './durability.ts';
import { EventHub } from './events.ts';
import { logEvents } from './event-log.ts';
import { bind, createHttpServer, unbind } from './http-server.ts';
import type { Logger } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { People } from './people.ts';
import type { ErrorReporter } from './sentry.ts';
import { createStreamTokens } from './store/stream-tokens.ts';
import type { Vendors } from './vendors.ts';

export type App = {
  readonly server: Server;
  readonly calls: Calls;
  readonly sessions: CallSessions;
  readonly events: EventHub;
  /**
   * Settles some time after `listen`, when the SDKs are loaded and the lines that any call may need
   * have been made, or could not be. Rejects when an SDK cannot be loaded: nothing works without.
   */
  readonly warmed: Promise<void>;
  /** Undefined where tests have chosen to keep nothing. */
  readonly durability: Durability | undefined;
  /** Undefined where nobody may read `/metrics`: then nothing is counted. */
  readonly metrics: Metrics | undefined;
  /** Undefined where SENTRY_DSN is not set. */
  readonly reporter: ErrorReporter | undefined;
  /** Binds the port; resolves with the port there is. */
  listen(): Promise<number>;
  /**
   * No new calls; those that there are are moved to another instance or wound up, until the deadline
   * (monotonic). Never rejects.
   */
  drain(deadline: number, hurry: AbortSignal): Promise<'move' | 'wind-up'>;
  /** Ends every connection and lets go of everything. Bounded; idempotent. */
  close(): Promise<void>;
};

/** Overrides for tests and the development server. */
export type AppOptions = {
  readonly people?: People;
  /** Whoever is not among the people and has introduced themselves otherwise, by number. */
  readonly introduced?: (phone: string) => Person | undefined;
  /** 'none': nothing is kept, and no database is opened. For tests that judge other things. */
  readonly durability?: 'none';
  /** Served at `/` in development. */
  readonly webRoot?: string;
  /** Limits and manners of every call that differ from the usual. */
  readonly settings?: Partial<Settings>;
  /** False: the fixed lines are spoken as recorded, none is synthesised ahead. Default true. */
  readonly linesAhead?: boolean;
  /** True: a late event loop turns no call away. For tests that judge other things. */
  readonly admitsWhenLate?: boolean;
};

export async function createApp(
  initial: Config,
  log: Logger,
  options: AppOptions = {},
): Promise<App> {
  let config = initial;
  const publicUrl = (): string => config.http.publicUrl;
  const urlOf = (path: string): string => webhookUrl(config, path);
  const instance = `i-${randomUUID()}`;
  const events = new EventHub((error) => log.error('a watcher of events failed', { error }));
  logEvents(events, log);
  const [durability, store, reporter, vendors] = await openParts(config, log, options);
  const people = await openPeople(config, options, durability);
  const breakers = (): BreakerStatus[] => vendors.breakers.map((breaker) => breaker.status());

  const speechCache = new SpeechCache(vendors.ownVoice);
  await keepRecordings(speechCache, vendors.recordings, APOLOGY);
  const load = new LoadGate();
  let unwatchLoop = (): void => undefined;
  const publish = events.publish.bind(events);
  const records = durability?.recordsOf(instance, publish) ?? NO_RECORDS;
  const sealer = durability?.store.sealer;
  const resumeUrl = (): string => urlOf('/voice/resume');
  const { telephony } = vendors;
  const shared = { store, sealer, records, telephony, instance, resumeUrl, log, publish };
  const sessions = new CallSessions({ ...shared, kept: durability?.store });
  const tokens = createStreamTokens({ store, sealer });
  const calls = new Calls({
    services: {
      ...servicesOf(vendors, config),
      speechCache,
      events,
      records,
      keep: (record, onOvertaken) => sessions.keep(record, onOvertaken),
      isStale: async (callSid, epoch) => await sessions.isStale(callSid, epoch),
      resumeUrl,
      sayUrl: () => urlOf('/voice/say'),
      onDefect: (callSid, error) => {
        log.error('call ended by a defect', { callSid, error });
        reporter?.report(error, 'call');
      },
    },
    maxCalls: config.maxCalls,
    isOverloaded: () => load.isShut && options.admitsWhenLate !== true,
    urls: () => ({
      answer: urlOf('/voice/answer'),
      status: urlOf('/voice/status'),
      amd: urlOf('/voice/amd'),
    }),
    settings: options.settings,
    onElsewhere: (told) => sessions.elsewhere(told),
  });
  const admission = createAdmission({ calls, sessions, tokens, people });

  const metrics = await openMetrics(config, events, {
    activeCalls: () => calls.active,
    maxCalls: config.maxCalls,
    breakers,
    mediaCounters: () => media.counters,
    storeIsUp: async () => (await store.health()).ok,
    durability,
    admission: {
      noRoom: () => calls.noRoom,
      turnedAway: () => calls.turnedAway,
      lateMs: () => load.lateMs,
    },
    webhookRoutes: WEBHOOK_ROUTES,
    webhooks: { refused: () => http.refusedWebhooks(), acts: () => inbox.acts() },
  });
  const inbox = openInbox({ calls, store, durability, instance, log });
  const unwatch = store.watch((notice) => {
    if (notice.kind === 'withdrawn') durability?.directory.withdraw(notice.personId);
  });
  const shares = sharesIn(config, log);
  const http = createHttp({
    calls,
    people,
    store,
    durability,
    tokens,
    sessions,
    events,
    load,
    log,
    mode: config.mode,
    inbox,
    ...doorsIn(config),
    onSigned: shares.prove,
    admin: adminIn(config, durability),
    publicUrl,
    streamUrl: () => mediaStreamUrl(config),
    webhookUrl: urlOf,
    breakers,
    metrics: metrics && metricsPage(metrics, config),
    webRoot: options.webRoot,
    reportDefect: (error) => reporter?.report(error, 'request'),
  });
  const server = createHttpServer(http.app);
  const media: MediaSocket = createMediaSocket({
    server,
    publicUrl,
    authToken: config.twilio.authToken,
    consumeToken: async (token) => await admission.consume(token),
    attach: (start, claim, stream) => admission.attach(start.callSid, claim, stream),
    onSigned: shares.prove,
    onNotice: (notice) => logNotice(notice, log),
  });

  const warming = Promise.withResolvers<void>();
  let closed = false;
  const warmUp = async (): Promise<void> => {
    await within(WARM_UP_WAIT_MS, durability?.settled);
    if (!(await loadBehindTheDoor(vendors, () => closed))) return;
    const lines =
      options.linesAhead === false
        ? undefined
        : makeCommonLines(speechCache, config.elevenlabs.voiceId);
    await Promise.all([vendors.warm(), lines, warmUpCore(() => closed)]);
  };
  durability?.serveJobs({
    models: vendors.llm,
    // As calls know them, with what they told before.
    place: (person) => calls.place(people.byId(person.personId) ?? person),
    mayPlace: () => !calls.isFull,
  });
  // Never rejects. They need what calls need, and are in less of a hurry.
  const beginJobs = async (): Promise<void> => {
    await Promise.allSettled([durability?.settled, within(JOBS_WAIT_MS, warming.promise)]);
    if (!closed) await durability?.jobs.start();
  };
  return {
    server,
    calls,
    sessions,
    events,
    warmed: warming.promise,
    durability,
    metrics,
    reporter,
    listen: async () => {
      const where = { port: config.http.port, host: listenHost(config) };
      const port = await bind(server, { ...where, calls: config.maxCalls, admit: shares.admit });
      config = withListeningPort(config, port);
      inbox.start();
      sessions.start(calls);
      warmUp().then(warming.resolve, warming.reject);
      // What a start costs says nothing of what calls cost: it turns nobody away.
      const watch = (): void => {
        if (!closed) unwatchLoop = watchLoop(load);
      };
      warming.promise.then(watch, watch);
      void beginJobs();
      return port;
    },
    drain: async (deadline, hurry) => await drainCalls(calls, sessions, deadline, hurry),
    close: async () => {
      closed = true;
      warming.resolve();
      unwatchLoop();
      calls.close();
      speechCache.close();
      http.close();
      await media.close();
      await unbind(server);
      unwatch();
      await inbox.close();
      await sessions.close();
      await durability?.jobs.stop(STOP_JOBS_MS);
      vendors.close();
      await Promise.all([store.close(), durability?.close(CLOSE_STORE_MS)]);
      metrics?.close();
      await reporter?.flush(1_000);
    },
  };
}

/** A database that hangs must not keep the process; what it did not get is on the disk. */
const CLOSE_STORE_MS = 2_000;

/** How long the warm-up leaves the processor to what readiness waits for. */
const WARM_UP_WAIT_MS = 2_000;

/** How long jobs leave the machine to what the first calls need. */
const JOBS_WAIT_MS = 2_000;

/** What is not done by then is handed to another instance, or to the next start. */
const STOP_JOBS_MS = 1_000;

/** Between two SDKs: whatever has arrived meanwhile is answered, and answers of that. */
const PAUSE_MS = 10;

/**
 * The SDKs are neither needed to listen nor to answer the first webhook. A call that comes meanwhile
 * has what it needs loaded at once. False: the server was closed before the end.
 */
async function loadBehindTheDoor(vendors: Vendors, isClosed: () => boolean): Promise<boolean> {
  const pause = async (): Promise<'go-on' | 'stop'> => {
    await sleep(PAUSE_MS, undefined, { ref: false });
    return isClosed() ? 'stop' : 'go-on';
  };
  if ((await pause()) === 'stop') return false;
  await vendors.load(pause);
  return !isClosed();
}

/** Resolves when `work` has settled in whichever way, or after the time. */
async function within(ms: number, work: Promise<void> | undefined): Promise<void> {
  await Promise.race([Promise.allSettled([work]), sleep(ms, undefined, { ref: false })]);
}

/** The vendors as a call knows them: ladders, best rung first. */
function servicesOf(
  { stt, llm, tts, recordings, telephony }: Vendors,
  config: Config,
): Pick<CallServices, 'stt' | 'llm' | 'tts' | 'telephony' | 'voiceId' | 'wallClock'> {
  const { voiceId } = config.elevenlabs;
  return { stt, llm, tts: [...tts, recordings], telephony, voiceId, wallClock: () => new Date() };
}

function logNotice(notice: MediaSocketNotice, log: Logger): void {
  if (notice.kind === 'failed') log.error('media stream failed', { error: notice.error });
  else log.info('media socket', { what: notice.kind });
}
