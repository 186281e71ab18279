/**
 * What ops/ asks for is what arrives: two calls with everything in them that can go wrong are drawn and
 * counted by the real code, received as OTLP and as Prometheus reads it, and every column, name and
 * value that a query of ours names has to be found there.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startOtlpEmulator, type OtlpEmulator } from '../../emulators/otlp/server.ts';
import type { ReceivedSpan } from '../../emulators/otlp/types.ts';
import { readHoneycombFiles } from '../../scripts/apply-honeycomb.ts';
import { type CallEvent, EventHub, type Rung } from '../../src/events.ts';
import { createMetrics } from '../../src/metrics.ts';
import { loadTelemetry } from '../../src/telemetry.ts';
import { createCounters } from '../../websocket/counters.ts';
import { IDLE_JOBS } from '../helpers/idle-jobs.ts';
import { readRepositoryFile } from '../helpers/repository.ts';

const WORK = { count: 9, p50: 0.1, p95: 0.2, p99: 0.3, max: 1 };
const claude = { utterance: 2, vendor: 'claude' } as const;
const voice = { utterance: 2, vendor: 'elevenlabs-socket' } as const;
const flux = { vendor: 'deepgram-flux', sttTurn: 0, lagMs: 60 } as const;
const moved = (service: 'stt' | 'llm' | 'tts', from: Rung, to: Rung): CallEvent => ({
  what: 'ladder-moved',
  service,
  from,
  to,
});

/** A call in which all of it happens. */
const EVERYTHING: readonly CallEvent[] = [
  { what: 'call-started', direction: 'inbound' },
  { what: 'webhook', route: '/voice/answer', status: 500, durationMs: 4 },
  { what: 'stream-attached', resumed: false, epoch: 1 },
  { what: 'stt-opened', vendor: 'deepgram-flux', openMs: 80 },
  { what: 'stored', store: 'redis', operation: 'keep-call', outcome: 'kept', durationMs: 1 },
  { what: 'stored', store: 'database', operation: 'turn', outcome: 'database', durationMs: 2 },
  { what: 'voice-asked', utterance: 1, vendor: 'elevenlabs-socket' },
  { what: 'voice-first-byte', utterance: 1, vendor: 'elevenlabs-socket' },
  { what: 'first-audio', utterance: 1, turnId: undefined, line: 'greeting' },
  { ...voice, utterance: 1, what: 'voice-ended', how: 'done', characters: 40, audioMs: 900 },
  { what: 'answered-by', who: 'human' },
  { what: 'heard', state: 'started', sttTurn: 0, text: '' },
  { what: 'turn-opened', turnId: 't1' },
  { what: 'stt-answered', state: 'eager-end', ...flux },
  { what: 'reply-asked', turnId: 't1', draft: true, ...claude },
  { what: 'stt-answered', state: 'final', ...flux },
  { what: 'heard', state: 'final', sttTurn: 0, text: 'words' },
  { what: 'caller-said', turnId: 't1', revision: 0, text: 'words', backchannel: false },
  { what: 'draft-promoted', turnId: 't1', utterance: 2 },
  { what: 'filler', turnId: 't1' },
  { what: 'reply-first-token', ...claude },
  { what: 'reply-first-clause', utterance: 2 },
  { what: 'tool-started', callId: 'toolu_1', tool: 'local_time' },
  { what: 'tool-settled', callId: 'toolu_1', isError: false },
  { what: 'voice-asked', ...voice },
  { what: 'voice-first-byte', ...voice },
  { what: 'first-audio', utterance: 2, turnId: 't1', line: undefined },
  {
    what: 'reply-done',
    ...claude,
    inputTokens: 5,
    cachedTokens: 900,
    cacheWriteTokens: 10,
    outputTokens: 20,
  },
  { what: 'false-interruption', heldMs: 400 },
  { what: 'barge-in', utterance: 2, heardMs: 700, sentMs: 900 },
  { what: 'voice-ended', ...voice, how: 'failed', characters: 90, audioMs: 900 },
  { what: 'companion-said', utterance: 2, turnId: 't1', text: 'words', interrupted: true },
  { what: 'reply-asked', turnId: 't1', draft: true, utterance: 3, vendor: 'claude' },
  { what: 'vendor-failed', vendor: 'claude', failure: 'auth', utterance: 3 },
  { what: 'draft-wasted', turnId: 't1', utterance: 3 },
  { what: 'alert-raised', category: 'help-request', severity: 'high', evidence: 'words' },
  moved('stt', 'deepgram-nova', 'keypad'),
  moved('llm', 'claude', 'lines'),
  moved('tts', 'deepgram-aura', 'clips'),
  moved('tts', 'clips', 'carrier'),
  { what: 'stream-closed' },
  { what: 'ending', reason: 'stream-lost' },
];
const END: CallEvent = {
  what: 'call-ended',
  reason: 'stream-lost',
  durationMs: 60_000,
  work: WORK,
};

let otlp: OtlpEmulator;
let spans: readonly ReceivedSpan[];
/** As Prometheus reads it while the call is live, and when it is over. */
let page: string;

