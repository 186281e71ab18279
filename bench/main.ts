/**
 * The load benchmark: whole calls through the real server on one core, everything else on others.
 * See docs/performance.md for what is measured and how.
 */
import { refuse } from '../scripts/arguments.ts';
import { calibrate, type Calibration } from './calls/calibrate.ts';
import { checkOut } from './calls/against.ts';
import { chooseCores, describeMachine, type Cores, type Machine } from './calls/cores.ts';
import { openBenchDatabase, type BenchDatabase } from './calls/database.ts';
import { readOptions, USAGE, type Options } from './calls/options.ts';
import { ratioLines, runPairs, type Pairs } from './calls/pairs.ts';
import { levelSecondsOf, measuredSecondsOf, measureLevel, type Level } from './calls/repeats.ts';
import { tableOf, type Row } from './calls/row.ts';
import { runSoak } from './calls/soak.ts';
import { measureStart } from './calls/startup.ts';

const LEVELS = [1, 10, 50, 100, 200, 300, 400, 500, 600, 700, 800] as const;
/** With two cores the helpers share one. */
const FEW_CORES_LEVELS = [1, 10, 25, 50] as const;
const MAX_LATENESS_P99_MS = 20;
/** A spoiled run is repeated so often; the best is kept and the others are shown. */
const REPEATS = 2;
/** A repeat may not take the time that the levels up to this one still need. */
const GOAL_CALLS = 300;
/** Where the machine is not quiet, a level is measured so many times as long at most. */
const MOST_TIMES = 3;
/** Of the second calibration, which ends the climb. */
const LAST_SECONDS = 15;
const SOAK_CALLS = 100;
const PAIRS_CALLS = 100;

