import { SpanStatusCode, trace, type Attributes } from '@opentelemetry/api';
import {
  TracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeRequest } from '../../emulators/otlp/decode.ts';
import { CallOperations, type Operation } from '../../src/call-operations.ts';
import type { CallEvent } from '../../src/events.ts';
import { resolveSecretFiles, SECRET_VARIABLES } from '../../src/secret-files.ts';
import { VARIABLES } from '../../src/config.ts';
import { guardExporter } from '../../src/telemetry-guard.ts';
import { CallIdGenerator, traceIdOf } from '../../src/telemetry-ids.ts';
import { ATTRIBUTES, mayLeave, OURS, safeSpanName } from '../../src/telemetry-names.ts';
import { tracingSettings } from '../../src/telemetry-settings.ts';

/** Feeds events, one millisecond apart unless told otherwise; returns what they completed. */
function operationsOf(...events: (CallEvent & { at?: number })[]): Operation[] {
  const operations = new CallOperations('CA1');
  return events.flatMap(({ at, ...event }, index) =>
    operations.take({ ...event, callSid: 'CA1', atMs: at ?? index }),
  );
}

const WORK = { count: 0, p50: 0, p95: 0, p99: 0, max: 0 };
const USAGE = { inputTokens: 5, cachedTokens: 900, cacheWriteTokens: 0, outputTokens: 20 };
const ended = (at: number) =>
  ({ what: 'call-ended', reason: 'goodbye', durationMs: at, work: WORK, at }) as const;
const asked = (utterance: number, draft: boolean, at: number) =>
  ({ what: 'reply-asked', turnId: 't1', utterance, draft, vendor: 'claude', at }) as const;

describe('what took how long', () => {
  test('a reply: first token, end, tokens, turn', () => {
    const done = operationsOf(
      asked(2, false, 100),
      { what: 'reply-first-token', utterance: 2, vendor: 'claude', at: 160 },
      { what: 'reply-done', utterance: 2, vendor: 'claude', ...USAGE, at: 500 },
    );
    expect(done).toMatchObject([
      { kind: 'llm', turnId: 't1', startMs: 100, firstMs: 160, endMs: 500, outcome: 'done' },
    ]);
    expect(done[0]).toMatchObject({ usage: USAGE, draft: false, vendor: 'claude' });
  });

  test('a model that fails and is asked again is two requests', () => {
    const done = operationsOf(
      asked(2, false, 0),
      { what: 'vendor-failed', vendor: 'claude', failure: 'overloaded', utterance: 2, at: 50 },
      asked(2, false, 51),
      { what: 'reply-cancelled', utterance: 2, at: 90 },
      { what: 'reply-cancelled', utterance: 2, at: 95 },
    );
    expect(done).toMatchObject([
      { outcome: 'failed', failure: 'overloaded', startMs: 0, endMs: 50 },
      { outcome: 'cancelled', failure: undefined, startMs: 51, endMs: 90 },
    ]);
    expect(done).toHaveLength(2);
  });

  test('time to first audio runs from the last final, once per turn, and fillers do not count', () => {
    const heard = (state: 'started' | 'final', sttTurn: number, at: number) =>
      ({ what: 'heard', state, sttTurn, text: 'x', at }) as const;
    const sound = (utterance: number, line: string | undefined, at: number) =>
      ({ what: 'first-audio', utterance, turnId: 't1', line, at }) as const;
    const done = operationsOf(
      heard('started', 0, 0),
      { what: 'turn-opened', turnId: 't1', at: 0 },
      heard('final', 0, 1_000),
      heard('started', 1, 1_200),
      heard('final', 1, 2_000),
      sound(3, 'filler', 2_900),
      sound(2, undefined, 3_500),
      sound(4, undefined, 5_000),
    );
    const waits = done.filter(({ kind }) => kind === 'first-audio');
    expect(waits).toMatchObject([{ startMs: 2_000, endMs: 3_500, turnId: 't1', utterance: 2 }]);
  });

  test('a turn without a final has no time to first audio', () => {
    const done = operationsOf(
      { what: 'turn-opened', turnId: 't1' },
      { what: 'first-audio', utterance: 2, turnId: 't1', line: undefined },
    );
    expect(done).toEqual([]);
  });

  test('hearing belongs to the turn it was written down for; a murmur is told apart', () => {
    const done = operationsOf(
      { what: 'heard', state: 'started', sttTurn: 0, text: '', at: 0 },
      { what: 'stt-answered', vendor: 'deepgram-flux', state: 'eager-end', sttTurn: 0, lagMs: 60 },
      { what: 'stt-answered', vendor: 'deepgram-flux', state: 'final', sttTurn: 0, lagMs: 80 },
      { what: 'heard', state: 'final', sttTurn: 0, text: 'x', at: 700 },
      { what: 'caller-said', turnId: 't3', revision: 1, text: 'x', backchannel: true, at: 701 },
    );
    expect(done).toMatchObject([
      { kind: 'stt', turnId: 't3', startMs: 0, endMs: 700, lagMs: 80, eagerEnds: 1 },
    ]);
    expect(done[0]).toMatchObject({ backchannel: true, vendor: 'deepgram-flux' });
  });

  test('what is open when the call ends ends with it', () => {
    const done = operationsOf(
      asked(2, true, 0),
      { what: 'voice-asked', utterance: 1, vendor: 'elevenlabs-socket', at: 1 },
      { what: 'tool-started', callId: 'toolu_1', tool: 'local_time', at: 2 },
      { what: 'heard', state: 'started', sttTurn: 0, text: '', at: 3 },
      ended(50),
    );
    expect(done.map(({ kind, endMs }) => [kind, endMs])).toEqual([
      ['stt', 50],
      ['llm', 50],
      ['tool', 50],
      ['tts', 50],
    ]);
  });

  test('a wasted draft that was finished says what it cost', () => {
    const done = operationsOf(
      asked(2, true, 0),
      { what: 'reply-done', utterance: 2, vendor: 'claude', ...USAGE, at: 5 },
      { what: 'draft-wasted', turnId: 't1', utterance: 2, at: 9 },
      asked(3, true, 10),
      { what: 'draft-promoted', turnId: 't1', utterance: 3, at: 11 },
    );
    expect(done.filter(({ kind }) => kind === 'draft')).toMatchObject([
      { fate: 'wasted', usage: USAGE },
      { fate: 'promoted', usage: undefined },
    ]);
  });

  test('never grows: ten thousand things begun and none ended', () => {
    const operations = new CallOperations('CA1');
    for (let n = 0; n < 10_000; n += 1) {
      operations.take({ ...asked(n, true, n), callSid: 'CA1', atMs: n });
      const voice = { what: 'voice-asked', utterance: n, vendor: 'clips' } as const;
      operations.take({ ...voice, callSid: 'CA1', atMs: n });
    }
    const done = operations.take({ ...ended(10_000), callSid: 'CA1', atMs: 10_000 });
    expect(done.length).toBeLessThanOrEqual(130);
  });
});

