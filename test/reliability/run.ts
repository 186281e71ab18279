/**
 * `npm run reliability`: real processes, a real redis-server, a real PostgreSQL, the vendors'
 * emulators, a balancer; instances are killed, terminated and cut off from their stores.
 *
 * `--json` prints `{scenarios: [{name, pass, figures}]}`, else a table; `--only kill` (again for
 * more) picks; `--kills N`; `--seed N` repeats a run's moments; `--short` is what `npm test` plays;
 * `--write` renews the table in docs/reliability.md.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { readArguments, refuse, wholeNumber } from '../../scripts/arguments.ts';
import { watchHost } from '../../scripts/host-share.ts';
import type { RunOptions, Scenario } from './scenario.ts';
import { baselineOf, playAll, SCENARIOS, type Result } from './scenarios.ts';
import { detail, markdownTable } from './table.ts';

const DOCUMENT = join(import.meta.dirname, '../../docs/reliability.md');
const BEGIN = '<!-- reliability: written by `npm run reliability -- --write` -->';
const END = '<!-- /reliability -->';
const KILLS = 50;
const SHORT_KILLS = 2;
const LINGER_MS = 2_000;

const USAGE = `npm run reliability -- [options]: kills, deploys and outages

  --json       prints one object
  --only NAME  only this scenario, again for more: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --short      the short form, as in npm test
  --kills N    how often a process is killed
  --seed N     the kills of an earlier run
  --write      renews docs/reliability.md`;

const values = readArguments(USAGE, {
  json: { type: 'boolean', default: false },
  short: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  only: { type: 'string', multiple: true, default: [] },
  kills: { type: 'string' },
  seed: { type: 'string' },
});

/** What measures seconds of a start runs alone; the minutes of outages run side by side. */
const SIDE_BY_SIDE: readonly (readonly string[])[] = [
  ['kill'],
  ['redis-down', 'kill-hang-up', 'drain-alone'],
  ['postgres-down', 'kill-silent', 'webhook'],
  ['both-down', 'drain', 'disk-full'],
];

function chosen(): Scenario[] {
  const { only } = values;
  const unknown = only.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    const names = SCENARIOS.map(({ name }) => name).join(', ');
    refuse(`no scenario is called ${unknown.join(', ')}; there are ${names}`);
  }
  return SCENARIOS.filter(({ name }) => only.length === 0 || only.includes(name));
}

function writeDocument(
  results: readonly Result[],
  options: RunOptions,
  seconds: number,
  hostKept: number,
): void {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('the markers are missing');
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const held = results.filter(({ pass }) => pass).length;
  const broken = results.filter(({ pass }) => !pass).map(detail);
  const section = [
    '',
    `${new Date().toISOString().slice(0, 10)}, commit ${commit}, ${cpus().length} cores, ` +
      `${Math.round(totalmem() / 2 ** 30)} GB, seed ${options.seed}: ${results.length} scenarios, ` +
      `${held} held, in ${seconds} s. The host kept at most ${hostKept} % of two seconds for others.`,
    '',
    markdownTable(results),
    ...(broken.length === 0 ? [] : ['', 'Failed:', '', '```text', ...broken, '```']),
    '',
  ].join('\n');
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${section}\n${END}${after}`);
  execFileSync('prettier', ['--write', DOCUMENT]);
}

if (values.write && (values.short || values.only.length > 0)) {
  refuse('--write is for the whole of it: the table would lose what is not played');
}
const options: RunOptions = {
  short: values.short,
  kills: wholeNumber('kills', values.kills ?? String(values.short ? SHORT_KILLS : KILLS)),
  seed: wholeNumber('seed', values.seed ?? String(Math.floor(Math.random() * 1_000_000)), 0),
  say: (line) => void process.stderr.write(`   ${line}\n`),
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => process.exit(process.exitCode ?? 130));
}
const [beganAtMs, beganMs] = [performance.now(), Date.now()];
const host = watchHost();
process.stderr.write(`seed ${options.seed}\n`);
const wanted = chosen();
const alone = wanted.filter(({ name }) => !SIDE_BY_SIDE.flat().includes(name));
const lists = SIDE_BY_SIDE.map((names) => wanted.filter(({ name }) => names.includes(name)));
const tell = (result: Result): void => void process.stderr.write(`${detail(result)}\n`);
const played = [
  ...(await playAll([alone], options, tell)),
  ...(await playAll(lists, options, tell)),
];
const results = [...played, baselineOf(played)].filter((result) => result !== undefined);
const seconds = Math.round((performance.now() - beganAtMs) / 1_000);
const hostKept = host.keptBetween(beganMs, Date.now());
host.stop();
if (values.write) writeDocument(results, options, seconds, hostKept);
if (values.json) process.stdout.write(`${JSON.stringify({ scenarios: results })}\n`);
else
  process.stdout.write(
    `${markdownTable(results)}\n\n${seconds} s, seed ${options.seed}, host kept ${hostKept} %\n`,
  );
process.exitCode = results.every(({ pass }) => pass) ? 0 : 1;
// A scenario that lost its way shall not hold us, nor what it started.
setTimeout(() => process.kill(process.pid, 'SIGTERM'), LINGER_MS).unref();
