/** Which process runs where. */
import { availableParallelism, cpus, totalmem } from 'node:os';

export type Cores = {
  readonly server: number;
  readonly callers: number;
  readonly ears: number;
  readonly vendors: number;
};

/** The server alone on the first core; the helpers on cores of their own where there are enough. */
export function chooseCores(count: number = availableParallelism()): Cores {
  if (count >= 4) return { server: 0, callers: 1, ears: 2, vendors: 3 };
  if (count === 3) return { server: 0, callers: 1, ears: 2, vendors: 2 };
  const rest = count === 2 ? 1 : 0;
  return { server: 0, callers: rest, ears: rest, vendors: rest };
}

export type Machine = {
  readonly cores: number;
  readonly model: string;
  readonly memoryGb: number;
  readonly node: string;
  readonly date: string;
};

export function describeMachine(): Machine {
  return {
    cores: availableParallelism(),
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
  };
}
