/** `npm run faults`: the fault matrix. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { readArguments, refuse, wholeNumber } from '../../../scripts/arguments.ts';
import { allCells, cellName, FAULTS, MOMENTS, VENDORS, type PlannedCell } from './cells.ts';
import { runMatrix } from './matrix.ts';
import { markdownTable, metList, skippedList, summarise, type Summary } from './table.ts';
import type { CellResult } from './group.ts';

const USAGE = `npm run faults -- [options]: every fault of every vendor, in real calls

  --json         prints one summary
  --only CELLS   only these, again for more: flux, flux/401, */401/barge-in
  --fresh        each cell has a server of its own
  --trace FILE   keeps what was heard and told in the cells that failed
  --write        renews docs/reliability.md
  --workers N    processes side by side
  --at-once N    groups side by side in each of them`;

const values = readArguments(USAGE, {
  json: { type: 'boolean', default: false },
  fresh: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true, default: [] },
  trace: { type: 'string' },
  workers: { type: 'string', default: String(Math.min(4, availableParallelism())) },
  'at-once': { type: 'string' },
});

/**
 * Groups at once in a process. A group is four calls, or one where each cell has its own server; a
 * dozen calls in each of four processes leave four cores three quarters idle.
 */
const AT_ONCE = values.fresh ? 8 : 3;

const DOCUMENT = join(import.meta.dirname, '../../../docs/reliability.md');
const BEGIN = '<!-- matrix: written by `npm run faults -- --write` -->';
const END = '<!-- /matrix -->';

function isWanted(cell: PlannedCell): boolean {
  if (values.only.length === 0) return true;
  return values.only.some((pattern) => {
    const [vendor = '*', fault = '*', moment = '*'] = pattern.split('/');
    const fits = (wanted: string, value: string): boolean => wanted === '*' || wanted === value;
    return fits(vendor, cell.vendor) && fits(fault, cell.fault) && fits(moment, cell.moment);
  });
}

function explain(results: readonly CellResult[]): string {
  return results
    .filter(({ what }) => what.length > 0)
    .map((result) => `${cellName(result)}\n${result.what.map((w) => `    ${w}`).join('\n')}`)
    .join('\n');
}

function writeDocument(results: readonly CellResult[], summary: Summary): void {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('the markers are missing');
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  const failures = explain(results);
  const section = [
    '',
    `${new Date().toISOString().slice(0, 10)}, commit ${commit}, ${cpus().length} cores, ${memoryGb} GB: ` +
      `${summary.cells} cells, ${summary.held} held, ${summary.failed.length} failed, in ` +
      `${Math.round(summary.durationMs / 1000)} s. ${summary.repeated} were played again because ` +
      `the machine had stood still or the fault had missed its moment.`,
    '',
    metList(summary).replaceAll('\n', ' '),
    '',
    markdownTable(results),
    '',
    'Not run, because they make no sense:',
    '',
    skippedList(),
    ...(failures === '' ? [] : ['', 'Failed:', '', '```text', failures, '```']),
    '',
  ].join('\n');
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${section}\n${END}${after}`);
  execFileSync('prettier', ['--write', DOCUMENT]);
}

if (values.write && values.only.length > 0) {
  refuse('--write is for the whole matrix: the table would lose what is not played');
}
const planned = allCells().filter(isWanted);
const cells = planned.filter(({ skipped }) => skipped === undefined);
if (cells.length === 0) {
  const names = (all: readonly string[]): string => all.join(', ');
  refuse(
    `no such cell; --only VENDOR/FAULT/MOMENT, or * for any, of\n  vendors: ${names(VENDORS)}\n` +
      `  faults: ${names(FAULTS)}\n  moments: ${names(MOMENTS)}`,
  );
}
const beganAt = performance.now();
const outcome = await runMatrix(cells, {
  workers: wholeNumber('workers', values.workers),
  atOnce: wholeNumber('at-once', values['at-once'] ?? String(AT_ONCE)),
  fresh: values.fresh,
  baseline: 'loaded',
  onResults: (results, done, all) => {
    const bad = results.filter(({ what }) => what.length > 0);
    const first = results[0];
    const name = first ? `${first.vendor} × ${first.fault}` : '';
    process.stderr.write(
      `${String(done).padStart(4)}/${all} ${name}: ${results.length - bad.length} held, ${bad.length} failed\n`,
    );
    // Also of what is going to be played again.
    for (const { moment, what, lagMs = 0 } of bad) {
      process.stderr.write(`         ${moment}, stood still for ${lagMs} ms: ${what.join('; ')}\n`);
    }
  },
});
const summary = summarise(outcome, planned, performance.now() - beganAt);
if (values.trace !== undefined) {
  const traces = outcome.results.flatMap(({ trace, what }) =>
    trace === undefined ? [] : [`${what.join('\n')}\n${trace}`],
  );
  writeFileSync(values.trace, traces.join('\n\n'));
}
if (values.write) writeDocument(outcome.results, summary);
if (values.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
else {
  process.stdout.write(`${markdownTable(outcome.results)}\n\n${explain(outcome.results)}\n`);
  process.stdout.write(`${metList(summary)}\n`);
  for (const missed of summary.missed) process.stdout.write(`MISSED ${missed}\n`);
  for (const leak of summary.leaks) process.stdout.write(`LEAK ${leak}\n`);
  const heaps = outcome.leftovers.map(({ heapGrowthMb, groups }) => `${heapGrowthMb} MB/${groups}`);
  process.stdout.write(
    `${summary.cells} cells, ${summary.held} held, ${summary.failed.length} failed, ` +
      `${summary.repeated} played again, ${summary.skipped} make no sense; ${Math.round(summary.durationMs / 1000)} s; ` +
      `heap growth per worker ${heaps.join(', ')}\n`,
  );
}
process.exitCode = summary.failed.length + summary.leaks.length === 0 ? 0 : 1;
