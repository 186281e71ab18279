/** The fields of OTLP's messages (opentelemetry-proto 1.x), by number: those that senders use. */
import type { Field, Schema } from './protobuf.ts';

const text = (name: string): Field => ({ name, type: 'string' });
const hex = (name: string): Field => ({ name, type: 'hex' });
const count = (name: string): Field => ({ name, type: 'uint32' });
const time = (name: string): Field => ({ name, type: 'fixed64' });
const one = (name: string, of: string): Field => ({ name, type: 'message', of });
const many = (name: string, of: string): Field => ({ name, type: 'message', of, repeated: true });

export const OTLP_SCHEMA: Schema = {
  TracesRequest: { 1: many('resourceSpans', 'ResourceSpans') },
  ResourceSpans: { 1: one('resource', 'Resource'), 2: many('scopeSpans', 'ScopeSpans') },
  ScopeSpans: { 1: one('scope', 'Scope'), 2: many('spans', 'Span') },
  Resource: { 1: many('attributes', 'KeyValue') },
  Scope: { 1: text('name'), 2: text('version') },
  KeyValue: { 1: text('key'), 2: one('value', 'AnyValue') },
  AnyValue: {
    1: text('stringValue'),
    2: { name: 'boolValue', type: 'bool' },
    3: { name: 'intValue', type: 'int64' },
    4: { name: 'doubleValue', type: 'double' },
    5: one('arrayValue', 'ArrayValue'),
    7: hex('bytesValue'),
  },
  ArrayValue: { 1: many('values', 'AnyValue') },
  Span: {
    1: hex('traceId'),
    2: hex('spanId'),
    3: text('traceState'),
    4: hex('parentSpanId'),
    5: text('name'),
    6: count('kind'),
    7: time('startTimeUnixNano'),
    8: time('endTimeUnixNano'),
    9: many('attributes', 'KeyValue'),
    11: many('events', 'SpanEvent'),
    13: many('links', 'SpanLink'),
    15: one('status', 'SpanStatus'),
  },
  SpanEvent: { 1: time('timeUnixNano'), 2: text('name'), 3: many('attributes', 'KeyValue') },
  SpanLink: { 1: hex('traceId'), 2: hex('spanId'), 4: many('attributes', 'KeyValue') },
  SpanStatus: { 2: text('message'), 3: count('code') },

  MetricsRequest: { 1: many('resourceMetrics', 'ResourceMetrics') },
  ResourceMetrics: { 1: one('resource', 'Resource'), 2: many('scopeMetrics', 'ScopeMetrics') },
  ScopeMetrics: { 1: one('scope', 'Scope'), 2: many('metrics', 'Metric') },
  Metric: {
    1: text('name'),
    2: text('description'),
    3: text('unit'),
    5: one('gauge', 'Points'),
    7: one('sum', 'Points'),
    9: one('histogram', 'Histogram'),
  },
  Points: { 1: many('dataPoints', 'NumberPoint') },
  NumberPoint: {
    7: many('attributes', 'KeyValue'),
    3: time('timeUnixNano'),
    4: { name: 'asDouble', type: 'double' },
    6: { name: 'asInt', type: 'sfixed64' },
  },
  Histogram: { 1: many('dataPoints', 'HistogramPoint') },
  HistogramPoint: {
    9: many('attributes', 'KeyValue'),
    4: time('count'),
    5: { name: 'sum', type: 'double' },
    6: { name: 'bucketCounts', type: 'fixed64', repeated: true },
    7: { name: 'explicitBounds', type: 'double', repeated: true },
  },

  LogsRequest: { 1: many('resourceLogs', 'ResourceLogs') },
  ResourceLogs: { 1: one('resource', 'Resource'), 2: many('scopeLogs', 'ScopeLogs') },
  ScopeLogs: { 2: many('logRecords', 'LogRecord') },
  LogRecord: {
    3: text('severityText'),
    5: one('body', 'AnyValue'),
    6: many('attributes', 'KeyValue'),
    9: hex('traceId'),
    10: hex('spanId'),
  },
};