/** What every run needs. */
type Bench = {
  readonly machine: Machine;
  readonly cores: Cores;
  readonly database: BenchDatabase;
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function climb(options: Options, bench: Bench): Promise<void> {
  const beganAt = performance.now();
  const leftSeconds = (): number =>
    options.minutes * 60 - LAST_SECONDS - (performance.now() - beganAt) / 1_000;
  const { machine, cores, database } = bench;
  const startMs = await measureStart(cores, database);
  say(`   start to ready: ${startMs} ms`);
  const calibrations: Calibration[] = [await calibrate(cores)];
  const levels: Level[] = [];
  const usual = machine.cores >= 4 ? LEVELS : FEW_CORES_LEVELS;
  const wanted: readonly number[] = options.calls ?? usual;
  const leftOut: number[] = [];
  for (const [place, calls] of wanted.entries()) {
    const { seconds, profile, settings } = options;
    const needed = levelSecondsOf(calls, seconds);
    if (leftSeconds() < needed) {
      leftOut.push(...wanted.slice(place));
      say(`   no time for ${leftOut.join(', ')} calls: --minutes ${options.minutes}`);
      break;
    }
    const later = wanted
      .slice(place + 1)
      .filter((level) => level <= GOAL_CALLS)
      .reduce((sum, level) => sum + levelSecondsOf(level, seconds), 0);
    const mayRepeat = (repeats: number): boolean => {
      if (repeats > REPEATS || profile) return false;
      if (leftSeconds() >= needed + later) return true;
      say('   no time for a repeat');
      return false;
    };
    const extraSeconds = (): number => {
      const spareSeconds = Math.max(0, Math.floor(leftSeconds() - needed - later));
      return Math.min(measuredSecondsOf(calls, seconds) * (MOST_TIMES - 1), spareSeconds);
    };
    const run = { calls, seconds, extraSeconds, cores, database, profile, settings };
    const level = await measureLevel({ ...run, say, mayRepeat });
    levels.push(level);
    if (level.row) say(tableOf([level.row]));
    const isLate = (level.row?.latenessMs?.p99 ?? Infinity) > MAX_LATENESS_P99_MS;
    // What the machine spoiled says little of the server.
    const isSpoiled = (level.row?.quality.spoiledBy.length ?? 0) > 0;
    if (options.calls === undefined && isLate && !isSpoiled) break;
  }
  calibrations.push(await calibrate(cores));
  const rest = { startMs, relay: calibrations, leftOut, database: database.kind };
  report(options, machine, levels, rest);
}

function report(
  options: Options,
  machine: Machine,
  levels: readonly Level[],
  rest: {
    readonly startMs: number;
    readonly relay: readonly Calibration[];
    /** Levels for which there was no time. */
    readonly leftOut: readonly number[];
    /** Where the records go: `embedded` runs on the server's own core. */
    readonly database: BenchDatabase['kind'];
  },
): void {
  const rows = levels.flatMap(({ row }) => row ?? []);
  const failed = levels.flatMap(({ calls, row, failures }) => (row ? [] : [{ calls, failures }]));
  if (failed.length > 0) process.exitCode = 1;
  const good = rows.filter(
    (row) => (row.latenessMs?.p99 ?? Infinity) <= MAX_LATENESS_P99_MS && row.callsLost === 0,
  );
  const maxCalls = Math.max(0, ...good.map(({ calls }) => calls));
  const discarded = levels.flatMap((done) => done.discarded);
  if (options.json) {
    const { settings } = options;
    const result = { machine, settings, rows, maxCalls, ...rest, discarded, failed };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const relay = rest.relay.map(({ cpuMsPerCallSecond }) => cpuMsPerCallSecond).join(', ');
  process.stdout.write(
    `${machine.date}, ${machine.cores} cores (${machine.model}), Node ${machine.node}` +
      Object.entries(options.settings)
        .map(([name, value]) => `, ${name}=${value}`)
        .join('') +
      '\n\n' +
      `${tableOf(rows)}\n\nMost calls on one core: ${maxCalls}. Start to ready: ${rest.startMs} ms. ` +
      `Relay: ${relay} ms CPU per call-second.\n` +
      (rest.database === 'embedded' ? 'Database: embedded, on the core of the server.\n' : '') +
      failed.map(({ calls, failures }) => `FAILED at ${calls} calls: ${failures[0]}\n`).join('') +
      (rest.leftOut.length === 0 ? '' : `Left out for time: ${rest.leftOut.join(', ')} calls.\n`) +
      (discarded.length === 0 ? '' : `\nDiscarded:\n\n${tableOf(discarded)}\n`),
  );
}

async function soak(seconds: number, options: Options, bench: Bench): Promise<void> {
  const calls = options.calls?.[0] ?? SOAK_CALLS;
  const onProgress = (line: string): void => say(`   ${line}`);
  const { settings } = options;
  const result = await runSoak({ calls, seconds, settings, ...bench, onProgress });
  const { holds, because, spoiledBy } = result.verdict;
  const spoiled = spoiledBy.length === 0 ? '' : `, spoiled by ${spoiledBy.join(', ')}`;
  say(`   ${holds ? 'holds' : `does not hold: ${because.join(', ')}`}${spoiled}`);
  if (!holds) process.exitCode = 1;
  const out = { machine: bench.machine, settings, soak: result };
  process.stdout.write(`${JSON.stringify(out, undefined, options.json ? undefined : 2)}\n`);
}

/** One run, which is shown but not repeated alone: its partner ran in the same minute. */
async function single(
  options: Options,
  bench: Bench,
  variant: { readonly root?: string | undefined; readonly tracing?: boolean },
): Promise<Row | undefined> {
  const calls = options.calls?.[0] ?? PAIRS_CALLS;
  const { seconds, profile, settings } = options;
  const mayRepeat = (): boolean => false;
  const extraSeconds = (): number => seconds * (MOST_TIMES - 1);
  const how = { calls, seconds, extraSeconds, profile, settings, mayRepeat };
  const run = { ...how, say, ...bench, ...variant };
  return (await measureLevel(run)).row;
}

function printPairs(
  options: Options,
  machine: Machine,
  found: Pairs,
  here: string,
  there: string,
): void {
  const calls = options.calls?.[0] ?? PAIRS_CALLS;
  const out = { machine, settings: options.settings, calls, here, there, ...found };
  const text = options.json ? `${JSON.stringify(out)}\n` : ratioLines(found, here, there);
  process.stdout.write(text);
}

async function against(revision: string, options: Options, bench: Bench): Promise<void> {
  const other = checkOut(revision);
  try {
    const there = async (): Promise<Row | undefined> =>
      await single(options, bench, { root: other.root });
    const pairs = await runPairs(
      options.rounds,
      async () => await single(options, bench, {}),
      there,
    );
    printPairs(options, bench.machine, pairs, 'here', revision);
  } finally {
    other.drop();
  }
}

/** What tracing costs. */
async function tracing(options: Options, bench: Bench): Promise<void> {
  const traced = async (): Promise<Row | undefined> => {
    const row = await single(options, bench, { tracing: true });
    if (row?.spans === 0) throw new Error('no span arrived: this would measure nothing');
    return row;
  };
  const pairs = await runPairs(
    options.rounds,
    traced,
    async () => await single(options, bench, {}),
  );
  printPairs(options, bench.machine, pairs, 'traced', 'untraced');
}

function optionsOrRefuse(args: readonly string[]): Options {
  try {
    return readOptions(args);
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
}

async function main(): Promise<void> {
  if (process.argv.includes('--help')) return console.log(USAGE);
  const options = optionsOrRefuse(process.argv.slice(2));
  // Before this process keeps itself to one core.
  const [machine, cores] = [describeMachine(), chooseCores()];
  const database = await openBenchDatabase(cores, say);
  const bench = { machine, cores, database };
  try {
    if (options.soak !== undefined) await soak(options.soak, options, bench);
    else if (options.against !== undefined) await against(options.against, options, bench);
    else if (options.tracing) await tracing(options, bench);
    else await climb(options, bench);
  } finally {
    await database.close();
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
