/**
 * `npm run bench [-- names…] [-- --json]`: runs every `bench/*.bench.ts`, each in a process of its
 * own, one after the other. With `--json`, prints one object: what each wrote, by name.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const LIMIT_MS = 10 * 60_000;

const args = process.argv.slice(2);
const json = args.includes('--json');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const all = readdirSync('bench')
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.replace('.bench.ts', ''))
  .sort();
const names = wanted.length === 0 ? all : wanted;
const unknown = names.filter((name) => !all.includes(name));

if (names.length === 0 || unknown.length > 0) {
  process.stderr.write(`No such benchmark: ${unknown.join(', ')}. There are: ${all.join(', ')}.\n`);
  process.exit(2);
}

const results: Record<string, unknown> = {};
for (const name of names) {
  process.stderr.write(`── ${name}\n`);
  const run = spawnSync('node', [`bench/${name}.bench.ts`, ...(json ? ['--json'] : [])], {
    stdio: ['ignore', json ? 'pipe' : 'inherit', 'inherit'],
    timeout: LIMIT_MS,
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    process.stderr.write(`${name} failed (${run.error?.message ?? run.status ?? run.signal})\n`);
    process.exitCode = 1;
    continue;
  }
  if (json) results[name] = JSON.parse(run.stdout) as unknown;
}
if (json) process.stdout.write(`${JSON.stringify(results)}\n`);
