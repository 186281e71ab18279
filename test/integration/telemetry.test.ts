/** The real server as a process, traced to a receiver that decodes what arrives. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer, type ServerProcess } from '../../demo/server-process.ts';
import { startOtlpEmulator, type OtlpEmulator } from '../../emulators/otlp/server.ts';
import type { ReceivedSpan } from '../../emulators/otlp/types.ts';
import { buildUtterance, type Utterance } from '../../emulators/speech/utterance.ts';
import { traceIdOf } from '../../src/telemetry-ids.ts';
import { ATTRIBUTES } from '../../src/telemetry-names.ts';
import {
  AUTH_TOKEN,
  MARGARET,
  OUR_NUMBER,
  startEmulators,
  type Emulators,
} from '../helpers/line-under-test.ts';
import { startRedis, type TestRedis } from '../helpers/redis-server.ts';

const SYDNEY = 'It is early in the morning there now.';
const TRACEPARENT = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
const REPLIES = [
  {
    match: /Sydney/i,
    reply: {
      blocks: [
        {
          type: 'tool_use' as const,
          name: 'local_time',
          input: { time_zone: 'Australia/Sydney' },
        },
      ],
    },
  },
  { match: /\d\s?[ap]m\b/i, reply: SYDNEY },
  {
    match: /fell/i,
    reply:
      'Oh no, that must have hurt. Are you all right now? I would like to hear just how it happened, and whether somebody has looked at it since.',
  },
];
/** What nobody who watches the machines may learn. */
const PERSONAL =
  /5555550142|5005550006|Margaret|Anna|\bhip\b|kitchen|Sydney|\bfell\b|listen to me|early in the morning|must have hurt/i;

