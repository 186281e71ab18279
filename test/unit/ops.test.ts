import { describe, expect, test } from 'vitest';
import { readHoneycombFiles } from '../../scripts/apply-honeycomb.ts';
import { EventHub } from '../../src/events.ts';
import { createMetrics } from '../../src/metrics.ts';
import { ATTRIBUTES, GEN_AI, OURS, SPAN, SPAN_EVENT } from '../../src/telemetry-names.ts';
import { IDLE_JOBS } from '../helpers/idle-jobs.ts';
import { readRepositoryFile } from '../helpers/repository.ts';

const rules = readRepositoryFile('ops/prometheus/alerts.yml');
const dashboard = JSON.parse(readRepositoryFile('ops/grafana/hearthline.json')) as {
  uid: string;
  panels: { title: string; gridPos: object; targets: { expr: string }[] }[];
};
const honeycomb = readHoneycombFiles();
const runbook = readRepositoryFile('docs/runbook.md');

const IDLE_STORE = {
  health: async () => ({ ok: true }),
  figures: () => ({
    database: { connections: 2, idle: 1, waiting: 0 },
    spool: { pending: 0, bytes: 0 },
    writes: { database: 1, spool: 0, 'set-aside': 0, refused: 0 },
    unreadable: { people: 0, memories: 0 },
    jobs: IDLE_JOBS,
  }),
};

/** Metrics as they are served: names without suffixes, and the labels they are declared with. */
async function served(): Promise<Map<string, { type: string; labels: readonly string[] }>> {
  const metrics = createMetrics(new EventHub(), {
    activeCalls: () => 0,
    maxCalls: 1,
    breakers: () => [{ vendor: 'claude', state: 'closed' }],
    mediaCounters: () => ({ mediaFrames: 1 }),
    storeIsUp: async () => true,
    durability: IDLE_STORE,
    webhooks: { refused: () => ({ 'wrong key': 1 }), acts: () => ({ done: 1 }) },
    admission: { noRoom: () => undefined, turnedAway: () => ({ limit: 1 }), lateMs: () => 1 },
  });
  const readings = metrics.registry.getMetricsAsArray() as unknown as {
    name: string;
    type: string;
    labelNames: string[];
  }[];
  const found = new Map(
    readings.map(({ name, type, labelNames }) => [name, { type, labels: labelNames }]),
  );
  metrics.close();
  return found;
}

const ruleExpressions = [...rules.matchAll(/^\s+expr: (.*)$/gm)].map((match) => match[1] ?? '');
const panelExpressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const expressions = [...ruleExpressions, ...panelExpressions];
const recorded = [...rules.matchAll(/- record: (.*)$/gm)].map((match) => match[1] ?? '');

/** Every metric that an expression names, as it is declared. */
function metricsIn(expression: string): string[] {
  const names = expression.match(/\b(?:hearthline|nodejs|process)_[a-z0-9_]+/g) ?? [];
  return names.map((name) => name.replace(/_(bucket|sum|count)$/, ''));
}

describe('Prometheus and Grafana', () => {
  test('ask for metrics that are served, by labels that they have', async () => {
    const metrics = await served();
    expect(expressions.length).toBeGreaterThan(60);
    for (const expression of expressions) {
      for (const name of metricsIn(expression)) expect([...metrics.keys()]).toContain(name);
      const selectors = expression.matchAll(
        /\b((?:hearthline|nodejs|process)_[a-z0-9_]+)\{([^}]*)\}/g,
      );
      for (const [, name = '', labels = ''] of selectors) {
        const declared = metrics.get(name.replace(/_(bucket|sum|count)$/, ''))?.labels ?? [];
        for (const [, label = ''] of labels.matchAll(/(\w+)=/g)) {
          expect([...declared, 'le'], expression).toContain(label);
        }
      }
      const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, by = '']) =>
        by.split(', '),
      );
      const known = metricsIn(expression).flatMap((name) => metrics.get(name)?.labels ?? []);
      for (const label of grouped)
        expect([...known, 'le', 'instance'], expression).toContain(label);
    }
  });

  test('histograms are asked by bucket, counters by rate, gauges as they are', async () => {
    const metrics = await served();
    for (const expression of expressions) {
      for (const [name, { type }] of metrics) {
        const at = new RegExp(`\\b${name}(?:\\b|_bucket|_count|_sum)`).exec(expression);
        if (!at || !name.startsWith('hearthline_')) continue;
        const isRated = /(rate|increase)\(/.test(expression);
        expect(isRated, `${name} in ${expression}`).toBe(type !== 'gauge');
      }
    }
  });

  test('nothing that is served goes unwatched', async () => {
    const watched = new Set(expressions.flatMap(metricsIn));
    const ours = [...(await served()).keys()].filter((name) => name.startsWith('hearthline_'));
    expect(ours.length).toBeGreaterThan(30);
    expect(ours.filter((name) => !watched.has(name))).toEqual([]);
    expect(ours.filter((name) => !runbook.includes(`\`${name}\``))).toEqual([]);
  });

  test('buckets that objectives rest on are there', async () => {
    const metrics = await served();
    expect(metrics.get('hearthline_time_to_first_audio_seconds')?.type).toBe('histogram');
    const page = readRepositoryFile('src/metrics-instruments.ts');
    const buckets = /const WAIT_S = \[([^\]]*)\]/.exec(page)?.[1]?.split(',').map(Number) ?? [];
    for (const [, le] of rules.matchAll(/le="([^"]+)"/g)) expect(buckets).toContain(Number(le));
  });

  test('rules that are recorded are used, and alerts lead to the runbook', () => {
    for (const name of recorded) {
      expect(
        ruleExpressions.some((expression) => expression.includes(name)),
        name,
      ).toBe(true);
    }
    for (const expression of ruleExpressions) {
      for (const name of expression.match(/hearthline:[a-z0-9_:]+/g) ?? []) {
        expect(recorded).toContain(name);
      }
    }
    const alerts = [...rules.matchAll(/- alert: (.*)$/gm)];
    const headings = [...rules.matchAll(/^\s+runbook: (.*)$/gm)].map((match) => match[1] ?? '');
    const severities = [...rules.matchAll(/^\s+severity: (page|ticket)$/gm)];
    expect(alerts.length).toBeGreaterThan(15);
    expect(headings).toHaveLength(alerts.length);
    expect(severities).toHaveLength(alerts.length);
    for (const heading of headings) expect(runbook).toContain(`### ${heading}\n`);
  });

  test('panels do not cover one another', () => {
    const cells = new Set<string>();
    for (const { gridPos } of dashboard.panels) {
      const { x, y, w } = gridPos as { x: number; y: number; w: number };
      for (let column = x; column < x + w; column += 1) cells.add(`${column}/${y}`);
    }
    expect(cells.size).toBe(dashboard.panels.length * 8);
  });
});

