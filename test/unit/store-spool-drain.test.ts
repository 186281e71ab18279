import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createSealer } from '../../src/store/sealed-text.ts';
import { createDurableWriter } from '../../src/store/durable-writer.ts';
import { openSpool } from '../../src/store/spool.ts';
import { DatabaseUnavailable } from '../../src/store/sql/database-errors.ts';

test('a journal emptied under a running process is looked at now and then, not without a pause', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'hearthline-drain-'));
  const spool = await openSpool({ dir, sealer: createSealer([randomBytes(32)]) });
  await spool.append('{}');
  for (const name of await readdir(dir)) {
    if (name.endsWith('.journal')) await truncate(join(dir, name), 0);
  }
  const looked = vi.spyOn(spool, 'next');
  const writer = createDurableWriter({
    database: { withScope: () => Promise.reject(new DatabaseUnavailable('away')) },
    spool,
    apply: async () => undefined,
    laneOf: () => 'one',
  });
  // Long enough for thousands of looks without a pause.
  expect(await writer.flush(500)).toBe(false);
  expect(looked.mock.calls.length).toBeLessThan(10);
  await writer.close();
  await spool.close();
  await rm(dir, { recursive: true });
});
