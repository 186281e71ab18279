/** The same figures that `/metrics` shows, sent by OTLP where OTEL_METRICS_EXPORTER=otlp asks for it. */
import { ValueType, type Attributes, type HrTime } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  DataPointType,
  PeriodicExportingMetricReader,
  type DataPoint,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { TracingSettings } from './telemetry-settings.ts';

/** What prom-client's `getMetricsAsJSON` gives, as far as it is used here. */
export type Reading = {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Partial<Record<string, string | number>>>;
    readonly metricName?: string;
  }[];
};

/** Where readings come from; the application brings it when it is there. */
export type MetricSource = { read: (() => Promise<readonly Reading[]>) | undefined };

export function metricReader(settings: TracingSettings, source: MetricSource) {
  const { endpoint, headers } = settings;
  const exporter = new OTLPMetricExporter({
    headers: { ...headers },
    ...(endpoint !== undefined && { url: `${endpoint}/v1/metrics` }),
  });
  const exportIntervalMillis = settings.metricsEveryMs;
  const exportTimeoutMillis = Math.min(10_000, exportIntervalMillis);
  const metricProducers = [producerOf(source)];
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis,
    exportTimeoutMillis,
    metricProducers,
  });
}

function producerOf(source: MetricSource): MetricProducer {
  const startTime = millisToHrTime(Date.now());
  return {
    collect: async () => {
      const readings = (await source.read?.()) ?? [];
      const endTime = millisToHrTime(Date.now());
      const metrics = readings.flatMap((reading) => metricOf(reading, startTime, endTime) ?? []);
      return {
        resourceMetrics: {
          resource: emptyResource(),
          scopeMetrics: [{ scope: { name: 'hearthline' }, metrics }],
        },
        errors: [],
      };
    },
  };
}

/** Undefined for a kind of metric that has no counterpart (summaries). */
function metricOf(reading: Reading, startTime: HrTime, endTime: HrTime): MetricData | undefined {
  const descriptor = {
    name: reading.name,
    description: reading.help,
    unit: reading.name.endsWith('_seconds') ? 's' : '',
    valueType: ValueType.DOUBLE,
  };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  const base = { descriptor, aggregationTemporality };
  const times = { startTime, endTime };
  const points = (): DataPoint<number>[] =>
    reading.values.map(({ value, labels }) => ({ ...times, value, attributes: present(labels) }));
  switch (reading.type) {
    case 'counter':
      return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points() };
    case 'gauge':
      return { ...base, dataPointType: DataPointType.GAUGE, dataPoints: points() };
    case 'histogram': {
      const dataPoints = histogramsOf(reading).map((point) => ({ ...times, ...point }));
      return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
    }
    default:
      return undefined;
  }
}

type HistogramPoint = { readonly attributes: Attributes; readonly value: Histogram };

/** Prometheus counts each bucket with all below it; OTLP counts it alone. */
function histogramsOf(reading: Reading): HistogramPoint[] {
  const series = new Map<string, HistogramPoint & { below: number }>();
  for (const { value, labels, metricName } of reading.values) {
    const { le, ...rest } = labels;
    const key = JSON.stringify(rest);
    const known = series.get(key) ?? {
      attributes: present(rest),
      value: { buckets: { boundaries: [], counts: [] }, sum: 0, count: 0 },
      below: 0,
    };
    series.set(key, known);
    if (metricName?.endsWith('_sum') === true) known.value.sum = value;
    else if (metricName?.endsWith('_count') === true) known.value.count = value;
    else {
      if (le !== '+Inf') known.value.buckets.boundaries.push(Number(le));
      known.value.buckets.counts.push(value - known.below);
      known.below = value;
    }
  }
  return [...series.values()].map(({ attributes, value }) => ({ attributes, value }));
}

function present(labels: Readonly<Partial<Record<string, string | number>>>): Attributes {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(labels)) {
    if (value !== undefined) attributes[name] = value;
  }
  return attributes;
}
