/**
 * The last gate before spans leave the process. It lets through what telemetry-names.ts knows and
 * nothing else, whoever made the span: our own code, a library's instrumentation, or a vendor's SDK.
 */
import type { Attributes } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { mayLeave, safeSpanName } from './telemetry-names.ts';

/** An exporter that hands on spans without anything that could be personal. */
export function guardExporter(exporter: SpanExporter): SpanExporter {
  return {
    export: (spans, done) => exporter.export(spans.map(safeSpan), done),
    shutdown: async () => await exporter.shutdown(),
    forceFlush: async () => await exporter.forceFlush?.(),
  };
}

export function safeSpan(span: ReadableSpan): ReadableSpan {
  const { code } = span.status;
  const replaced = {
    name: safeSpanName(span.name),
    attributes: safeAttributes(span.attributes),
    // What a library writes there is an error's text.
    status: { code },
    links: span.links.map(({ context }) => ({ context })),
    events: span.events.map(({ name, time, attributes }) => ({
      name: safeSpanName(name),
      time,
      attributes: safeAttributes(attributes ?? {}),
    })),
  };
  const { kind, startTime, endTime, duration, ended, resource, instrumentationScope } = span;
  const { droppedAttributesCount, droppedEventsCount, droppedLinksCount } = span;
  return {
    ...{ kind, startTime, endTime, duration, ended, resource, instrumentationScope },
    ...{ droppedAttributesCount, droppedEventsCount, droppedLinksCount },
    ...(span.parentSpanContext && { parentSpanContext: span.parentSpanContext }),
    spanContext: () => span.spanContext(),
    ...replaced,
  };
}

function safeAttributes(attributes: Attributes): Attributes {
  const safe: Attributes = {};
  for (const name in attributes) {
    const value = attributes[name];
    if (value !== undefined && mayLeave(name, value)) safe[name] = value;
  }
  return safe;
}
