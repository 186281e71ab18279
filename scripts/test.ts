/** `npm test`: everything that has to be true before a release. */
import { availableParallelism } from 'node:os';
import { readArguments } from './arguments.ts';
import { STATIC_STEPS } from './check-steps.ts';
import type { Step } from './play.ts';
import { runSteps } from './steps.ts';

const MINUTE_MS = 60_000;

/** Kinds of tests, as vitest.config.ts names them, that kill processes and mostly wait. */
const FAULTS = ['faults', 'matrix', 'reliability'];

function testsOf(name: string, projects: readonly string[]): Step {
  const chosen = projects.flatMap((project) => ['--project', project]);
  const command = ['vitest', 'run', ...chosen] as const;
  return { name, command, timeoutMs: 40 * MINUTE_MS, counts: 'vitest' };
}

const faults = testsOf('faults', ['faults']);
/** The short forms of what has commands of its own. */
const shortForms = testsOf('short-forms', ['matrix', 'reliability']);

const demo: Step = {
  name: 'demo',
  // How fast is judged by the demo run by itself and by the benchmark, not beside other work.
  command: ['node', 'demo/main.ts', '--once', '--json', '--untimed'],
  timeoutMs: 5 * MINUTE_MS,
  counts: 'exit-code',
};

/** They wait most of the time; below this two at once would still be in each other's way. */
const CORES_FOR_LANES = 4;

await runSteps(
  [
    ...STATIC_STEPS,
    testsOf(
      'tests',
      FAULTS.map((kind) => `!${kind}`),
    ),
    {
      name: 'simulation',
      command: ['node', 'test/simulation/run.ts', '--seeds', '2000', '--from', '100000'],
      timeoutMs: 5 * MINUTE_MS,
      counts: 'exit-code',
    },
    ...(availableParallelism() < CORES_FOR_LANES
      ? [faults, demo, shortForms]
      : [[[faults], [demo, shortForms]]]),
  ],
  readArguments('usage: npm test   [-- --json]', { json: { type: 'boolean', default: false } }),
);