/** Columns that Honeycomb makes itself, or that come from the resource. */
const GIVEN = ['name', 'duration_ms', 'service.instance.id'];
const names = new Set<string>([...Object.values(SPAN), ...Object.values(SPAN_EVENT)]);

type Condition = { column?: string; op: string; value?: unknown };
type Query = { calculations: Condition[]; filters: Condition[]; breakdowns?: string[] };
const queries: Query[] = [
  ...honeycomb.board.panels.map(({ query }) => query as unknown as Query),
  ...honeycomb.triggers.map(({ query }) => query as Query),
];

function columnsOf({ calculations, filters, breakdowns = [] }: Query): string[] {
  return [...calculations, ...filters].flatMap(({ column }) => column ?? []).concat(breakdowns);
}

describe('Honeycomb', () => {
  const expressionColumns = honeycomb.columns.flatMap(({ expression }) =>
    [...String(expression).matchAll(/\$"([^"]+)"/g)].map((match) => match[1] ?? ''),
  );
  const asked = new Set([...queries.flatMap(columnsOf), ...expressionColumns]);

  test('asks for attributes that spans carry', () => {
    const known = [...ATTRIBUTES.keys(), ...GIVEN];
    expect([...asked].filter((column) => !known.includes(column))).toEqual([]);
  });

  test('asks for spans and events by the names they have', () => {
    const wanted = queries
      .flatMap(({ filters }) => filters.filter(({ column }) => column === 'name'))
      .flatMap(({ value }) => (Array.isArray(value) ? value : [value]) as string[]);
    const inColumns = honeycomb.columns.flatMap(({ expression }) =>
      [...String(expression).matchAll(/\$"name", "([^"]+)"/g)].map((match) => match[1] ?? ''),
    );
    expect(wanted.length + inColumns.length).toBeGreaterThan(20);
    expect([...wanted, ...inColumns].filter((name) => !names.has(name))).toEqual([]);
  });

  test('every attribute is in some query or explained in the runbook', () => {
    const ours: string[] = [...Object.values(OURS), ...Object.values(GEN_AI)];
    const silent = ours.filter((name) => !asked.has(name) && !runbook.includes(`\`${name}\``));
    expect(silent).toEqual([]);
  });

  test('triggers keep to what Honeycomb allows', () => {
    for (const trigger of honeycomb.triggers) {
      const { query, frequency, threshold } = trigger as unknown as {
        query: Query & { time_range: number; orders?: unknown; limit?: unknown };
        frequency: number;
        threshold: { op: string; value: number };
      };
      expect(query.calculations, trigger.name).toHaveLength(1);
      expect(query.orders ?? query.limit).toBeUndefined();
      expect(frequency % 60).toBe(0);
      expect(query.time_range).toBeLessThanOrEqual(Math.min(86_400, 4 * frequency));
      expect(query.time_range).toBeGreaterThanOrEqual(frequency);
      expect(threshold.op).toBe('>');
    }
  });

  test('objectives have their column, and burn alerts that say when', () => {
    const aliases = honeycomb.columns.map(({ alias }) => alias);
    expect(honeycomb.board.slos).toEqual(honeycomb.slos.map(({ slo }) => slo.name));
    for (const { slo, burn_alerts: alerts } of honeycomb.slos) {
      expect(aliases).toContain((slo['sli'] as { alias: string }).alias);
      expect(slo['target_per_million']).toBeGreaterThan(900_000);
      expect(alerts.map((alert) => alert['alert_type'])).toEqual([
        'budget_rate',
        'budget_rate',
        'exhaustion_time',
      ]);
    }
  });
});
