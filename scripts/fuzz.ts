/**
 * `npm run fuzz`: the tests whose name says that they fuzz, of every kind, without the others.
 * They are part of `npm test` as well; fast-check prints the seed of a failure.
 */
import { runSteps } from './steps.ts';

await runSteps(
  [
    {
      name: 'fuzz',
      command: ['vitest', 'run', '--testNamePattern', '[Ff]uzz'],
      timeoutMs: 10 * 60_000,
      counts: 'vitest-part',
    },
  ],
  process.argv.slice(2),
);