/** A span, as it would leave the process. */
function exported(name: string, attributes: Attributes) {
  const exporter = new InMemorySpanExporter();
  const guarded = guardExporter(exporter);
  const processor = new SimpleSpanProcessor({ exporter: guarded });
  const provider = new TracerProvider({ spanProcessors: [processor] });
  const span = provider.getTracer('a library').startSpan(name, { attributes });
  span.addEvent('exception', { 'exception.message': 'Margaret said no', ...attributes });
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'GET /people/Margaret failed' });
  span.addLink({ context: span.spanContext(), attributes });
  span.end();
  const [left] = exporter.getFinishedSpans();
  if (!left) throw new Error('no span was exported');
  return left;
}

describe('the last gate', () => {
  test('what is known and looks right passes', () => {
    const good = {
      [OURS.callSid]: 'CA0123456789abcdef0123456789abcdef',
      [OURS.vendor]: 'elevenlabs-socket',
      [OURS.firstByteMs]: 181.25,
      [OURS.draft]: true,
      'gen_ai.request.model': 'claude-haiku-4-5-20251001',
      'http.route': '/api/v1/seniors/:id',
    };
    const span = exported('chat claude-haiku-5-5', good);
    expect(span.name).toBe('chat claude-haiku-5-5');
    expect(span.attributes).toEqual(good);
    expect(span.events[0]?.attributes).toEqual(good);
  });

  test('whatever a library adds does not', () => {
    const span = exported('GET https://x/people?name=Margaret', {
      'url.full': 'wss://api.deepgram.com/v2/listen?keyterm=Margaret',
      'db.query.text': 'SET person Margaret',
      'http.request.header.authorization': 'Bearer abc',
      'gen_ai.input.messages': '[{"role":"user","content":"I fell"}]',
      [OURS.callSid]: '15555550142',
      [OURS.vendor]: 'said that she fell',
      [OURS.firstByteMs]: 15_555_550_142,
    });
    expect(span.name).toBe('unnamed');
    expect(span.attributes).toEqual({});
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span.events[0]?.attributes).toEqual({});
    expect(span.links[0]).not.toHaveProperty('attributes');
  });

  test('no value that holds a telephone number or a sentence passes under any name', () => {
    const phone = fc.stringMatching(/^\+?1?[2-9][0-9]{9}$/);
    const sentence = fc.constantFrom('I fell in the kitchen', 'Margaret Hill', 'mañana', 'a,b');
    const value = fc.oneof(
      phone,
      phone.map(Number),
      sentence,
      fc.tuple(phone, sentence).map(String),
    );
    const name = fc.oneof(fc.constantFrom(...ATTRIBUTES.keys()), fc.string());
    fc.assert(
      fc.property(name, value, (key, bad) => {
        expect(mayLeave(key, bad)).toBe(false);
      }),
      { numRuns: 2_000 },
    );
    expect(safeSpanName('call 15555550142')).toBe('unnamed');
  });

  test('no name of a span, attribute or event could carry content', () => {
    for (const name of ATTRIBUTES.keys()) {
      expect(name).not.toMatch(/messages|content|prompt|text|query|url\.full|phone|address/);
    }
  });
});

