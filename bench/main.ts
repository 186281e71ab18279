/**
 * The load benchmark: whole calls through the real server on one core, everything else on others.
 * See docs/performance.md for what is measured and how.
 */
import { calibrate, type Calibration } from './calls/calibrate.ts';
import { checkOut, ratiosOf } from './calls/against.ts';
import { chooseCores, describeMachine, type Cores } from './calls/cores.ts';
import { judge } from './calls/gate.ts';
import { runLevel } from './calls/level.ts';
import { readOptions, USAGE, type Options } from './calls/options.ts';
import { rowOf, tableOf, type Row } from './calls/row.ts';
import { runSoak } from './calls/soak.ts';
import { measureStart } from './calls/startup.ts';

const LEVELS = [1, 10, 50, 100, 200, 300, 400, 500, 600, 700, 800] as const;
/** With two cores the helpers share one. */
const FEW_CORES_LEVELS = [1, 10, 25, 50] as const;
const MAX_LATENESS_P99_MS = 20;
/** A spoiled run is repeated so often; the best is kept and the others are shown. */
const REPEATS = 2;
/** Few calls need more time for enough turns: one takes about seven seconds. */
const LONGER = [
  { below: 10, factor: 6 },
  { below: 50, factor: 2 },
] as const;
const SOAK_CALLS = 100;
const AGAINST_CALLS = 100;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

type Level = { readonly row: Row; readonly discarded: readonly Row[] };

/** One level, again where the machine spoiled it. */
async function level(
  calls: number,
  options: Options,
  cores: Cores,
  repeats: number,
  root?: string,
): Promise<Level> {
  const factor = LONGER.find(({ below }) => calls < below)?.factor ?? 1;
  const seconds = options.seconds * factor;
  const rows: Row[] = [];
  for (let time = 0; time <= repeats; time += 1) {
    say(`── ${calls} calls, ${seconds} s`);
    const run = await runLevel({ calls, seconds, cores, profile: options.profile, root });
    const row = rowOf(run, judge(run));
    if (row.quality.spoiledBy.length === 0) return { row, discarded: rows };
    say(`   spoiled: ${row.quality.spoiledBy.join(', ')}`);
    rows.push(row);
  }
  const best = rows.toSorted(
    (a, b) => (a.latenessMs?.p99 ?? Infinity) - (b.latenessMs?.p99 ?? Infinity),
  )[0];
  if (best === undefined) throw new Error('nothing was measured');
  return { row: best, discarded: rows.filter((row) => row !== best) };
}

async function climb(options: Options, cores: Cores): Promise<void> {
  const machine = describeMachine();
  const startMs = await measureStart(cores);
  say(`   start to ready: ${startMs} ms`);
  const calibrations: Calibration[] = [await calibrate(cores)];
  const levels: Level[] = [];
  const usual = machine.cores >= 4 ? LEVELS : FEW_CORES_LEVELS;
  for (const calls of options.calls ?? usual) {
    const done = await level(calls, options, cores, REPEATS);
    levels.push(done);
    say(tableOf([done.row]));
    const late = (done.row.latenessMs?.p99 ?? 0) > MAX_LATENESS_P99_MS;
    if (options.calls === undefined && late) break;
  }
  calibrations.push(await calibrate(cores));
  const rows = levels.map(({ row }) => row);
  const good = rows.filter(
    (row) => (row.latenessMs?.p99 ?? Infinity) <= MAX_LATENESS_P99_MS && row.callsLost === 0,
  );
  const maxCalls = Math.max(0, ...good.map(({ calls }) => calls));
  const discarded = levels.flatMap((done) => done.discarded);
  const result = { machine, rows, maxCalls, startMs, relay: calibrations, discarded };
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const relay = calibrations.map(({ cpuMsPerCallSecond }) => cpuMsPerCallSecond).join(', ');
  process.stdout.write(
    `${machine.date}, ${machine.cores} cores (${machine.model}), Node ${machine.node}\n\n` +
      `${tableOf(rows)}\n\nMost calls on one core: ${maxCalls}. Start to ready: ${startMs} ms. ` +
      `Relay: ${relay} ms CPU per call-second.\n` +
      (discarded.length === 0 ? '' : `\nDiscarded:\n\n${tableOf(discarded)}\n`),
  );
}

async function soak(seconds: number, options: Options, cores: Cores): Promise<void> {
  const calls = options.calls?.[0] ?? SOAK_CALLS;
  const result = await runSoak({ calls, seconds, cores, onProgress: (line) => say(`   ${line}`) });
  const out = { machine: describeMachine(), soak: result };
  process.stdout.write(`${JSON.stringify(out, undefined, options.json ? undefined : 2)}\n`);
}

async function against(revision: string, options: Options, cores: Cores): Promise<void> {
  const calls = options.calls?.[0] ?? AGAINST_CALLS;
  const other = checkOut(revision);
  try {
    const pairs: [Row, Row][] = [];
    for (let round = 0; round < options.rounds; round += 1) {
      // Whoever goes first changes from round to round.
      const roots = round % 2 === 0 ? [undefined, other.root] : [other.root, undefined];
      const rows: { root: string | undefined; row: Row }[] = [];
      for (const root of roots) {
        rows.push({ root, row: (await level(calls, options, cores, 0, root)).row });
      }
      const here = rows.find(({ root }) => root === undefined)?.row;
      const there = rows.find(({ root }) => root !== undefined)?.row;
      if (here && there) pairs.push([here, there]);
    }
    const ratios = ratiosOf(pairs);
    if (options.json) {
      const machine = describeMachine();
      process.stdout.write(`${JSON.stringify({ machine, calls, revision, ratios, pairs })}\n`);
      return;
    }
    for (const { measure, here, there, ratio } of ratios) {
      process.stdout.write(`${measure.padEnd(24)} ${here} here, ${there} there: × ${ratio}\n`);
    }
  } finally {
    other.drop();
  }
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const cores = chooseCores();
  if (options.soak !== undefined) await soak(options.soak, options, cores);
  else if (options.against !== undefined) await against(options.against, options, cores);
  else await climb(options, cores);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));
main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  say(USAGE);
  process.exitCode = 1;
});
