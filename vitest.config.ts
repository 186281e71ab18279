import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** The same in every run, so that a red one is red again. `FUZZ_SEED=random` searches. */
const USUAL_SEED = 20_261_122;

/** The seed of all property tests of a run, settled here once for every worker. */
function fuzzSeed(): number {
  const asked = process.env['FUZZ_SEED'] ?? '';
  if (asked === '') return USUAL_SEED;
  const seed = asked === 'random' ? randomInt(2 ** 31) : Number(asked);
  if (!Number.isSafeInteger(seed)) throw new Error('FUZZ_SEED is a whole number, or "random"');
  process.stderr.write(`FUZZ_SEED=${seed}\n`);
  return seed;
}

/** Also of those tests in a file that may run at the same time: what asks least of the machine. */
const ONE_BY_ONE = process.env['TESTS_ONE_BY_ONE'] === '1';

/**
 * Tests by kind, one folder each. Groups run one after the other, so that nothing that measures
 * time shares the processor with the simulation.
 */
function kind(name: string, groupOrder: number, options: object) {
  return {
    extends: true as const,
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      setupFiles: ['test/helpers/fuzz-setup.ts'],
      sequence: { groupOrder },
      ...(ONE_BY_ONE && { maxConcurrency: 1 }),
      ...options,
    },
  };
}

/** Below this a second test in real time would take the processor from the first. */
const CORES_FOR_THREE = 4;

/**
 * Real sockets in real time, and real servers that may have to be unpacked first. They wait more than
 * they work: three at once use one and a half cores. The limits are against hanging, they judge nobody.
 */
const SOCKETS = {
  pool: 'forks',
  maxWorkers: availableParallelism() < CORES_FOR_THREE ? 1 : 3,
  testTimeout: 60_000,
  hookTimeout: 120_000,
};

/** Processes are killed here; one file at a time. */
const ALONE = { ...SOCKETS, maxWorkers: 1 };

const MATRIX = 'test/faults/matrix/**/*.test.ts';

export default defineConfig({
  cacheDir: '.cache/vite',
  test: {
    // Unit tests share their modules: what they test keeps no state between calls.
    projects: [
      kind('unit', 0, { pool: 'threads', isolate: false, testTimeout: 10_000 }),
      kind('simulation', 1, { pool: 'threads', isolate: false, testTimeout: 60_000 }),
      kind('integration', 2, SOCKETS),
      kind('security', 3, SOCKETS),
      kind('faults', 4, { ...ALONE, exclude: [MATRIX] }),
      kind('matrix', 5, { ...ALONE, include: [MATRIX] }),
      kind('reliability', 6, ALONE),
    ],
    env: { FUZZ_SEED: String(fuzzSeed()) },
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
    slowTestThreshold: 1_000,
  },
});
