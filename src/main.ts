/**
 * The entry, and the only owner of signals.
 *
 * SIGTERM or SIGINT: no new calls; live calls are moved to another instance, or wound up with a spoken
 * goodbye where there is none, before the deadline; then everything is closed and the exit code is 0.
 * A second signal skips the goodbyes; the same one within a second is the first one's echo: under
 * npm a Ctrl-C comes from the terminal and from npm. If closing hangs, a late timer ends the process with 1.
 *
 * An error that nobody caught is a defect that may have left anything in any state: the process ends
 * in the same order, with little patience, and with 1, so that a fresh one takes over.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { App } from './app.ts';
import type { Config } from './config.ts';
import type { Logger } from './log.ts';
import type { Telemetry } from './telemetry.ts';

// Keeps what was compiled from start to start, unless NODE_COMPILE_CACHE says where already; half of
// a start's time. Static imports would be compiled before that is known, hence the others below.
enableCompileCache(fileURLToPath(new URL('../.cache/compile', import.meta.url)));
// A few bytes that are kept hold all of the pool's piece that they were cut from. With Node's 64 KB a
// hundred calls leave 2.4 MB a second that only a full collection finds.
Buffer.poolSize = 8 * 1_024;
const [
  { configNotices },
  { loadConfig },
  { ConfigError, StartError },
  { monotonicMs },
  { flushLast },
  { createLogger },
  { resolveSecretFiles },
  { loadTelemetry },
] = await Promise.all([
  import('./config-notices.ts'),
  import('./config.ts'),
  import('./errors.ts'),
  import('./events.ts'),
  import('./last-flush.ts'),
  import('./log.ts'),
  import('./secret-files.ts'),
  import('./telemetry.ts'),
]);

/** Of the deadline, for writing down what the last calls said, and for closing everything. */
const CLOSE_SHARE = 0.2;
const MAX_CLOSE_MS = 4_000;
/** A person who has lost patience tries again. */
const ECHO_MS = 1_000;
/** Behind the deadline, until the process is ended by force. */
const CLOSE_RESERVE_MS = 6_000;
/** How long the process may take to run dry by itself after the last of its work. */
const LINGER_MS = 500;
/** For sending the last spans. */
const FLUSH_TIMEOUT_MS = 2_000;

/** After a defect the live calls get a goodbye, if that still works. */
const DEFECT_DRAIN_MS = 10_000;

type Running = { readonly app: App; close(): Promise<void> };

async function start(config: Config, log: Logger): Promise<Running> {
  if (config.mode === 'emulated') {
    const { startOnEmulators } = await import('../demo/dev-server.ts');
    return await startOnEmulators(config, log);
  }
  const { createApp } = await import('./app.ts');
  const app = await createApp(config, log);
  const close = async (): Promise<void> => await app.close();
  try {
    await app.listen();
  } catch (error) {
    await close();
    throw error;
  }
  return { app, close };
}

async function main(): Promise<void> {
  const env = resolveSecretFiles(process.env);
  const config = loadConfig(env);
  // Before the application: what it imports is instrumented as it is loaded.
  const telemetry = await loadTelemetry(env);
  const log = createLogger(config.logLevel);
  for (const { what, text, variables } of configNotices(config)) {
    log.warn(text, { what, variables });
  }
  const running = await start(config, log);
  watch(telemetry, running.app, config);
  const address = running.app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.http.port;
  log.info('listening', { port, mode: config.mode, environment: config.environment });

  let stopping = false;
  /** Aborted by a second signal. */
  const hurry = new AbortController();
  const stop = (why: NodeJS.Signals | 'defect', drainTimeoutMs: number): void => {
    stopping = true;
    log.info('draining', { signal: why, calls: running.app.calls.active });
    const force = setTimeout(() => process.exit(1), drainTimeoutMs + CLOSE_RESERVE_MS);
    force.unref();
    shutDown(running, telemetry, log, { drainTimeoutMs, hurry: hurry.signal }).catch(
      (error: unknown) => {
        log.fatal('shutdown failed', { error });
        process.exitCode = 1;
      },
    );
  };
  let last: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const atMs = monotonicMs();
    if (last?.signal === signal && atMs - last.atMs < ECHO_MS) return;
    last = { signal, atMs };
    if (stopping) {
      log.warn('second signal: no goodbyes', { signal });
      hurry.abort();
      const { calls, sessions } = running.app;
      calls.close(sessions.hasOtherAccepting ? 'move' : 'wind-up');
    } else stop(signal, config.drainTimeoutMs);
  };
  const onDefect = (error: unknown): void => {
    log.fatal('nobody caught this: ending', { error });
    running.app.reporter?.report(error, 'process');
    process.exitCode = 1;
    if (!stopping) stop('defect', Math.min(DEFECT_DRAIN_MS, config.drainTimeoutMs));
  };
  const onUnusable = (error: unknown, drainTimeoutMs = 0): void => {
    tellWhyNot(error);
    process.exitCode = 1;
    if (!stopping) stop('defect', drainTimeoutMs);
  };
  running.app.warmed.catch(onDefect);
  running.app.durability?.settled.then(
    () => log.info('ready', { uptimeMs: Math.round(process.uptime() * 1_000) }),
    (error: unknown) => onUnusable(error),
  );
  void running.app.durability?.unusable.then((error) =>
    onUnusable(error, Math.min(DEFECT_DRAIN_MS, config.drainTimeoutMs)),
  );
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('uncaughtException', onDefect);
  process.on('unhandledRejection', onDefect);
}

function watch(telemetry: Telemetry, app: App, config: Config): void {
  const { metrics } = app;
  telemetry.watch({
    events: app.events,
    models: { claude: config.anthropic.model, gemini: config.gemini.model },
    readMetrics: metrics && (async () => await metrics.read()),
  });
}

async function shutDown(
  running: Running,
  telemetry: Telemetry,
  log: Logger,
  { drainTimeoutMs, hurry }: { drainTimeoutMs: number; hurry: AbortSignal },
): Promise<void> {
  const deadline = monotonicMs() + drainTimeoutMs;
  const closeMs = Math.min(MAX_CLOSE_MS, drainTimeoutMs * CLOSE_SHARE);
  const how = await running.app.drain(deadline - closeMs, hurry);
  log.info('drained', { what: how, calls: running.app.calls.active });
  const { durability } = running.app;
  if (durability) await flushLast(durability, deadline - closeMs, hurry, log);
  await running.close();
  await telemetry.shutdown(FLUSH_TIMEOUT_MS);
  log.info('stopped');
  await log.flush(1_000);
  process.exitCode ??= 0;
  // All of ours is done; an exporter that still tries to reach its receiver shall not hold us.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

main().catch((error: unknown) => {
  tellWhyNot(error);
  // Whatever was begun before it failed shall not hold a server that cannot be.
  setTimeout(() => process.exit(), LINGER_MS).unref();
});

function tellWhyNot(error: unknown): void {
  const isOurs = error instanceof ConfigError || error instanceof StartError;
  const text = isOurs ? error.message : 'the server could not be started';
  process.stderr.write(`hearthline: ${text}\n`);
  if (!isOurs) console.error(error);
  process.exitCode = 1;
}
