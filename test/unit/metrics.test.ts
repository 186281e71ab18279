import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { EventHub, type Rung, type CallEvent } from '../../src/events.ts';
import { createMetrics, type Metrics } from '../../src/metrics.ts';
import { IDLE_JOBS } from '../helpers/idle-jobs.ts';

const WORK = { count: 3, p50: 1, p95: 2, p99: 4, max: 5 };
const open: Metrics[] = [];
afterEach(() => {
  for (const metrics of open.splice(0)) metrics.close();
});

function counted(...events: (CallEvent & { call?: string; at?: number })[]) {
  const hub = new EventHub();
  const metrics = createMetrics(hub, {
    activeCalls: () => 7,
    maxCalls: 50,
    breakers: () => [
      { vendor: 'claude', state: 'open' },
      { vendor: 'deepgram-flux', state: 'half-open' },
      { vendor: 'twilio', state: 'closed' },
    ],
    webhookRoutes: ['/voice/answer'],
    mediaCounters: () => ({ mediaFrames: 12, droppedLate: 1 }),
    storeIsUp: async () => false,
    durability: {
      health: async () => ({ ok: false }),
      figures: () => ({
        database: { connections: 5, idle: 2, waiting: 1 },
        spool: { pending: 9, bytes: 4_096 },
        writes: { database: 20, spool: 9, 'set-aside': 0, refused: 1 },
        unreadable: { people: 0, memories: 0 },
        jobs: JOBS,
      }),
    },
  });
  open.push(metrics);
  events.forEach(({ call, at, ...event }, index) => hub.publish(call ?? 'CA1', event, at ?? index));
  return { metrics, hub };
}

async function figures(metrics: Metrics): Promise<(name: string) => number> {
  const page = await metrics.registry.metrics();
  return (name) => {
    const line = page.split('\n').find((each) => each.startsWith(`${name} `));
    return line === undefined ? Number.NaN : Number(line.slice(name.length + 1));
  };
}

const idle = IDLE_JOBS.queues.notify;
const JOBS = {
  ...IDLE_JOBS,
  state: 'away' as const,
  queues: {
    ...IDLE_JOBS.queues,
    memories: { ...idle, later: 4, dead: 2, done: 6, failed: 5, died: 2 },
  },
};

const started = { what: 'call-started', direction: 'inbound' } as const;
const finished = { what: 'call-ended', reason: 'goodbye', durationMs: 60_000, work: WORK } as const;

