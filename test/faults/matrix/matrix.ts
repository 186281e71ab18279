/** Deals groups of cells out to worker processes and gathers what became of them. */
import { fork, type ChildProcess } from 'node:child_process';
import { startPostgres } from '../../helpers/postgres-server.ts';
import { cellName, type Cell } from './cells.ts';
import type { CellResult } from './group.ts';
import type { Leftovers } from './leftovers.ts';
import type { Baseline, FromWorker, ToWorker } from './worker.ts';

export type MatrixOptions = {
  readonly workers: number;
  /** Groups at once in each worker, after its first. */
  readonly atOnce: number;
  /** A server for each cell instead of one for each vendor and fault: breakers are fresh. */
  readonly fresh: boolean;
  /**
   * What is left behind is told by comparison. `loaded`: each worker's first group runs alone, so that
   * the heap of the others can be told from what any process loads and keeps. `started`: quicker, and
   * nothing is said of the heap.
   */
  readonly baseline: Baseline;
  readonly onResults?: (results: readonly CellResult[], done: number, all: number) => void;
};

export type MatrixOutcome = {
  readonly results: readonly CellResult[];
  readonly leftovers: readonly Leftovers[];
  /** Cells that were played again because the machine stood still, or the fault missed its moment. */
  readonly repeated: number;
  /** Plays in which the fault missed its cell, with what was found, also where a later one did not. */
  readonly missed: readonly string[];
};

/** A group that takes longer has lost its way: its worker is given up. */
const GROUP_LIMIT_MS = 240_000;

/**
 * A process that stood still for longer loses the caller's own words and is late with every vendor
 * at once; what fails meanwhile says nothing of the server, and is played again with less beside it.
 */
const SPOILT_BY_MS = 250;
const MAX_PLAYS = 3;

export async function runMatrix(
  cells: readonly Cell[],
  options: MatrixOptions,
): Promise<MatrixOutcome> {
  const postgres = cells.some(({ vendor }) => vendor === 'postgres')
    ? await sharedPostgres()
    : undefined;
  const results = new Map<string, CellResult>();
  const leftovers: Leftovers[] = [];
  const missedCells: string[] = [];
  let repeated = 0;
  try {
    let groups = groupsOf(cells, options.fresh);
    for (let play = 1; groups.length > 0; play += 1) {
      const less = { workers: options.workers, atOnce: 1 };
      const outcome = await playAll(
        groups,
        play === 1 ? options : { ...options, ...less },
        postgres,
      );
      for (const result of outcome.results) results.set(cellName(result), result);
      leftovers.push(...outcome.leftovers);
      for (const result of outcome.results) {
        if (result.missed === true)
          missedCells.push(`${cellName(result)}: ${result.what.join('; ')}`);
      }
      const spoilt = outcome.results.filter(
        ({ what, missed = false, lagMs = 0 }) =>
          what.length > 0 && (missed || lagMs > SPOILT_BY_MS),
      );
      if (play === MAX_PLAYS) break;
      // The cells alone: nothing of what was found goes into the next play.
      const again = spoilt.map(({ vendor, fault, moment }) => ({ vendor, fault, moment }));
      groups = groupsOf(again, options.fresh);
      repeated += spoilt.length;
    }
  } finally {
    await postgres?.stop();
  }
  return { results: [...results.values()], leftovers, repeated, missed: missedCells };
}

async function playAll(
  groups: readonly Cell[][],
  options: MatrixOptions,
  postgres: SharedPostgres | undefined,
): Promise<Pick<MatrixOutcome, 'results' | 'leftovers'>> {
  const waiting = [...groups];
  const results: CellResult[] = [];
  const leftovers: Leftovers[] = [];
  let done = 0;
  const take = (gained: readonly CellResult[]): void => {
    results.push(...gained);
    done += 1;
    options.onResults?.(gained, done, groups.length);
  };
  const count = Math.min(options.workers, groups.length);
  await Promise.all(
    Array.from({ length: count }, async () => {
      leftovers.push(...(await runWorker(waiting, options, take, postgres?.environment)));
    }),
  );
  for (const lost of waiting) take(brokenGroup(lost, 'no process was left to run it'));
  return { results, leftovers };
}

type SharedPostgres = {
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
};

/** One server for all workers, who make databases of their own in it; ours even if they are not. */
async function sharedPostgres(): Promise<SharedPostgres> {
  const postgres = await startPostgres();
  const { adminUrl } = await postgres.createDatabase();
  return { environment: { TEST_DATABASE_URL: adminUrl }, stop: () => postgres.stop() };
}

function groupsOf(cells: readonly Cell[], fresh: boolean): Cell[][] {
  if (fresh) return cells.map((cell) => [cell]);
  const groups = new Map<string, Cell[]>();
  // What is large takes most of the processor: these come last, and together.
  const rank = ({ fault }: Cell): number => Number(fault === 'oversize');
  for (const cell of cells.toSorted((a, b) => rank(a) - rank(b))) {
    const key = `${cell.vendor} ${cell.fault}`;
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  return [...groups.values()];
}

async function runWorker(
  waiting: Cell[][],
  { atOnce, baseline }: MatrixOptions,
  take: (results: readonly CellResult[]) => void,
  environment: Readonly<Record<string, string>> = {},
): Promise<Leftovers[]> {
  const child = fork(new URL('./worker.ts', import.meta.url), [baseline], {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    env: { ...process.env, ...environment },
  });
  const running = new Map<string, { cells: readonly Cell[]; limit: NodeJS.Timeout }>();
  const found: Leftovers[] = [];
  let allowed = baseline === 'loaded' ? 1 : atOnce;
  const next = (): void => {
    while (running.size < allowed) {
      const cells = waiting.shift();
      if (!cells) break;
      const limit = setTimeout(() => giveUp(child), GROUP_LIMIT_MS);
      running.set(keyOf(cells), { cells, limit });
      send(child, { run: cells });
    }
    if (running.size === 0) send(child, { finish: true });
  };
  const settle = (cells: readonly Cell[], results: readonly CellResult[]): void => {
    const key = keyOf(cells);
    clearTimeout(running.get(key)?.limit);
    running.delete(key);
    take(results);
  };
  child.on('message', (message: FromWorker) => {
    if ('finished' in message) {
      found.push(message.finished);
      // Speech was synthesised on a thread of its own, which would keep the process alive.
      child.kill();
      return;
    }
    if ('results' in message) settle(message.cells, message.results);
    if ('broke' in message) settle(message.cells, brokenGroup(message.cells, message.broke));
    if (!('ready' in message)) allowed = atOnce;
    next();
  });
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for (const { cells } of [...running.values()]) {
    settle(cells, brokenGroup(cells, 'its process died'));
  }
  return found;
}

/** One that listens ends what it started; one that hangs ends alone. */
function giveUp(child: ChildProcess): void {
  child.kill();
  const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
  child.once('exit', () => clearTimeout(force));
}

function keyOf(cells: readonly Cell[]): string {
  return cells.map(cellName).join();
}

function send(child: ChildProcess, message: ToWorker): void {
  if (child.connected) child.send(message);
}

function brokenGroup(cells: readonly Cell[], why: string): CellResult[] {
  return cells.map((cell) => ({ ...cell, what: [`the cell could not be run: ${why}`] }));
}
