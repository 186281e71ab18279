/**
 * Tracing of calls, where it is configured; otherwise nothing of it is loaded and nothing is done.
 *
 * Everything is made from the calls' events: the call path knows nothing of OpenTelemetry.
 */
import type { EventHub } from './events.ts';
import { within } from './patience.ts';
import type { MetricSource, Reading } from './telemetry-metrics.ts';
import { tracingSettings, type Environment } from './telemetry-settings.ts';
import type { ModelNames } from './telemetry-spans.ts';

/** What is traced. */
export type Watched = {
  readonly events: EventHub;
  readonly models: ModelNames;
  /** What `/metrics` shows; sent by OTLP too where that is asked for. */
  readonly readMetrics: (() => Promise<readonly Reading[]>) | undefined;
};

export type Telemetry = {
  readonly active: boolean;
  /** Traces the calls that publish their events there, until `shutdown`. */
  watch(watched: Watched): void;
  /** Sends what is left; resolves after `timeoutMs` at the latest. Never rejects. */
  shutdown(timeoutMs: number): Promise<void>;
};

const OFF: Telemetry = { active: false, watch: () => undefined, shutdown: async () => undefined };

let loading: Promise<Telemetry> | undefined;

/**
 * Starts tracing for this process; a second call gives the first one's. `env`: usually `process.env`.
 * Call it before the application is imported, or its HTTP and Redis spans are missing.
 */
export function loadTelemetry(env: Environment): Promise<Telemetry> {
  loading ??= load(env);
  return loading;
}

async function load(env: Environment): Promise<Telemetry> {
  const settings = tracingSettings(env);
  if (!settings) return OFF;
  const [{ startSdk }, { traceCalls }, { CallIdGenerator }] = await Promise.all([
    import('./telemetry-sdk.ts'),
    import('./telemetry-trace.ts'),
    import('./telemetry-ids.ts'),
  ]);
  const ids = new CallIdGenerator();
  const source: MetricSource = { read: undefined };
  const sdk = startSdk(settings, ids, source);
  const stops: (() => void)[] = [];
  return {
    active: true,
    watch: ({ events, models, readMetrics }) => {
      source.read = readMetrics;
      stops.push(traceCalls(events, ids, models));
    },
    shutdown: async (timeoutMs) => {
      for (const stop of stops.splice(0)) stop();
      await within(
        timeoutMs,
        sdk.shutdown().catch(() => undefined),
      );
    },
  };
}