describe('figures', () => {
  test('what alerts wait for is there, with nought, before it happens', async () => {
    const figure = await figures(counted().metrics);
    for (const vendor of ['claude', 'deepgram-flux', 'twilio']) {
      const name = `hearthline_vendor_failures_total{vendor="${vendor}",failure="auth"}`;
      expect(figure(name)).toBe(0);
    }
    expect(figure('hearthline_webhooks_total{route="/voice/answer",status="5xx"}')).toBe(0);
  });

  test('present states are asked when somebody looks', async () => {
    const { metrics } = counted();
    const figure = await figures(metrics);
    expect(figure('hearthline_active_calls')).toBe(7);
    expect(figure('hearthline_database_up')).toBe(0);
    expect(figure('hearthline_database_connections{state="used"}')).toBe(3);
    expect(figure('hearthline_database_connections{state="waiting"}')).toBe(1);
    expect(figure('hearthline_spool_pending')).toBe(9);
    expect(figure('hearthline_durable_writes_total{kept="refused"}')).toBe(1);
    expect(figure('hearthline_jobs_running')).toBe(0);
    expect(figure('hearthline_jobs{queue="memories",state="later"}')).toBe(4);
    expect(figure('hearthline_jobs{queue="memories",state="dead"}')).toBe(2);
    expect(figure('hearthline_jobs{queue="notify",state="ready"}')).toBe(0);
    expect(figure('hearthline_job_attempts_total{queue="memories",outcome="done"}')).toBe(6);
    expect(figure('hearthline_job_attempts_total{queue="memories",outcome="failed"}')).toBe(3);
    expect(figure('hearthline_job_attempts_total{queue="memories",outcome="died"}')).toBe(2);
    expect(figure('hearthline_call_limit')).toBe(50);
    expect(figure('hearthline_store_up')).toBe(0);
    expect(figure('hearthline_breaker_state{vendor="claude"}')).toBe(2);
    expect(figure('hearthline_breaker_state{vendor="deepgram-flux"}')).toBe(1);
    expect(figure('hearthline_breaker_state{vendor="twilio"}')).toBe(0);
    expect(figure('hearthline_media_total{kind="mediaFrames"}')).toBe(12);
    await metrics.registry.metrics();
    expect((await figures(metrics))('hearthline_media_total{kind="mediaFrames"}')).toBe(12);
  });

  test('seconds, tokens, characters and cost of a call', async () => {
    const { metrics } = counted(
      { ...started, at: 0 },
      { what: 'reply-asked', turnId: 't1', utterance: 2, draft: false, vendor: 'claude', at: 0 },
      { what: 'reply-first-token', utterance: 2, vendor: 'claude', at: 250 },
      {
        ...{ what: 'reply-done', utterance: 2, vendor: 'claude', at: 1_000 },
        ...{ inputTokens: 1_000, cachedTokens: 2_000, cacheWriteTokens: 0, outputTokens: 100 },
      },
      { what: 'voice-asked', utterance: 2, vendor: 'elevenlabs-socket', at: 300 },
      { what: 'voice-first-byte', utterance: 2, vendor: 'elevenlabs-socket', at: 380 },
      {
        ...{ what: 'voice-ended', utterance: 2, vendor: 'elevenlabs-socket', how: 'done' },
        ...{ characters: 100, audioMs: 4_000, at: 900 },
      },
      { ...finished, at: 60_000 },
    );
    const figure = await figures(metrics);
    expect(figure('hearthline_llm_first_token_seconds_sum{vendor="claude"}')).toBe(0.25);
    expect(figure('hearthline_llm_seconds_sum{vendor="claude",outcome="done"}')).toBe(1);
    expect(figure('hearthline_llm_tokens_total{vendor="claude",kind="cache_read"}')).toBe(2_000);
    expect(figure('hearthline_llm_tokens_total{vendor="claude",kind="output"}')).toBe(100);
    expect(figure('hearthline_tts_first_byte_seconds_sum{vendor="elevenlabs-socket"}')).toBe(0.08);
    expect(figure('hearthline_tts_characters_total{vendor="elevenlabs-socket"}')).toBe(100);
    const usd = (vendor: string): number => figure(`hearthline_cost_usd_total{vendor="${vendor}"}`);
    // 1,000 tokens in at 0.10, 2,000 from the cache at 0.01, 100 out at 0.50, per million.
    expect(usd('claude')).toBeCloseTo(0.00017, 8);
    expect(usd('elevenlabs-socket')).toBeCloseTo(0.005, 8);
    expect(usd('twilio')).toBeCloseTo(0.0105, 8);
    expect(usd('deepgram-flux')).toBeCloseTo(0.0077, 8);
    expect(figure('hearthline_calls_ended_total{reason="goodbye"}')).toBe(1);
    expect(figure('hearthline_call_work_p99_seconds_sum')).toBe(0.004);
  });

  test('where live calls stand on the ladders, until they end', async () => {
    const on = (service: string, vendor: string): string =>
      `hearthline_calls_on_vendor{service="${service}",vendor="${vendor}"}`;
    const { metrics, hub } = counted(
      started,
      { ...started, call: 'CA2' },
      { what: 'stt-opened', vendor: 'deepgram-flux', openMs: 80 },
      { what: 'stt-opened', vendor: 'deepgram-flux', openMs: 80, call: 'CA2' },
      { what: 'ladder-moved', service: 'stt', from: 'deepgram-flux', to: 'deepgram-nova' },
      { what: 'voice-asked', utterance: 1, vendor: 'elevenlabs-socket' },
      { what: 'voice-asked', utterance: 2, vendor: 'elevenlabs-http' },
      { what: 'ladder-moved', service: 'llm', from: 'claude', to: 'lines' },
      // Asked, and not the one that speaks.
      { what: 'reply-asked', turnId: 't1', utterance: 3, draft: false, vendor: 'claude' },
      { what: 'ladder-moved', service: 'stt', from: 'deepgram-flux', to: 'keypad', call: 'CA2' },
      // Tried from the keypad, and not heard from yet.
      { what: 'stt-opened', vendor: 'deepgram-flux', openMs: 80, call: 'CA2' },
    );
    let figure = await figures(metrics);
    expect(figure(on('stt', 'deepgram-flux'))).toBe(0);
    expect(figure(on('stt', 'keypad'))).toBe(1);
    expect(figure(on('stt', 'deepgram-nova'))).toBe(1);
    expect(figure(on('llm', 'lines'))).toBe(1);
    expect(figure(on('tts', 'elevenlabs-socket'))).toBe(0);
    expect(figure(on('tts', 'elevenlabs-http'))).toBe(1);
    hub.publish('CA1', finished);
    hub.publish('CA2', finished);
    figure = await figures(metrics);
    expect(figure(on('stt', 'deepgram-flux'))).toBe(0);
    expect(figure(on('stt', 'deepgram-nova'))).toBe(0);
    expect(figure(on('tts', 'elevenlabs-http'))).toBe(0);
  });

  test('labels stay few and impersonal, whatever gets into events', async () => {
    const { metrics, hub } = counted(started);
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.stringMatching(/^\+1555\d{7}$/), (a, b) => {
        hub.publish('CA1', { what: 'alert-raised', category: a, severity: b, evidence: a });
        hub.publish('CA1', { what: 'tool-started', callId: a, tool: b });
        hub.publish('CA1', { what: 'tool-settled', callId: a, isError: false });
        hub.publish('CA1', { what: 'webhook', route: `/voice/${a}`, status: 200, durationMs: 1 });
        hub.publish('CA1', {
          what: 'ladder-moved',
          service: 'stt',
          from: a as Rung,
          to: b as Rung,
        });
      }),
      { numRuns: 1_000 },
    );
    const page = await metrics.registry.metrics();
    expect(/1555\d{7}/.exec(page)?.[0]).toBeUndefined();
    expect(page.split('\n').filter((line) => line.startsWith('hearthline_')).length).toBeLessThan(
      1_500,
    );
  });

  test('names and units follow the conventions', async () => {
    const { metrics } = counted();
    for (const { name, type, help } of await metrics.read()) {
      if (!name.startsWith('hearthline_')) continue;
      expect(help, name).toMatch(/\.$/);
      if (type === 'counter') expect(name).toMatch(/_total$/);
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
      if (type === 'gauge') expect(name).not.toMatch(/_total$/);
    }
  });
});
