import { describe, expect, it } from 'vitest';
import { allCells, cellName, type MatrixFault, type MatrixVendor } from './cells.ts';
import { runMatrix } from './matrix.ts';

/** One of the worst faults for each rung and store; the whole matrix is `npm run faults`. */
const RISKIEST: readonly (readonly [MatrixVendor, MatrixFault])[] = [
  ['flux', 'hang'],
  ['nova', '401'],
  ['claude', '5xx'],
  ['gemini', 'hang'],
  ['elevenlabs-socket', 'hang'],
  ['elevenlabs-http', 'cut'],
  ['aura', '401'],
  ['twilio-rest', 'hang'],
  ['twilio-media', 'cut'],
  ['redis', 'hang'],
  ['postgres', 'hang'],
];

describe('the fault matrix, short form', () => {
  it(
    'every promise holds in the riskiest cells, and nothing is left behind',
    { timeout: 480_000 },
    async () => {
      const cells = allCells().filter(
        ({ vendor, fault, skipped }) =>
          skipped === undefined && RISKIEST.some(([v, f]) => v === vendor && f === fault),
      );
      const { results, leftovers } = await runMatrix(cells, {
        workers: 4,
        atOnce: 3,
        fresh: false,
        baseline: 'started',
      });
      const broken = results
        .filter(({ what }) => what.length > 0)
        .map((result) => `${cellName(result)}: ${result.what.join('; ')}\n${result.trace ?? ''}`);
      expect(broken).toEqual([]);
      expect(results).toHaveLength(cells.length);
      expect(leftovers.flatMap(({ findings }) => findings)).toEqual([]);
    },
  );
});
