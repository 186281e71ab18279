/** This checkout and another commit, in turns, on the same machine: machines are noisy, ratios less so. */
import { execFileSync } from 'node:child_process';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './children.ts';
import type { Row } from './row.ts';
import { hundredth, median, type Spread } from './stats.ts';

/** A worktree of the commit, with this checkout's packages. Returns its folder and how to drop it. */
export function checkOut(revision: string): { root: string; drop: () => void } {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  const commit = git('rev-parse', '--verify', `${revision}^{commit}`);
  const root = join(ROOT, 'out', 'against', commit.slice(0, 12));
  if (!existsSync(root)) git('worktree', 'add', '--detach', root, commit);
  const modules = join(root, 'node_modules');
  if (!existsSync(modules)) symlinkSync(join(ROOT, 'node_modules'), modules);
  return { root, drop: () => void git('worktree', 'remove', '--force', root) };
}

export type Ratio = {
  readonly measure: string;
  readonly here: number;
  readonly there: number;
  /** Here over there: below 1 is better here. The median over rounds, each against its partner. */
  readonly ratio: number;
  /** The least and the greatest of the rounds. */
  readonly range: readonly [least: number, most: number];
};

const MEASURES: readonly (readonly [string, (row: Row) => number | undefined])[] = [
  ['added p50', ({ addedMs }) => addedMs?.p50],
  ['added p95', ({ addedMs }) => addedMs?.p95],
  ['own work p50', ({ ownWorkMs }) => ownWorkMs?.p50],
  ['own work p95', ({ ownWorkMs }) => ownWorkMs?.p95],
  ['eager p50', ({ eagerMs }) => eagerMs?.p50],
  ['lateness p99', ({ latenessMs }: { latenessMs: Spread | undefined }) => latenessMs?.p99],
  ['CPU ms per call-second', ({ cpuMsPerCallSecond }) => cpuMsPerCallSecond],
  ['GC ms per call-second', ({ gcMsPerCallSecond }) => gcMsPerCallSecond],
  ['KB per call', ({ kbPerCall }) => kbPerCall ?? undefined],
];

/** `pairs`: rows of the same round, here and there. */
export function ratiosOf(pairs: readonly (readonly [here: Row, there: Row])[]): Ratio[] {
  return MEASURES.flatMap(([measure, read]) => {
    const both = pairs.flatMap(([here, there]) => {
      const [a, b] = [read(here), read(there)];
      return a === undefined || b === undefined || b === 0 ? [] : [[a, b] as const];
    });
    if (both.length === 0) return [];
    const ratios = both.map(([a, b]) => a / b);
    return [
      {
        measure,
        here: hundredth(median(both.map(([a]) => a))),
        there: hundredth(median(both.map(([, b]) => b))),
        ratio: hundredth(median(ratios)),
        range: [hundredth(Math.min(...ratios)), hundredth(Math.max(...ratios))],
      },
    ];
  });
}
