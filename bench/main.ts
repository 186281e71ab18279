/**
 * The load benchmark: whole calls through the real server on one core, everything else on others.
 * See docs/performance.md for what is measured and how.
 */
import { refuse } from '../scripts/arguments.ts';
import { calibrate, type Calibration } from './calls/calibrate.ts';
import { checkOut } from './calls/against.ts';
import { Climb, isInTime, MOST_TIMES, type Level } from './calls/climb.ts';
import { chooseCores, describeMachine, type Cores, type Machine } from './calls/cores.ts';
import { openBenchDatabase, type BenchDatabase } from './calls/database.ts';
import { measureRun } from './calls/measure.ts';
import { readOptions, USAGE, type Options } from './calls/options.ts';
import { ratioLines, runPairs, type Pairs } from './calls/pairs.ts';
import { tableOf, type Row } from './calls/row.ts';
import { runSoak } from './calls/soak.ts';
import { measureStart } from './calls/startup.ts';

const LEVELS = [1, 10, 50, 100, 200, 300, 400, 500, 600, 700, 800] as const;
/** With two cores the helpers share one. */
const FEW_CORES_LEVELS = [1, 10, 25, 50] as const;
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
  const { seconds, profile, settings, calls: asked } = options;
  const usual = machine.cores >= 4 ? LEVELS : FEW_CORES_LEVELS;
  const untilTooMuch = asked === undefined;
  const climbing = new Climb({ levels: asked ?? usual, seconds, untilTooMuch, repeats: !profile });
  for (;;) {
    const calls = climbing.next(leftSeconds());
    if (calls === undefined) break;
    const extraSeconds = climbing.extraSeconds(calls, leftSeconds());
    const how = { calls, seconds, extraSeconds, profile, settings };
    const run = await measureRun({ ...how, cores, database, say });
    climbing.add(calls, run);
    if ('row' in run) say(tableOf([run.row]));
  }
  const leftOut = climbing.leftOut();
  if (leftOut.length > 0)
    say(`   no time for ${leftOut.join(', ')} calls: --minutes ${options.minutes}`);
  calibrations.push(await calibrate(cores));
  const rest = { startMs, relay: calibrations, leftOut, database: database.kind };
  report(options, machine, climbing.levels(), rest);
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
  const good = rows.filter((row) => isInTime(row) && row.callsLost === 0);
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

/** One run, which is not repeated alone: its partner ran in the same minute. */
async function single(
  options: Options,
  bench: Bench,
  variant: { readonly root?: string | undefined; readonly tracing?: boolean },
): Promise<Row | undefined> {
  const calls = options.calls?.[0] ?? PAIRS_CALLS;
  const { seconds, profile, settings } = options;
  const how = { calls, seconds, extraSeconds: seconds * (MOST_TIMES - 1), profile, settings };
  const run = await measureRun({ ...how, say, ...bench, ...variant });
  return 'row' in run ? run.row : undefined;
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
