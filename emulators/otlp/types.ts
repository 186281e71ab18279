/** What a receiver of OTLP has been sent, decoded. */

export type AttributeValue = string | number | boolean | readonly AttributeValue[];
export type AttributeMap = Readonly<Record<string, AttributeValue>>;

export type ReceivedEvent = {
  readonly name: string;
  readonly timeMs: number;
  readonly attributes: AttributeMap;
};

export type ReceivedSpan = {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** Unix time in milliseconds, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: AttributeMap;
  readonly events: readonly ReceivedEvent[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 0 unset, 1 ok, 2 error. */
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly scope: string;
  readonly resource: AttributeMap;
};

export type ReceivedPoint = {
  readonly attributes: AttributeMap;
  /** The value of a counter or gauge; the sum of a histogram. */
  readonly value: number;
  /** Of a histogram: how many values, and the buckets. */
  readonly count?: number;
  readonly bounds?: readonly number[];
  readonly bucketCounts?: readonly number[];
};

export type ReceivedMetric = {
  readonly name: string;
  readonly unit: string;
  readonly kind: 'gauge' | 'sum' | 'histogram';
  readonly points: readonly ReceivedPoint[];
};

export type OtlpEvent =
  | {
      what: 'request';
      signal: 'traces' | 'metrics' | 'logs';
      encoding: 'protobuf' | 'json';
      bytes: number;
      /** Header names in lower case. */
      headers: Readonly<Record<string, string>>;
    }
  | { what: 'span'; span: ReceivedSpan }
  | { what: 'metric'; metric: ReceivedMetric }
  | { what: 'log-record'; record: unknown }
  | { what: 'refused'; status: number; reason: string };
