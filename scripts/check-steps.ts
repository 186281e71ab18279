import type { Step } from './play.ts';

const MINUTE_MS = 60_000;

/** What needs no tests to find. */
export const STATIC_STEPS: readonly Step[] = [
  { name: 'types', command: ['tsc', '--noEmit'], timeoutMs: 2 * MINUTE_MS, counts: 'exit-code' },
  {
    name: 'lint',
    command: ['oxlint', '--type-aware', '--deny-warnings'],
    timeoutMs: 2 * MINUTE_MS,
    counts: 'exit-code',
  },
  {
    name: 'format',
    command: ['prettier', '--check', '.'],
    timeoutMs: 2 * MINUTE_MS,
    counts: 'exit-code',
  },
];
