/**
 * The entry, and the only owner of signals.
 *
 * SIGTERM or SIGINT: no new calls, live calls are wound up with a spoken goodbye before the deadline,
 * then everything is closed and the exit code is 0. A second signal skips the goodbyes. If closing
 * hangs, a late timer ends the process with 1.
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
const [
  { configNotices },
  { loadConfig },
  { ConfigError },
  { monotonicMs },
  { createLogger },
  { resolveSecretFiles },
  { loadTelemetry },
] = await Promise.all([
  import('./config-notices.ts'),
  import('./config.ts'),
  import('./errors.ts'),
  import('./events.ts'),
  import('./log.ts'),
  import('./secret-files.ts'),
  import('./telemetry.ts'),
]);

/** For closing sockets and flushing the log after the drain. */
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
  await app.listen();
  return { app, close: async () => await app.close() };
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
  const stop = (why: NodeJS.Signals | 'defect', drainTimeoutMs: number): void => {
    stopping = true;
    log.info('draining', { signal: why, calls: running.app.calls.active });
    const force = setTimeout(() => process.exit(1), drainTimeoutMs + CLOSE_RESERVE_MS);
    force.unref();
    shutDown(running, telemetry, log, drainTimeoutMs).catch((error: unknown) => {
      log.fatal('shutdown failed', { error });
      process.exitCode = 1;
    });
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      log.warn('second signal: no goodbyes', { signal });
      running.app.calls.close();
    } else stop(signal, config.drainTimeoutMs);
  };
  const onDefect = (error: unknown): void => {
    log.fatal('nobody caught this: ending', { error });
    running.app.reporter?.report(error, 'process');
    process.exitCode = 1;
    if (!stopping) stop('defect', Math.min(DEFECT_DRAIN_MS, config.drainTimeoutMs));
  };
  running.app.warmed.catch(onDefect);
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
  drainTimeoutMs: number,
): Promise<void> {
  await running.app.calls.drain('wind-up', monotonicMs() + drainTimeoutMs);
  await running.close();
  await telemetry.shutdown(FLUSH_TIMEOUT_MS);
  log.info('stopped');
  await log.flush(1_000);
  process.exitCode ??= 0;
  // All of ours is done; an exporter that still tries to reach its receiver shall not hold us.
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

main().catch((error: unknown) => {
  const text = error instanceof ConfigError ? error.message : 'the server could not be started';
  process.stderr.write(`hearthline: ${text}\n`);
  if (!(error instanceof ConfigError)) console.error(error);
  process.exitCode = 1;
});
