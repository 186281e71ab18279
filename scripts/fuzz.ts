/**
 * `npm run fuzz`: the tests whose name says that they fuzz, of every kind, without the others, with
 * a new seed each time. They are part of `npm test` as well, there always with the same seed. A
 * failure tells its seed: `FUZZ_SEED=1234 npm run fuzz` plays it again.
 */
import { readArguments } from './arguments.ts';
import { runSteps } from './steps.ts';

process.env['FUZZ_SEED'] ??= 'random';

await runSteps(
  [
    {
      name: 'fuzz',
      command: ['vitest', 'run', '--testNamePattern', '[Ff]uzz'],
      timeoutMs: 10 * 60_000,
      counts: 'vitest-part',
    },
  ],
  readArguments('usage: npm run fuzz   [-- --json]', { json: { type: 'boolean', default: false } }),
);