beforeAll(async () => {
  otlp = await startOtlpEmulator();
  // OpenTelemetry reads its standard variables itself.
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', otlp.url);
  const telemetry = await loadTelemetry(process.env);
  const hub = new EventHub();
  const metrics = createMetrics(hub, {
    activeCalls: () => 1,
    maxCalls: 10,
    breakers: () => [{ vendor: 'claude', state: 'open' }],
    mediaCounters: () => createCounters(),
    storeIsUp: async () => true,
    durability: {
      health: async () => ({ ok: true }),
      figures: () => ({
        database: { connections: 2, idle: 1, waiting: 0 },
        spool: { pending: 0, bytes: 0 },
        writes: { database: 1, spool: 0, 'set-aside': 0, refused: 0 },
        unreadable: { people: 0, memories: 0 },
        jobs: IDLE_JOBS,
      }),
    },
    admission: {
      noRoom: () => undefined,
      turnedAway: () => ({ draining: 0, late: 0, limit: 0 }),
      lateMs: () => 1,
    },
    webhooks: { refused: () => ({ 'wrong key': 1 }), acts: () => ({ done: 1, failed: 0 }) },
  });
  const models = { claude: 'claude-test' };
  telemetry.watch({ events: hub, models, readMetrics: async () => await metrics.read() });
  const publish = (event: CallEvent): void => hub.publish('CA1', event);
  for (const event of EVERYTHING) publish(event);
  page = await metrics.registry.metrics();
  publish(END);
  page += await metrics.registry.metrics();
  metrics.close();
  await telemetry.shutdown(5_000);
  spans = otlp.spans();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await otlp?.close();
});

describe('Honeycomb', () => {
  /** Made by Honeycomb itself, or there on every span. */
  const GIVEN = new Set(['name', 'duration_ms', 'service.instance.id']);
  const files = readHoneycombFiles();
  type Condition = { column?: string; op: string; value?: unknown };
  type Query = { calculations: Condition[]; filters: Condition[]; breakdowns?: string[] };
  const queries = [
    ...files.board.panels.map(({ query }) => query as unknown as Query),
    ...files.triggers.map(({ query }) => query as Query),
  ];

  /** What arrived under a name, on spans and on their events; `name` is the name itself. */
  function arrived(): Map<string, Set<unknown>> {
    const found = new Map<string, Set<unknown>>();
    const add = (name: string, value: unknown): void => {
      found.set(name, (found.get(name) ?? new Set()).add(value));
    };
    for (const span of spans) {
      for (const { name, attributes } of [span, ...span.events]) {
        // What comes behind the first word is whose: `chat claude-haiku`.
        add('name', name);
        add('name', name.split(' ')[0]);
        for (const [key, value] of Object.entries(attributes)) add(key, value);
      }
    }
    return found;
  }

  test('asks for columns that arrive', () => {
    const names = arrived();
    const inColumns = files.columns.flatMap(({ expression }) =>
      [...String(expression).matchAll(/\$"([^"]+)"/g)].map((match) => match[1] ?? ''),
    );
    const asked = new Set([
      ...inColumns,
      ...queries.flatMap(({ calculations, filters, breakdowns = [] }) => [
        ...[...calculations, ...filters].flatMap(({ column }) => column ?? []),
        ...breakdowns,
      ]),
    ]);
    expect(asked.size).toBeGreaterThan(30);
    expect([...asked].filter((name) => !GIVEN.has(name) && !names.has(name))).toEqual([]);
  });

  test('asks for values that arrive', () => {
    const names = arrived();
    const wanted = queries.flatMap(({ filters }) =>
      filters
        .filter(({ op }) => op === '=' || op === 'in')
        .flatMap(({ column = '', value }) =>
          (Array.isArray(value) ? value : [value]).map((each: unknown) => [column, each] as const),
        ),
    );
    const inColumns = files.columns.flatMap(({ expression }) =>
      [...String(expression).matchAll(/EQUALS\(\$"([^"]+)", "([^"]+)"\)/g)].map(
        ([, column = '', value]) => [column, value] as const,
      ),
    );
    expect(wanted.length + inColumns.length).toBeGreaterThan(25);
    const missing = [...wanted, ...inColumns].filter(
      ([column, value]) => names.get(column)?.has(value) !== true,
    );
    expect(missing).toEqual([]);
  });
});

describe('Prometheus and Grafana', () => {
  const dashboard = JSON.parse(readRepositoryFile('ops/grafana/hearthline.json')) as {
    panels: { targets: { expr: string }[] }[];
  };
  const rules = readRepositoryFile('ops/prometheus/alerts.yml');
  const expressions = [
    ...[...rules.matchAll(/^\s+expr: (.*)$/gm)].map((match) => match[1] ?? ''),
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ];

  test('ask for label values that are served', () => {
    const series = page.split('\n');
    const asked = expressions.flatMap((expression) =>
      [...expression.matchAll(/\b((?:hearthline|nodejs|process)_\w+)\{([^}]*)\}/g)].flatMap(
        ([, name = '', labels = '']) =>
          [...labels.matchAll(/(\w+)(=~?)"([^"]*)"/g)].flatMap(([, label = '', op, value = '']) =>
            (op === '=~' ? value.split('|') : [value]).map((each) => ({ name, label, each, op })),
          ),
      ),
    );
    expect(asked.length).toBeGreaterThan(20);
    const missing = asked.filter(({ name, label, each, op }) => {
      const value = op === '=~' ? each : each.replaceAll('.', '\\.');
      const wanted = new RegExp(`^${name}\\{(?:.*,)?${label}="${value}"`);
      return !series.some((line) => wanted.test(line));
    });
    expect(missing).toEqual([]);
  });
});
