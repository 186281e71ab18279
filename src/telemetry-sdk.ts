/**
 * OpenTelemetry's SDK, started. Loaded only when tracing is configured: it costs a third of a second
 * and tens of megabytes.
 *
 * Ready-made instrumentation is for incoming HTTP and for Redis. Requests to vendors are not
 * instrumented: their URLs hold what callers are called, and our own spans tell more about them.
 */
import { register } from 'node:module';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { ExpressInstrumentation, ExpressLayerType } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { IORedisInstrumentation } from '@opentelemetry/instrumentation-ioredis';
import { envDetector, serviceInstanceIdDetector } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { guardExporter } from './telemetry-guard.ts';
import type { CallIdGenerator } from './telemetry-ids.ts';
import { metricReader, type MetricSource } from './telemetry-metrics.ts';
import type { TracingSettings } from './telemetry-settings.ts';

/** Wrapping every module there is would double the time to start. */
const INSTRUMENTED = ['http', 'node:http', 'express', 'ioredis'];

/** Not worth a span each: they come every few seconds and do nothing. */
const UNTRACED = /^\/(health|metrics|dev)(\/|\?|$)/;

export type Sdk = {
  /** Sends what is left. Bounded by the exporter's own time limit. */
  shutdown(): Promise<void>;
};

/** Must run before the instrumented packages (express, ioredis) are first imported. */
export function startSdk(
  settings: TracingSettings,
  idGenerator: CallIdGenerator,
  source: MetricSource,
): Sdk {
  register('@opentelemetry/instrumentation/hook.mjs', import.meta.url, {
    data: { include: INSTRUMENTED },
  });
  const sdk = new NodeSDK({
    serviceName: settings.serviceName,
    resourceDetectors: [envDetector, serviceInstanceIdDetector],
    traceExporter: guardExporter(traceExporter(settings)),
    idGenerator,
    metricReaders: settings.metrics ? [metricReader(settings, source)] : [],
    logRecordProcessors: [],
    instrumentations: [
      new HttpInstrumentation({
        disableOutgoingRequestInstrumentation: true,
        ignoreIncomingRequestHook: (request) => UNTRACED.test(request.url ?? ''),
      }),
      new ExpressInstrumentation({
        // It names the request's route; its own spans would say nothing new.
        ignoreLayersType: Object.values(ExpressLayerType),
      }),
      new IORedisInstrumentation({ dbStatementSerializer: (command) => command }),
    ],
  });
  sdk.start();
  return { shutdown: async () => await sdk.shutdown() };
}

function traceExporter({ endpoint, headers, protocol }: TracingSettings) {
  const Exporter = protocol === 'http/json' ? JsonExporter : ProtobufExporter;
  return new Exporter({
    headers: { ...headers },
    ...(endpoint !== undefined && { url: `${endpoint}/v1/traces` }),
  });
}
