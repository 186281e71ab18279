/** `npm run check`: under a minute, no sockets. Before every commit. */
import { STATIC_STEPS } from './check-steps.ts';
import { runSteps } from './steps.ts';

await runSteps(
  [
    ...STATIC_STEPS,
    {
      name: 'unit',
      command: ['vitest', 'run', '--project', 'unit', '--project', 'simulation'],
      timeoutMs: 3 * 60_000,
      counts: 'vitest',
    },
  ],
  process.argv.slice(2),
);
