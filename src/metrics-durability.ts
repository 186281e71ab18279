/** Figures of what outlives the process, asked when somebody looks. */
import { Counter, Gauge, type Registry } from 'prom-client';

type QueueFigures = Readonly<
  Record<'ready' | 'later' | 'active' | 'dead' | 'done' | 'failed' | 'died', number>
>;

export type DurabilitySource = {
  health(): Promise<{ readonly ok: boolean }>;
  figures(): {
    readonly database: {
      readonly connections: number;
      readonly idle: number;
      readonly waiting: number;
    };
    readonly spool: { readonly pending: number; readonly bytes: number };
    readonly writes: Readonly<Record<string, number>>;
    readonly unreadable: Readonly<Record<'people' | 'memories', number>>;
    readonly jobs: {
      readonly state: string;
      readonly queues: Readonly<Record<string, QueueFigures>>;
    };
  };
};

export function addDurability(registry: Registry, source: DurabilitySource): void {
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
  gauge('hearthline_database_up', '1 while the database answers.', async () =>
    (await source.health()).ok ? 1 : 0,
  );
  gauge(
    'hearthline_spool_pending',
    'Records that are on the disk and not in the database yet.',
    () => source.figures().spool.pending,
  );
  gauge('hearthline_spool_bytes', 'Size of the spool.', () => source.figures().spool.bytes);
  new Gauge({
    name: 'hearthline_database_connections',
    help: 'Connections to the database: used, idle; waiting: those who want one.',
    labelNames: ['state'],
    registers,
    collect() {
      const { connections, idle, waiting } = source.figures().database;
      this.set({ state: 'used' }, connections - idle);
      this.set({ state: 'idle' }, idle);
      this.set({ state: 'waiting' }, waiting);
    },
  });
  new Counter({
    name: 'hearthline_durable_writes_total',
    help: 'Records of calls by where they went: database, spool, set-aside, refused.',
    labelNames: ['kept'],
    registers,
    collect() {
      this.reset();
      for (const [kept, count] of Object.entries(source.figures().writes))
        this.inc({ kept }, count);
    },
  });
  new Gauge({
    name: 'hearthline_unreadable',
    help: 'What is in the database of people and cannot be opened: people (strangers here), memories.',
    labelNames: ['what'],
    registers,
    collect() {
      const { people, memories } = source.figures().unreadable;
      this.set({ what: 'people' }, people);
      this.set({ what: 'memories' }, memories);
    },
  });
  addJobs(registry, source);
}

const WAITING = ['ready', 'later', 'active', 'dead'] as const;

/** Labels: the names of our queues, and what became of an attempt. */
function addJobs(registry: Registry, source: DurabilitySource): void {
  const registers = [registry];
  new Gauge({
    name: 'hearthline_jobs_running',
    help: '1 while this instance does jobs; 0 while the queue is not up or the database away.',
    registers,
    collect() {
      this.set(source.figures().jobs.state === 'running' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'hearthline_jobs',
    help: 'Jobs of all instances: ready, due later, being done (active), given up (dead).',
    labelNames: ['queue', 'state'],
    registers,
    collect() {
      for (const [queue, figures] of Object.entries(source.figures().jobs.queues)) {
        for (const state of WAITING) this.set({ queue, state }, figures[state]);
      }
    },
  });
  new Counter({
    name: 'hearthline_job_attempts_total',
    help: 'Attempts at jobs by this instance; died: the last one failed as well.',
    labelNames: ['queue', 'outcome'],
    registers,
    collect() {
      this.reset();
      for (const [queue, { done, failed, died }] of Object.entries(source.figures().jobs.queues)) {
        this.inc({ queue, outcome: 'done' }, done);
        this.inc({ queue, outcome: 'failed' }, failed - died);
        this.inc({ queue, outcome: 'died' }, died);
      }
    },
  });
}
