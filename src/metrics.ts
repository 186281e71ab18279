/**
 * Figures for operators, at `GET /metrics` in Prometheus' format. Fed by the calls' events; what has
 * a present state (calls, breakers, sockets) is asked when somebody looks.
 *
 * Labels hold words of our own vocabulary only, and never more than a few dozen of them: no ids, no
 * names. docs/runbook.md says what each figure means.
 */
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { CallOperations, type Operation } from './call-operations.ts';
import type { EventHub, TimedCallEvent } from './events.ts';
import { createInstruments, type Instruments } from './metrics-instruments.ts';
import { addAdmission, type AdmissionSource } from './metrics-admission.ts';
import { addDurability, type DurabilitySource } from './metrics-durability.ts';
import { LadderPositions } from './metrics-ladder.ts';
import type { Reading } from './telemetry-metrics.ts';
import { callCostUsd, minutesCostUsd, operationCostUsd } from './prices.ts';

/** What is asked when somebody looks. */
export type MetricSources = {
  readonly activeCalls: () => number;
  readonly maxCalls: number;
  readonly breakers: () => readonly { vendor: string; state: 'closed' | 'open' | 'half-open' }[];
  /** Plain counters of the media sockets, by name. */
  readonly mediaCounters: () => Readonly<Record<string, number>>;
  /** Whether the session store answers. */
  readonly storeIsUp: () => Promise<boolean>;
  /** Undefined: nothing is kept. */
  readonly durability: DurabilitySource | undefined;
  readonly admission?: AdmissionSource;
  /** The carrier's webhooks there are. */
  readonly webhookRoutes?: readonly string[];
  /** Since the start: webhooks that were turned away, by reason; callbacks acted upon, by outcome. */
  readonly webhooks?: {
    refused(): Readonly<Record<string, number>>;
    acts(): Readonly<Record<string, number>>;
  };
};

export type Metrics = {
  readonly registry: Registry;
  /** The same figures for those who send them elsewhere. */
  read(): Promise<readonly Reading[]>;
  /** Stops counting. */
  close(): void;
};

/** More live calls than any process takes. */
const MAX_CALLS = 20_000;

export function createMetrics(hub: EventHub, sources: MetricSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addPresentState(registry, sources);
  const instruments = createInstruments(registry);
  beginAtNought(instruments, sources);
  const counting = new Counting(instruments);
  const unsubscribe = hub.subscribe((event) => counting.take(event));
  return {
    registry,
    read: async () =>
      (await registry.getMetricsAsJSON()).map(({ name, help, type, values }) => {
        // Declared as a number, it is a word.
        return { name, help, type: String(type), values };
      }),
    close: () => {
      unsubscribe();
      registry.clear();
    },
  };
}

/** A series whose first value is 1 has not grown: what alerts wait for has to be there before it happens. */
function beginAtNought(to: Instruments, { breakers, webhookRoutes = [] }: MetricSources): void {
  for (const { vendor } of breakers()) to.vendorFailures.inc({ vendor, failure: 'auth' }, 0);
  to.callsEnded.inc({ reason: 'stream-lost' }, 0);
  for (const route of webhookRoutes) to.webhooks.inc({ route, status: '5xx' }, 0);
}

const BREAKER_STATES = { closed: 0, 'half-open': 1, open: 2 } as const;

function addPresentState(registry: Registry, sources: MetricSources): void {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await read());
      },
    });
  };
  gauge('hearthline_active_calls', 'Live calls of this process.', sources.activeCalls);
  gauge('hearthline_call_limit', 'Calls that this process takes at once.', () => sources.maxCalls);
  gauge('hearthline_store_up', '1 while the session store answers.', async () =>
    (await sources.storeIsUp()) ? 1 : 0,
  );
  new Gauge({
    name: 'hearthline_breaker_state',
    help: 'Circuit breaker of a vendor: 0 closed, 1 half-open, 2 open.',
    labelNames: ['vendor'],
    registers,
    collect() {
      for (const { vendor, state } of sources.breakers()) {
        this.set({ vendor }, BREAKER_STATES[state]);
      }
    },
  });
  if (sources.durability) addDurability(registry, sources.durability);
  if (sources.webhooks) addWebhooks(registry, sources.webhooks);
  if (sources.admission) addAdmission(registry, sources.admission);
  new Counter({
    name: 'hearthline_media_total',
    help: 'What the media sockets counted, by kind: frames, drops, upgrades (filledSilenceMs: ms).',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const [kind, count] of Object.entries(sources.mediaCounters()))
        this.inc({ kind }, count);
    },
  });
}

function addWebhooks(
  registry: Registry,
  { refused, acts }: NonNullable<MetricSources['webhooks']>,
): void {
  const registers = [registry];
  new Counter({
    name: 'hearthline_webhooks_refused_total',
    help: "Requests to the carrier's webhooks that were turned away, by why.",
    labelNames: ['why'],
    registers,
    collect() {
      this.reset();
      for (const [why, count] of Object.entries(refused())) {
        this.inc({ why: why.replaceAll(' ', '-') }, count);
      }
    },
  });
  new Counter({
    name: 'hearthline_webhook_acts_total',
    help: "The carrier's callbacks by what became of them: done, again (tried later), failed.",
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(acts())) this.inc({ outcome }, count);
    },
  });
}

/** Label values that are told apart; beyond them, whatever they are, they become 'other'. */
const MAX_WORDS = 200;
const WORD = /^[A-Za-z0-9_./-]{1,40}$/;

