import { defineConfig } from 'vitest/config';

/**
 * Tests by kind, one folder each. Groups run one after the other, so that nothing that measures
 * time shares the processor with the simulation.
 */
function kind(name: string, groupOrder: number, options: object) {
  return {
    extends: true as const,
    test: { name, include: [`test/${name}/**/*.test.ts`], sequence: { groupOrder }, ...options },
  };
}

/** Real sockets, and real servers that may have to be unpacked first. */
const SOCKETS = { pool: 'forks', maxWorkers: 2, testTimeout: 30_000, hookTimeout: 120_000 };

export default defineConfig({
  cacheDir: '.cache/vite',
  test: {
    // Unit tests share their modules: what they test keeps no state between calls.
    projects: [
      kind('unit', 0, { pool: 'threads', isolate: false, testTimeout: 10_000 }),
      kind('simulation', 1, { pool: 'threads', isolate: false, testTimeout: 60_000 }),
      kind('integration', 2, SOCKETS),
      kind('security', 3, SOCKETS),
      // Processes are killed here; one file at a time.
      kind('faults', 4, { ...SOCKETS, maxWorkers: 1, testTimeout: 60_000 }),
    ],
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
    slowTestThreshold: 1_000,
  },
});
