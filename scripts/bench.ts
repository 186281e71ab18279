/**
 * `npm run bench`: the load benchmark, `bench/main.ts`. With the name of a small benchmark
 * (`npm run bench -- media-frame`): `bench/NAME.bench.ts` instead. Arguments are passed on.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

const args = process.argv.slice(2);
const [first] = args;
const small = first === undefined ? undefined : `bench/${first}.bench.ts`;
const isSmall = small !== undefined && /^[a-z-]+$/.test(first ?? '') && existsSync(small);
const command = isSmall ? [small, ...args.slice(1)] : ['bench/main.ts', ...args];

const child = spawn(process.execPath, command, { stdio: 'inherit' });
// The child ends its own children and then itself. A terminal signals it too; `kill` does not.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.on('close', (code) => {
  process.exitCode = code ?? 1;
});