/** Reaches a Redis that listens on a unix socket by TCP, as the configuration wants it. */
async function tcpTo(path: string): Promise<{ url: string; close(): void }> {
  const server = createServer((near) => {
    const far = connect(path);
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `redis://127.0.0.1:${port}`, close: () => void server.close() };
}

describe('a traced server', () => {
  let emulators: Emulators;
  let otlp: OtlpEmulator;
  let redis: TestRedis;
  let proxy: { url: string; close(): void };
  let server: ServerProcess | undefined;
  let dataDir: string;
  let exitCode: number | undefined;
  let logText = '';
  let page = '';
  let callSid = '';
  let spans: ReceivedSpan[] = [];
  let calls: ReceivedSpan[] = [];

  const environment = (): Record<string, string> => ({
    TWILIO_ACCOUNT_SID: emulators.twilio.accountSid,
    TWILIO_AUTH_TOKEN: AUTH_TOKEN,
    TWILIO_PHONE_NUMBER: OUR_NUMBER,
    TWILIO_BASE_URL: emulators.twilio.url,
    DEEPGRAM_API_KEY: 'emulated-key',
    DEEPGRAM_BASE_URL: emulators.deepgram.url,
    ANTHROPIC_API_KEY: 'emulated-key',
    ANTHROPIC_BASE_URL: emulators.anthropic.url,
    ELEVENLABS_API_KEY: 'emulated-key',
    ELEVENLABS_VOICE_ID: 'emulated-voice',
    ELEVENLABS_BASE_URL: emulators.elevenlabs.url,
    REDIS_URL: proxy.url,
    LOG_LEVEL: 'trace',
    OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
    OTEL_BSP_SCHEDULE_DELAY: '200',
  });

  async function holdACall(url: string, utterances: readonly Utterance[]): Promise<void> {
    const [time, fell, listen] = utterances as [Utterance, Utterance, Utterance];
    const { twilio } = emulators;
    twilio.setNumber({
      phoneNumber: OUR_NUMBER,
      voiceUrl: `${url}/voice/answer`,
      statusCallbackUrl: `${url}/voice/status`,
    });
    const leg = await twilio.placeCall({ from: MARGARET.phone, to: OUR_NUMBER });
    callSid = leg.callSid;
    await leg.waitForStream();
    await leg.waitForWords(/AI companion/, { timeoutMs: 15_000 });
    await leg.waitForSilence();
    await leg.say(time);
    await leg.waitForWords(/there now\./, { timeoutMs: 15_000 });
    await leg.waitForSilence();
    await leg.say(fell);
    await leg.waitForWords(/right now\?/, { timeoutMs: 15_000 });
    await leg.say(listen);
    await leg.waitForSilence();
    page = await (await fetch(`${url}/metrics`)).text();
    await leg.hangUp();
    await otlp.log.waitFor((e) => e.what === 'span' && e.span.name === 'call', 10_000);
  }

  beforeAll(async () => {
    [emulators, otlp, redis] = await Promise.all([
      startEmulators(REPLIES),
      startOtlpEmulator(),
      startRedis(),
    ]);
    proxy = redis.url.startsWith('redis')
      ? { url: redis.url, close: () => undefined }
      : await tcpTo(redis.url);
    dataDir = await mkdtemp(join(tmpdir(), 'hearthline-traced-'));
    const { personId, name, phone, facts, people } = MARGARET;
    await writeFile(
      join(dataDir, 'people.json'),
      JSON.stringify([{ personId, name, phone, facts, people }]),
    );
    const logFile = join(dataDir, 'log');
    server = await startServer({ dataDir, logFile, environment: environment() });
    const utterances = await Promise.all([
      buildUtterance([{ say: 'What time is it in Sydney, where Anna lives?' }]),
      buildUtterance([{ say: 'I fell in the kitchen yesterday.' }]),
      buildUtterance([{ say: 'Wait, no, listen to me.' }]),
    ]);
    await holdACall(server.url, utterances);
    await fetch(`${server.url}/voice/status`, {
      method: 'POST',
      headers: { traceparent: TRACEPARENT, 'x-request-id': 'edge-0001-abc' },
    });
    exitCode = await server.stop();
    logText = await readFile(logFile, 'utf8');
    spans = otlp.spans();
    calls = spans.filter((span) => span.traceId === traceIdOf(callSid));
  });

  afterAll(async () => {
    // Where the call went wrong, nobody has stopped it yet.
    if (exitCode === undefined) await server?.stop();
    proxy?.close();
    await Promise.all([emulators.close(), otlp.close(), redis.stop()]);
    await rm(dataDir, { recursive: true, force: true });
  });

  const named = (pattern: RegExp): ReceivedSpan[] => calls.filter(({ name }) => pattern.test(name));

  it('draws one trace per call, with one root, in which every parent is there', () => {
    const ours = spans.filter((span) => span.attributes['hearthline.call.sid'] !== undefined);
    expect(new Set(ours.map(({ traceId }) => traceId))).toEqual(new Set([traceIdOf(callSid)]));
    const roots = calls.filter(({ parentSpanId }) => parentSpanId === '');
    expect(roots.map(({ name }) => name)).toEqual(['call']);
    const byId = new Map(calls.map((span) => [span.spanId, span]));
    expect(byId.size).toBe(calls.length);
    const parentOf = (span: ReceivedSpan): string => byId.get(span.parentSpanId)?.name ?? 'none';
    expect(named(/^turn$/).map(parentOf)).toEqual(named(/^turn$/).map(() => 'call'));
    expect(named(/^webhook$/).map(parentOf)).toEqual(named(/^webhook$/).map(() => 'call'));
    for (const span of named(/^(chat|execute_tool)/)) expect(parentOf(span)).toBe('turn');
    for (const span of named(/^(stt|tts)$/)) expect(parentOf(span)).toMatch(/^(turn|call)$/);
    expect(named(/^(stt|tts)$/).filter((span) => parentOf(span) === 'turn').length).toBeGreaterThan(
      3,
    );
  });

  it('tells what was heard, thought, said and looked up, in the conventions’ words', () => {
    const chat = named(/^chat /).find(
      ({ attributes }) => attributes['hearthline.outcome'] === 'done',
    );
    expect(chat?.name).toBe('chat claude-haiku-5-5');
    expect(chat?.kind).toBe(3);
    expect(chat?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.request.model': 'claude-haiku-5-5',
      'hearthline.vendor': 'claude',
    });
    expect(chat?.attributes['gen_ai.usage.input_tokens']).toBeGreaterThan(10);
    expect(chat?.attributes['gen_ai.usage.output_tokens']).toBeGreaterThan(0);
    expect(chat?.attributes['hearthline.first_token_ms']).toBeGreaterThan(10);
    const [tool] = named(/^execute_tool/);
    expect(tool?.name).toBe('execute_tool local_time');
    expect(tool?.attributes['gen_ai.tool.name']).toBe('local_time');
    const said = named(/^tts$/).find(({ attributes }) => attributes['hearthline.turn.id']);
    expect(said?.attributes['hearthline.characters']).toBeGreaterThan(10);
    expect(said?.attributes['hearthline.first_byte_ms']).toBeGreaterThan(5);
    const heard = named(/^stt$/);
    expect(heard.length).toBeGreaterThanOrEqual(3);
    expect(heard[0]?.attributes['hearthline.vendor']).toBe('deepgram-flux');
    const turns = named(/^turn$/);
    expect(turns.length).toBeGreaterThanOrEqual(3);
    expect(turns.some((turn) => turn.attributes['hearthline.turn.interrupted'] === true)).toBe(
      true,
    );
    const [first] = turns;
    expect(first?.attributes['hearthline.turn.time_to_first_audio_ms']).toBeGreaterThan(0);
    const [call] = named(/^call$/);
    expect(call?.attributes).toMatchObject({
      'hearthline.call.direction': 'inbound',
      'hearthline.call.end_reason': 'caller-hung-up',
      'hearthline.call.barge_ins': 1,
      'hearthline.call.vendor_failures': 0,
    });
    expect(call?.attributes['hearthline.call.alerts']).toBeGreaterThan(0);
    expect(call?.attributes['hearthline.call.cost_usd']).toBeGreaterThan(0);
    expect(calls.flatMap(({ events }) => events.map(({ name }) => name))).toEqual(
      expect.arrayContaining(['barge-in', 'alert-raised', 'first-audio', 'first-token']),
    );
  });

  it('puts everything at its own time, within the call', () => {
    const [call] = named(/^call$/);
    expect(Math.abs((call?.endMs ?? 0) - Date.now())).toBeLessThan(60_000);
    for (const span of named(/^(turn|stt|tts|chat|execute_tool)/)) {
      expect(span.startMs, span.name).toBeGreaterThanOrEqual((call?.startMs ?? 0) - 0.001);
      expect(span.endMs, span.name).toBeLessThanOrEqual((call?.endMs ?? 0) + 0.001);
      expect(span.endMs).toBeGreaterThanOrEqual(span.startMs);
    }
  });

  it('shows webhooks and Redis, and continues the trace of whoever asks', async () => {
    const routes = named(/^webhook$/).map((span) => span.attributes['http.route']);
    expect(routes).toEqual(expect.arrayContaining(['/voice/answer', '/voice/status']));
    const answer = named(/^webhook$/).find(
      (span) => span.attributes['http.route'] === '/voice/answer',
    );
    const http = spans.find(({ spanId }) => spanId === answer?.links[0]?.spanId);
    expect(http?.name).toBe('POST /voice/answer');
    const redisSpans = spans.filter(({ scope }) => scope.includes('ioredis'));
    expect(redisSpans.some(({ parentSpanId }) => parentSpanId === http?.spanId)).toBe(true);
    const continued = spans.find(({ traceId }) => traceId === 'ab'.repeat(16));
    expect(continued?.parentSpanId).toBe('cd'.repeat(8));
    expect(logText).toContain('edge-0001-abc');
  });

  it('shows what was written to PostgreSQL and Redis, in the call', () => {
    const written = named(/^store /);
    const [call] = named(/^call$/);
    expect(new Set(written.map(({ parentSpanId }) => parentSpanId))).toEqual(
      new Set([call?.spanId]),
    );
    const toDatabase = written.filter(
      ({ attributes }) => attributes['db.system.name'] === 'postgresql',
    );
    const operations = toDatabase.map(({ attributes }) => attributes['db.operation.name']);
    expect(operations).toEqual(
      expect.arrayContaining(['conversation-started', 'turn', 'alert', 'conversation-ended']),
    );
    for (const { attributes } of toDatabase) {
      expect(attributes['hearthline.outcome']).toMatch(/^(database|spool)$/);
    }
    const toRedis = written.filter(({ attributes }) => attributes['db.system.name'] === 'redis');
    expect(toRedis.length).toBeGreaterThan(2);
    expect(toRedis.some(({ attributes }) => attributes['hearthline.outcome'] === 'kept')).toBe(
      true,
    );
    for (const span of written) expect(span.endMs).toBeGreaterThanOrEqual(span.startMs);
  });

  it('lets no name, number or word out: not in spans, not in figures, not in the log', () => {
    expect(calls.length).toBeGreaterThan(10);
    expect(JSON.stringify(otlp.log.entries)).not.toMatch(PERSONAL);
    expect(page).not.toMatch(PERSONAL);
    expect(logText).not.toMatch(PERSONAL);
    const attributes = spans.flatMap((span) => [
      ...Object.keys(span.attributes),
      ...span.events.flatMap((event) => Object.keys(event.attributes)),
    ]);
    expect([...new Set(attributes)].filter((name) => !ATTRIBUTES.has(name))).toEqual([]);
    expect(spans.filter(({ statusMessage }) => statusMessage !== '')).toEqual([]);
  });

  it('every log line of a call names its trace', () => {
    const lines = logText.split('\n').filter((line) => line.includes(`"callSid":"${callSid}"`));
    expect(lines.length).toBeGreaterThan(4);
    for (const line of lines) {
      expect((JSON.parse(line) as Record<string, unknown>)['traceId']).toBe(traceIdOf(callSid));
    }
  });

  it('sends what is left when it is told to stop, and stops in peace', () => {
    expect(exitCode).toBe(0);
    expect(logText).toContain('"message":"stopped"');
  });

  it('counts the same call at /metrics', () => {
    const figure = (name: string): number =>
      Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (.*)$`, 'm').exec(page)?.[1]);
    expect(figure('hearthline_active_calls')).toBe(1);
    expect(figure('hearthline_calls_started_total{direction="inbound"}')).toBe(1);
    expect(figure('hearthline_barge_ins_total')).toBe(1);
    expect(figure('hearthline_time_to_first_audio_seconds_count')).toBeGreaterThanOrEqual(2);
    expect(figure('hearthline_llm_first_token_seconds_count{vendor="claude"}')).toBeGreaterThan(2);
    expect(figure('hearthline_breaker_state{vendor="claude"}')).toBe(0);
    expect(figure('hearthline_calls_on_vendor{service="stt",vendor="deepgram-flux"}')).toBe(1);
    expect(figure('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
  });
});

describe('where traces go', () => {
  it('Honeycomb’s key goes along, JSON where asked for, and a receiver that refuses stops nothing', async () => {
    const emulators = await startEmulators();
    const otlp = await startOtlpEmulator({ honeycombKey: 'hcaik-of-a-test' });
    const dataDir = await mkdtemp(join(tmpdir(), 'hearthline-traced-'));
    const server = await startServer({
      dataDir,
      logFile: join(dataDir, 'log'),
      environment: {
        HONEYCOMB_API_KEY: 'hcaik-of-a-test',
        OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_METRIC_EXPORT_INTERVAL: '1000',
      },
    });
    try {
      await fetch(`${server.url}/voice/status`, { method: 'POST' });
      // What the server asks its vendors ahead of the first call is traced, too, and may come before.
      const span = await otlp.log.waitFor(
        (e) => e.what === 'span' && e.span.name === 'POST /voice',
        10_000,
      );
      expect(span).toMatchObject({ span: { attributes: { 'http.response.status_code': 403 } } });
      const [request] = otlp.log.all('request').filter(({ signal }) => signal === 'traces');
      expect(request).toMatchObject({ encoding: 'json' });
      expect(request?.headers['x-honeycomb-team']).toBe('hcaik-of-a-test');
      const figure = await otlp.log.waitFor(
        (e) => e.what === 'metric' && e.metric.name === 'hearthline_call_limit',
        10_000,
      );
      expect(figure).toMatchObject({ metric: { kind: 'gauge', points: [{ value: 50 }] } });
      expect(otlp.log.all('refused')).toEqual([]);
      otlp.refuseWith = 503;
      await fetch(`${server.url}/voice/status`, { method: 'POST' });
    } finally {
      expect(await server.stop()).toBe(0);
      await Promise.all([emulators.close(), otlp.close()]);
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