/** Keeps label values few, should anything but our own vocabulary ever get into an event. */
class Vocabulary {
  readonly #words = new Set<string>();

  word(value: string): string {
    if (this.#words.has(value)) return value;
    if (this.#words.size >= MAX_WORDS || !WORD.test(value) || /\d{6}/.test(value)) return 'other';
    this.#words.add(value);
    return value;
  }
}

/** Turns events into figures. */
class Counting {
  readonly #to: Instruments;
  readonly #calls = new Map<string, CallOperations>();
  readonly #ladder: LadderPositions;
  readonly #words = new Vocabulary();

  constructor(instruments: Instruments) {
    this.#to = instruments;
    this.#ladder = new LadderPositions((service, vendor, change) =>
      instruments.callsOnVendor.inc({ service, vendor: this.#words.word(vendor) }, change),
    );
  }

  take(event: TimedCallEvent): void {
    const { callSid } = event;
    if (event.what === 'call-started' && this.#calls.size < MAX_CALLS) {
      this.#calls.set(callSid, new CallOperations(callSid));
    }
    this.#count(event);
    this.#countTrouble(event);
    this.#ladder.take(event);
    const operations = this.#calls.get(callSid);
    if (operations) for (const done of operations.take(event)) this.#observe(done);
    if (event.what === 'call-ended') this.#calls.delete(callSid);
  }

  #count(event: TimedCallEvent): void {
    switch (event.what) {
      case 'call-started':
        return this.#to.callsStarted.inc({ direction: event.direction });
      case 'call-ended': {
        const { reason, durationMs, work } = event;
        this.#to.callsEnded.inc({ reason });
        this.#to.callSeconds.observe(durationMs / 1_000);
        if (work.count > 0) this.#to.workP99.observe(work.p99 / 1_000);
        const sttUsd = minutesCostUsd('deepgram-flux', durationMs);
        this.#to.costUsd.inc({ vendor: 'deepgram-flux' }, sttUsd);
        this.#to.costUsd.inc({ vendor: 'twilio' }, callCostUsd(durationMs) - sttUsd);
        return;
      }
      case 'stream-attached':
        if (event.resumed) this.#to.resumes.inc();
        return;
      case 'stt-opened':
        return this.#to.sttOpen.observe({ vendor: event.vendor }, event.openMs / 1_000);
      case 'stt-answered':
        return this.#to.sttLag.observe({ vendor: event.vendor }, event.lagMs / 1_000);
      case 'webhook':
        return this.#to.webhooks.inc({
          route: this.#words.word(event.route),
          status: statusClass(event.status),
        });
      default:
        return;
    }
  }

  #countTrouble(event: TimedCallEvent): void {
    switch (event.what) {
      case 'barge-in':
        return this.#to.bargeIns.inc();
      case 'false-interruption':
        return this.#to.falseInterruptions.inc();
      case 'filler':
        return this.#to.fillers.inc();
      case 'alert-raised':
        return this.#to.alerts.inc({ severity: this.#words.word(event.severity) });
      case 'vendor-failed':
        return this.#to.vendorFailures.inc({ vendor: event.vendor, failure: event.failure });
      case 'ladder-moved':
        return this.#to.ladderMoves.inc({
          service: event.service,
          from: this.#words.word(event.from),
          to: this.#words.word(event.to),
        });
      default:
        return;
    }
  }

  #observe(done: Operation): void {
    const seconds = (done.endMs - done.startMs) / 1_000;
    const costUsd = operationCostUsd(done);
    switch (done.kind) {
      case 'first-audio':
        return this.#to.firstAudio.observe(seconds);
      case 'greeting':
        return this.#to.greeting.observe(seconds);
      case 'tool':
        return this.#to.toolRuns.inc({ tool: this.#words.word(done.tool), outcome: done.outcome });
      case 'draft':
        this.#to.drafts.inc({ fate: done.fate });
        this.#to.draftTokens.inc({ fate: done.fate }, done.usage?.outputTokens ?? 0);
        return;
      case 'llm':
        return this.#observeLlm(done, seconds, costUsd);
      case 'tts': {
        const { vendor, firstMs, startMs, characters } = done;
        if (firstMs !== undefined) {
          this.#to.ttsFirstByte.observe({ vendor }, (firstMs - startMs) / 1_000);
        }
        this.#to.ttsUtterances.inc({ vendor, outcome: done.outcome });
        this.#to.ttsCharacters.inc({ vendor }, characters);
        this.#to.costUsd.inc({ vendor }, costUsd);
        return;
      }
      case 'stt':
        if (done.backchannel) this.#to.backchannels.inc();
        return;
    }
  }

  #observeLlm(done: Extract<Operation, { kind: 'llm' }>, seconds: number, costUsd: number): void {
    const { vendor = 'none', firstMs, startMs, outcome, usage } = done;
    if (firstMs !== undefined) {
      this.#to.llmFirstToken.observe({ vendor }, (firstMs - startMs) / 1_000);
    }
    this.#to.llmSeconds.observe({ vendor, outcome }, seconds);
    if (!usage) return;
    this.#to.llmTokens.inc({ vendor, kind: 'input' }, usage.inputTokens);
    this.#to.llmTokens.inc({ vendor, kind: 'cache_read' }, usage.cachedTokens);
    this.#to.llmTokens.inc({ vendor, kind: 'cache_write' }, usage.cacheWriteTokens);
    this.#to.llmTokens.inc({ vendor, kind: 'output' }, usage.outputTokens);
    this.#to.costUsd.inc({ vendor }, costUsd);
  }
}

function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}
