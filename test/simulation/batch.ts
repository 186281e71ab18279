/** Runs many seeds in this thread; as a worker, those it is given. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import type { Violation } from './invariants.ts';
import { makeScript } from './script.ts';
import { simulate } from './world.ts';

export type Failure = { readonly seed: number; readonly violation: Violation };
export type BatchResult = {
  readonly seeds: number;
  readonly steps: number;
  readonly failures: readonly Failure[];
};

/** Every `stride`-th seed from `from`, up to but not including `to`. */
export type Batch = { readonly from: number; readonly to: number; readonly stride: number };

export function runBatch({ from, to, stride }: Batch): BatchResult {
  const failures: Failure[] = [];
  let steps = 0;
  let seeds = 0;
  for (let seed = from; seed < to; seed += stride) {
    const outcome = simulate(makeScript(seed));
    seeds += 1;
    steps += outcome.steps;
    const violation = outcome.violations[0];
    if (violation) failures.push({ seed, violation });
  }
  return { seeds, steps, failures };
}

if (!isMainThread && parentPort && isBatch(workerData))
  parentPort.postMessage(runBatch(workerData));

function isBatch(data: unknown): data is Batch {
  return typeof data === 'object' && data !== null && 'stride' in data && 'from' in data;
}