describe('where to', () => {
  test('nothing configured, or switched off: nothing', () => {
    expect(tracingSettings({})).toBeUndefined();
    expect(tracingSettings({ HONEYCOMB_API_KEY: ' ' })).toBeUndefined();
    expect(tracingSettings({ OTEL_SERVICE_NAME: 'x' })).toBeUndefined();
    const key = { HONEYCOMB_API_KEY: 'k' };
    expect(tracingSettings({ ...key, OTEL_SDK_DISABLED: 'true' })).toBeUndefined();
    expect(tracingSettings({ ...key, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined();
  });

  test('a key alone leads to Honeycomb; an endpoint of one’s own has the last word', () => {
    expect(tracingSettings({ HONEYCOMB_API_KEY: 'k' })).toEqual({
      endpoint: 'https://api.honeycomb.io',
      headers: { 'x-honeycomb-team': 'k' },
      protocol: 'http/protobuf',
      serviceName: 'hearthline',
      metrics: false,
      metricsEveryMs: 60_000,
    });
    const eu = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://api.eu1.honeycomb.io' };
    expect(tracingSettings({ HONEYCOMB_API_KEY: 'k', ...eu })).toMatchObject({
      endpoint: undefined,
      headers: { 'x-honeycomb-team': 'k' },
    });
    expect(tracingSettings({ ...eu, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' })).toMatchObject({
      headers: {},
      protocol: 'http/json',
    });
  });
});

describe('trace ids', () => {
  test('a call’s id is told from its CallSid, in every process the same', () => {
    expect(traceIdOf('CA1')).toMatch(/^[0-9a-f]{32}$/);
    expect(traceIdOf('CA1')).toBe(traceIdOf('CA1'));
    expect(traceIdOf('CA1')).not.toBe(traceIdOf('CA2'));
  });

  test('only the call’s own root gets it', () => {
    const ids = new CallIdGenerator();
    expect(ids.forCall('CA1', () => ids.generateTraceId())).toBe(traceIdOf('CA1'));
    expect(ids.generateTraceId()).not.toBe(traceIdOf('CA1'));
    expect(() =>
      ids.forCall('CA1', () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(ids.generateTraceId()).not.toBe(traceIdOf('CA1'));
    expect(trace.getActiveSpan()).toBeUndefined();
  });
});

describe('secrets from files', () => {
  const read = (files: Record<string, string>) => (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error('ENOENT');
    return Buffer.from(text);
  };

  test('a file stands in for its variable, without the newline at its end', () => {
    const env = { DEEPGRAM_API_KEY_FILE: '/run/dg', PORT: '1' };
    expect(resolveSecretFiles(env, read({ '/run/dg': 'abc\n' }))).toMatchObject({
      DEEPGRAM_API_KEY: 'abc',
      PORT: '1',
    });
  });

  test('every file that cannot be used is named at once, without its path or content', () => {
    const env = {
      DEEPGRAM_API_KEY_FILE: '/gone',
      ANTHROPIC_API_KEY_FILE: '/empty',
      TWILIO_AUTH_TOKEN_FILE: '/long',
      ENCRYPTION_KEY: 'x',
      ENCRYPTION_KEY_FILE: '/good',
    };
    const files = { '/empty': ' \n', '/long': 'x'.repeat(20_000), '/good': 'hush' };
    let message = '';
    try {
      resolveSecretFiles(env, read(files));
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain('4 problem(s)');
    expect(message).toContain('DEEPGRAM_API_KEY_FILE names a file that cannot be read');
    expect(message).toContain('ANTHROPIC_API_KEY_FILE names an empty file');
    expect(message).toContain('TWILIO_AUTH_TOKEN_FILE names a file that is too long');
    expect(message).toContain('ENCRYPTION_KEY and ENCRYPTION_KEY_FILE are both set');
    expect(message).not.toMatch(/\/gone|hush|xxxx/);
  });

  test('every one of them is a variable that the server reads', () => {
    expect(SECRET_VARIABLES.filter((name) => !VARIABLES.includes(name))).toEqual([]);
  });
});

describe('the receiver used in tests', () => {
  test('any bytes are decoded or refused, never more', () => {
    const signal = fc.constantFrom('traces' as const, 'metrics' as const, 'logs' as const);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), signal, (bytes, kind) => {
        try {
          expect(typeof decodeRequest(Buffer.from(bytes), kind, 'protobuf')).toBe('object');
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 10_000 },
    );
  });
});
