/** How long the server takes from spawn to its first readiness. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Helper, ROOT } from './children.ts';
import type { Cores } from './cores.ts';
import type { BenchDatabase } from './database.ts';
import { startServer } from './server.ts';
import { median } from './stats.ts';

const TIMES = 5;

/** The median of five starts, with everything compiled before and the emulators there to be met. */
export async function measureStart(cores: Cores, database: BenchDatabase): Promise<number> {
  const folder = join(ROOT, 'out', 'bench', `start-${process.pid}`);
  const helpers = [
    new Helper(cores.callers, 'callers.ts'),
    new Helper(cores.ears, 'ears.ts'),
    new Helper(cores.vendors, 'vendors.ts'),
  ];
  try {
    const environments = await Promise.all([
      database.environment(),
      ...helpers.map((helper) => helper.ready()),
    ]);
    const environment: Record<string, string> = Object.assign({}, ...environments);
    const tookMs: number[] = [];
    // The first fills the compile cache, makes the tables, and is not counted.
    for (let time = 0; time <= TIMES; time += 1) {
      const server = await startServer({ core: cores.server, environment, folder });
      await server.stop();
      if (time > 0) tookMs.push(server.startMs);
    }
    return Math.round(median(tookMs));
  } finally {
    await Promise.all(helpers.map((helper) => helper.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}
