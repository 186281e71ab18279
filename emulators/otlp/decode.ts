/** OTLP's two encodings, protobuf and JSON, into one form. */
import { decodeMessage, type Message } from './protobuf.ts';
import { OTLP_SCHEMA } from './schema.ts';
import type { AttributeMap, AttributeValue, ReceivedMetric, ReceivedSpan } from './types.ts';

export type Signal = 'traces' | 'metrics' | 'logs';
export type Encoding = 'protobuf' | 'json';

const REQUESTS = {
  traces: 'TracesRequest',
  metrics: 'MetricsRequest',
  logs: 'LogsRequest',
} as const;

/** The export request as its protobuf definition names it. Throws Error for a body that is none. */
export function decodeRequest(body: Buffer, signal: Signal, encoding: Encoding): Message {
  if (encoding === 'protobuf') return decodeMessage(body, OTLP_SCHEMA, REQUESTS[signal]);
  const parsed: unknown = JSON.parse(body.toString('utf8'));
  if (typeof parsed !== 'object' || parsed === null) throw new Error('no object');
  return parsed as Message;
}

export function spansOf(request: Message): ReceivedSpan[] {
  return list(request, 'resourceSpans').flatMap((group) => {
    const resource = attributesOf(child(group, 'resource'));
    return list(group, 'scopeSpans').flatMap((scoped) => {
      const scope = text(child(scoped, 'scope'), 'name');
      return list(scoped, 'spans').map((span) => spanOf(span, scope, resource));
    });
  });
}

function spanOf(span: Message, scope: string, resource: AttributeMap): ReceivedSpan {
  const status = child(span, 'status');
  return {
    traceId: text(span, 'traceId'),
    spanId: text(span, 'spanId'),
    parentSpanId: text(span, 'parentSpanId'),
    name: text(span, 'name'),
    kind: number(span, 'kind'),
    startMs: milliseconds(span, 'startTimeUnixNano'),
    endMs: milliseconds(span, 'endTimeUnixNano'),
    attributes: attributesOf(span),
    events: list(span, 'events').map((event) => ({
      name: text(event, 'name'),
      timeMs: milliseconds(event, 'timeUnixNano'),
      attributes: attributesOf(event),
    })),
    links: list(span, 'links').map((link) => ({
      traceId: text(link, 'traceId'),
      spanId: text(link, 'spanId'),
    })),
    statusCode: number(status, 'code'),
    statusMessage: text(status, 'message'),
    scope,
    resource,
  };
}

export function metricsOf(request: Message): ReceivedMetric[] {
  return list(request, 'resourceMetrics')
    .flatMap((group) => list(group, 'scopeMetrics'))
    .flatMap((scoped) => list(scoped, 'metrics'))
    .flatMap((metric) => metricOf(metric) ?? []);
}

function metricOf(metric: Message): ReceivedMetric | undefined {
  const base = { name: text(metric, 'name'), unit: text(metric, 'unit') };
  for (const kind of ['gauge', 'sum'] as const) {
    if (!(kind in metric)) continue;
    const points = list(child(metric, kind), 'dataPoints').map((point) => ({
      attributes: attributesOf(point),
      value: 'asInt' in point ? number(point, 'asInt') : number(point, 'asDouble'),
    }));
    return { ...base, kind, points };
  }
  if (!('histogram' in metric)) return undefined;
  const points = list(child(metric, 'histogram'), 'dataPoints').map((point) => ({
    attributes: attributesOf(point),
    value: number(point, 'sum'),
    count: number(point, 'count'),
    bounds: numbers(point, 'explicitBounds'),
    bucketCounts: numbers(point, 'bucketCounts'),
  }));
  return { ...base, kind: 'histogram', points };
}

export function logRecordsOf(request: Message): Message[] {
  return list(request, 'resourceLogs')
    .flatMap((group) => list(group, 'scopeLogs'))
    .flatMap((scoped) => list(scoped, 'logRecords'));
}

function attributesOf(message: Message): AttributeMap {
  return Object.fromEntries(
    list(message, 'attributes').map((pair) => [text(pair, 'key'), valueOf(child(pair, 'value'))]),
  );
}

function valueOf(value: Message): AttributeValue {
  if ('stringValue' in value) return text(value, 'stringValue');
  if ('boolValue' in value) return value['boolValue'] === true;
  if ('intValue' in value) return number(value, 'intValue');
  if ('doubleValue' in value) return number(value, 'doubleValue');
  if ('arrayValue' in value) return list(child(value, 'arrayValue'), 'values').map(valueOf);
  return '';
}

function list(message: Message, name: string): Message[] {
  const value = message[name];
  return Array.isArray(value) ? (value as Message[]) : [];
}

function child(message: Message, name: string): Message {
  const value = message[name];
  return typeof value === 'object' && value !== null ? (value as Message) : {};
}

function text(message: Message, name: string): string {
  const value = message[name];
  return typeof value === 'string' ? value : '';
}

function number(message: Message, name: string): number {
  return Number(message[name] ?? 0);
}

function numbers(message: Message, name: string): number[] {
  const value = message[name];
  return Array.isArray(value) ? value.map(Number) : [];
}

/** Nanoseconds since 1970 do not fit a number; milliseconds with six digits behind the point do. */
function milliseconds(message: Message, name: string): number {
  const nanos = BigInt(String(message[name] ?? 0));
  return Number(nanos / 1_000_000n) + Number(nanos % 1_000_000n) / 1e6;
}
