/**
 * Simulates many calls and reports the seeds that break an invariant, shrunk to what is needed.
 *
 *     node test/simulation/run.ts --seeds 10000 --from 1 [--json] [--workers N]
 *     node test/simulation/run.ts --story 4711     (one call, step by step)
 *
 * Exit code 0: every seed kept every promise. 1: some did not. 2: wrong arguments.
 */
import { availableParallelism } from 'node:os';
import { readArguments, wholeNumber } from '../../scripts/arguments.ts';
import { Worker } from 'node:worker_threads';
import type { Batch, BatchResult, Failure } from './batch.ts';
import { makeScript } from './script.ts';
import { shrink, without } from './shrink.ts';
import { simulate } from './world.ts';

/** Shrinking is slow; beyond these, failing seeds are only named. */
const MAX_SHRUNK = 5;

const USAGE = `npm run simulate -- [options]: many calls on a virtual clock

  --seeds N    how many (10000)
  --from N     the first (1)
  --workers N  threads side by side
  --story N    instead: one call, step by step
  --json       prints one object`;

const values = readArguments(USAGE, {
  seeds: { type: 'string', default: '500' },
  from: { type: 'string', default: '1' },
  workers: { type: 'string', default: String(availableParallelism()) },
  story: { type: 'string' },
  json: { type: 'boolean', default: false },
});

function runInWorker(batch: Batch): Promise<BatchResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./batch.ts', import.meta.url), { workerData: batch });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`a worker ended early with code ${code}`)));
  });
}

function tellStory(seed: number): never {
  const outcome = simulate(makeScript(seed), undefined, true);
  for (const line of outcome.story) console.log(line);
  console.log(outcome.violations);
  process.exit(outcome.violations.length === 0 ? 0 : 1);
}

function explain({ seed, violation }: Failure): void {
  const script = makeScript(seed);
  const omit = shrink(script, violation.invariant);
  console.log(
    `\nseed ${seed} breaks "${violation.invariant}" at ${violation.at} ms: ${violation.what}`,
  );
  console.log(`  to pin it: { name: '…', seed: ${seed}, omit: ${JSON.stringify(omit)} },`);
  const { acts, faults, ...rest } = without(script, omit);
  console.log(`  ${JSON.stringify({ ...rest, faults })}`);
  for (const act of acts) console.log(`  ${JSON.stringify(act)}`);
}

async function main(): Promise<void> {
  if (values.story !== undefined) tellStory(wholeNumber('story', values.story));
  const seeds = wholeNumber('seeds', values.seeds);
  const from = wholeNumber('from', values.from);
  const workers = Math.min(wholeNumber('workers', values.workers), seeds);
  const began = performance.now();
  const results = await Promise.all(
    Array.from({ length: workers }, (_, n) =>
      runInWorker({ from: from + n, to: from + seeds, stride: workers }),
    ),
  );
  const failures = results.flatMap((r) => r.failures).toSorted((a, b) => a.seed - b.seed);
  const ran = results.reduce((sum, r) => sum + r.seeds, 0);
  const steps = results.reduce((sum, r) => sum + r.steps, 0);
  const seconds = (performance.now() - began) / 1000;
  const pass = failures.length === 0 && ran === seeds;
  if (values.json) {
    console.log(JSON.stringify({ pass, seeds: ran, from, steps, seconds, failures }));
  } else {
    for (const failure of failures.slice(0, MAX_SHRUNK)) explain(failure);
    const rest = failures.slice(MAX_SHRUNK).map((f) => `${f.seed} (${f.violation.invariant})`);
    if (rest.length > 0) console.log(`\nalso failing: ${rest.join(', ')}`);
    console.log(
      `${ran} seeds from ${from}, ${steps} steps, ${seconds.toFixed(1)} s: ` +
        (pass ? 'every promise was kept' : `${failures.length} seeds failed`),
    );
  }
  process.exitCode = pass ? 0 : 1;
}

await main();
