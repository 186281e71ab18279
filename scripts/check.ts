/** `npm run check`: under a minute, no sockets. Before every commit. */
import { readArguments } from './arguments.ts';
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
  readArguments('usage: npm run check   [-- --json]', {
    json: { type: 'boolean', default: false },
  }),
);
