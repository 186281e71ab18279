/** Whether calls are traced, and to where: from the standard `OTEL_*` variables or Honeycomb's key. */

export type Environment = Readonly<Record<string, string | undefined>>;

export type TracingSettings = {
  /** Undefined: OpenTelemetry reads the standard variables itself. Else the address of `/v1/…`. */
  readonly endpoint: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly serviceName: string;
  /** Metrics are sent as well, by OTLP. `/metrics` is there whatever this says. */
  readonly metrics: boolean;
  /** Between two sendings of metrics. */
  readonly metricsEveryMs: number;
};

const HONEYCOMB = 'https://api.honeycomb.io';
/** The standard's own default. */
const METRICS_EVERY_MS = 60_000;
/** What says that spans are to go somewhere. */
const DESTINATIONS = [
  'HONEYCOMB_API_KEY',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
];

/**
 * Undefined where nothing is configured, or it is switched off by OTEL_SDK_DISABLED=true or
 * OTEL_TRACES_EXPORTER=none: then nothing of OpenTelemetry is loaded. Only HTTP is spoken; any other
 * OTEL_EXPORTER_OTLP_PROTOCOL than `http/json` means `http/protobuf`.
 */
export function tracingSettings(env: Environment): TracingSettings | undefined {
  const given = (name: string): string | undefined => {
    const value = env[name]?.trim();
    return value === '' ? undefined : value;
  };
  const wanted =
    DESTINATIONS.some((name) => given(name) !== undefined) ||
    given('OTEL_TRACES_EXPORTER') === 'otlp';
  const off = given('OTEL_SDK_DISABLED')?.toLowerCase() === 'true';
  if (!wanted || off || given('OTEL_TRACES_EXPORTER') === 'none') return undefined;
  const key = given('HONEYCOMB_API_KEY');
  const protocol =
    given('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? given('OTEL_EXPORTER_OTLP_PROTOCOL');
  const elsewhere = DESTINATIONS.slice(1).some((name) => given(name) !== undefined);
  return {
    endpoint: key !== undefined && !elsewhere ? HONEYCOMB : undefined,
    headers: key === undefined ? {} : { 'x-honeycomb-team': key },
    protocol: protocol === 'http/json' ? 'http/json' : 'http/protobuf',
    serviceName: given('OTEL_SERVICE_NAME') ?? 'hearthline',
    metrics: given('OTEL_METRICS_EXPORTER') === 'otlp',
    metricsEveryMs: intervalMs(given('OTEL_METRIC_EXPORT_INTERVAL')),
  };
}

function intervalMs(value: string | undefined): number {
  const ms = Number(value);
  return Number.isFinite(ms) && ms >= 1_000 ? ms : METRICS_EVERY_MS;
}
