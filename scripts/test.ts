/** `npm test`: everything that has to be true before a release. */
import { STATIC_STEPS } from './check-steps.ts';
import { runSteps } from './steps.ts';

const MINUTE_MS = 60_000;

await runSteps(
  [
    ...STATIC_STEPS,
    { name: 'tests', command: ['vitest', 'run'], timeoutMs: 25 * MINUTE_MS, counts: 'vitest' },
    {
      name: 'simulation',
      command: ['node', 'test/simulation/run.ts', '--seeds', '2000', '--from', '100000'],
      timeoutMs: 5 * MINUTE_MS,
      counts: 'exit-code',
    },
    {
      name: 'demo',
      // How fast is judged by the demo run by itself and by the benchmark, not beside other work.
      command: ['node', 'demo/main.ts', '--once', '--json', '--untimed'],
      timeoutMs: 5 * MINUTE_MS,
      counts: 'exit-code',
    },
  ],
  process.argv.slice(2),
);
