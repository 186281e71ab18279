/** `npm test`: everything that has to be true before a release. */
import { STATIC_STEPS } from './check-steps.ts';
import { runSteps, type Step } from './steps.ts';

const MINUTE_MS = 60_000;

/** Kinds of tests, as vitest.config.ts names them, that kill processes and mostly wait. */
const FAULTS = ['faults', 'reliability'];

function testsOf(name: string, projects: readonly string[]): Step {
  const chosen = projects.flatMap((project) => ['--project', project]);
  const command = ['vitest', 'run', ...chosen] as const;
  return { name, command, timeoutMs: 20 * MINUTE_MS, counts: 'vitest' };
}

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
    [
      testsOf('faults', FAULTS),
      {
        name: 'demo',
        // How fast is judged by the demo run by itself and by the benchmark, not beside other work.
        command: ['node', 'demo/main.ts', '--once', '--json', '--untimed'],
        timeoutMs: 5 * MINUTE_MS,
        counts: 'exit-code',
      },
    ],
  ],
  process.argv.slice(2),
);
