/** Figures of what outlives the process, asked when somebody looks. */
import { Counter, Gauge, type Registry } from 'prom-client';

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
}
