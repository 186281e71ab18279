/** Figures of who is let in, asked when somebody looks. */
import { Counter, Gauge, type Registry } from 'prom-client';

export type AdmissionSource = {
  /** Undefined: new calls are welcome. */
  noRoom(): string | undefined;
  /** Calls that were turned away since the start, by why: draining, late, limit. */
  turnedAway(): Readonly<Record<string, number>>;
  /** How late one turn of the event loop in ten was in the last second, milliseconds. */
  lateMs(): number;
};

export function addAdmission(registry: Registry, source: AdmissionSource): void {
  const registers = [registry];
  new Counter({
    name: 'hearthline_calls_turned_away_total',
    help: 'Calls that nobody took here, by why: draining, late, limit.',
    labelNames: ['why'],
    registers,
    collect() {
      this.reset();
      for (const [why, count] of Object.entries(source.turnedAway())) this.inc({ why }, count);
    },
  });
  new Gauge({
    name: 'hearthline_accepting_calls',
    help: '1 while new calls are taken.',
    registers,
    collect() {
      this.set(source.noRoom() === undefined ? 1 : 0);
    },
  });
  new Gauge({
    name: 'hearthline_admission_late_seconds',
    help: 'How late one turn of the event loop in ten was in the last second: what shuts admission.',
    registers,
    collect() {
      this.set(source.lateMs() / 1_000);
    },
  });
}
