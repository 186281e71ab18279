/** What ten minutes of calls coming and going say: whether something grows, and whether all comes back. */
import { hundredth } from './stats.ts';

/** After every wave of calls: when all had gone, and the heap in use without its garbage. */
export type WaveHeap = { readonly atMs: number; readonly heapKb: number };

export type Growth = {
  readonly kbPerMinute: number;
  /** One standard error of it; 0 where there are too few points to tell. */
  readonly errorKbPerMinute: number;
};

export type SoakFigures = {
  readonly heapGrowth: Growth;
  readonly descriptors: { readonly idle: number; readonly most: number; readonly after: number };
  readonly callsLost: number;
  readonly turns: number;
  /** Of all cores in use, on the average, 0 to 1. */
  readonly stealShare: number;
  readonly helperLagP99Ms: number;
};

export type Verdict = {
  readonly holds: boolean;
  /** What does not; empty where all holds. */
  readonly because: readonly string[];
  /** What the machine did to the run; empty for a good one. */
  readonly spoiledBy: readonly string[];
};

/** Growth that could be noise says nothing, and less than this is a megabyte in a quarter of an hour. */
const MAX_HEAP_KB_PER_MINUTE = 64;
const SURE_ERRORS = 2;
/** Connections to vendors and to the database that stay open for the next call. */
const MAX_KEPT_DESCRIPTORS = 24;
const MAX_STEAL_SHARE = 0.05;
const MAX_HELPER_LAG_MS = 5;

export function judgeSoak(figures: SoakFigures): Verdict {
  const { heapGrowth, descriptors, callsLost, turns, stealShare, helperLagP99Ms } = figures;
  const { kbPerMinute, errorKbPerMinute } = heapGrowth;
  const because: string[] = [];
  if (kbPerMinute - SURE_ERRORS * errorKbPerMinute > MAX_HEAP_KB_PER_MINUTE) {
    because.push(`the heap grows by ${kbPerMinute} KB a minute`);
  }
  const left = descriptors.after - descriptors.idle;
  if (left > MAX_KEPT_DESCRIPTORS) because.push(`${left} more sockets and files than before`);
  if (callsLost > 0) because.push(`${callsLost} calls lost`);
  if (turns === 0) because.push('nobody was answered');
  const spoiledBy: string[] = [];
  if (stealShare > MAX_STEAL_SHARE) spoiledBy.push(`${(stealShare * 100).toFixed(1)} % steal`);
  if (helperLagP99Ms > MAX_HELPER_LAG_MS) {
    spoiledBy.push(`helpers late by ${helperLagP99Ms.toFixed(1)} ms`);
  }
  return { holds: because.length === 0, because, spoiledBy };
}

/** Least squares, with the error of the slope from what is left over. */
export function growthOf(waves: readonly WaveHeap[]): Growth {
  const n = waves.length;
  const meanX = waves.reduce((sum, { atMs }) => sum + atMs, 0) / n;
  const meanY = waves.reduce((sum, { heapKb }) => sum + heapKb, 0) / n;
  let [above, below] = [0, 0];
  for (const { atMs, heapKb } of waves) {
    above += (atMs - meanX) * (heapKb - meanY);
    below += (atMs - meanX) ** 2;
  }
  if (n < 2 || below === 0) return { kbPerMinute: 0, errorKbPerMinute: 0 };
  const slope = above / below;
  const rest = waves.reduce(
    (sum, { atMs, heapKb }) => sum + (heapKb - meanY - slope * (atMs - meanX)) ** 2,
    0,
  );
  const error = n < 3 ? 0 : Math.sqrt(rest / (n - 2) / below);
  return {
    kbPerMinute: hundredth(slope * 60_000),
    errorKbPerMinute: hundredth(error * 60_000),
  };
}
