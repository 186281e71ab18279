/** The matrix as people read it. */
import {
  allCells,
  cellName,
  FAULTS,
  MOMENTS,
  PLANS,
  VENDORS,
  type MatrixFault,
  type MatrixVendor,
  type PlannedCell,
} from './cells.ts';
import type { CellResult } from './group.ts';
import type { MatrixOutcome } from './matrix.ts';
import type { Met } from './struck.ts';

export type Summary = {
  readonly cells: number;
  readonly held: number;
  readonly failed: readonly {
    readonly vendor: string;
    readonly fault: string;
    readonly moment: string;
    readonly what: readonly string[];
  }[];
  /** Cells that make no sense, and why. */
  readonly skipped: number;
  /** Cells that were played again because the machine stood still, or the fault missed its moment. */
  readonly repeated: number;
  /** Plays in which the fault missed its cell. */
  readonly missed: readonly string[];
  /** Calls that met the fault on a connection or request that was certainly their own. */
  readonly metItself: number;
  /** Calls while which it was committed on connections of the same server. */
  readonly metTogether: number;
  /** Cells whose call met nothing of the fault, because of another call on the same server. */
  readonly spared: readonly string[];
  /** Cells in which the vendor was not asked, as declared. */
  readonly notAsked: readonly string[];
  /** What the runs left behind in their processes. */
  readonly leaks: readonly string[];
  readonly durationMs: number;
};

export function summarise(
  outcome: MatrixOutcome,
  planned: readonly PlannedCell[],
  durationMs: number,
): Summary {
  const failed = outcome.results.filter(({ what }) => what.length > 0);
  return {
    cells: outcome.results.length,
    held: outcome.results.length - failed.length,
    failed: failed.map(({ vendor, fault, moment, what }) => ({ vendor, fault, moment, what })),
    skipped: planned.filter(({ skipped }) => skipped !== undefined).length,
    repeated: outcome.repeated,
    missed: outcome.missed,
    metItself: named(outcome.results, 'itself').length,
    metTogether: named(outcome.results, 'together').length,
    spared: named(outcome.results, 'spared'),
    notAsked: named(outcome.results, 'not-asked'),
    leaks: outcome.leftovers.flatMap(({ findings }) => findings),
    durationMs: Math.round(durationMs),
  };
}

function named(results: readonly CellResult[], how: Met): string[] {
  return results.filter(({ met }) => met === how).map(cellName);
}

/** Which calls met their fault, by their own doing or not at all. */
export function metList({ metItself, metTogether, spared, notAsked }: Summary): string {
  const lines = [
    `${metItself} calls met the fault on a request or connection of their own; in ${metTogether} ` +
      'it was committed on those of their server, and whose they were is not told.',
  ];
  if (spared.length > 0) {
    lines.push(
      `${spared.length} were spared by a breaker that another call had opened: ${spared.join(', ')}.`,
    );
  }
  if (notAsked.length > 0) {
    lines.push(`In ${notAsked.length} the vendor is not asked: ${notAsked.join(', ')}.`);
  }
  return lines.join('\n');
}

const MARKS = { held: '✓', failed: '✗', skipped: '–', unknown: '·' } as const;

/** One sign for each moment, in order. */
function signs(
  vendor: MatrixVendor,
  fault: MatrixFault,
  results: readonly CellResult[],
  planned: readonly PlannedCell[],
): string {
  return MOMENTS.map((moment) => {
    const same = (cell: { vendor: string; fault: string; moment: string }): boolean =>
      cell.vendor === vendor && cell.fault === fault && cell.moment === moment;
    if (planned.find(same)?.skipped !== undefined) return MARKS.skipped;
    const result = results.find(same);
    if (!result) return MARKS.unknown;
    return result.what.length === 0 ? MARKS.held : MARKS.failed;
  }).join('');
}

/** Vendors across, faults down; four signs in a cell, one for each moment. */
export function markdownTable(results: readonly CellResult[]): string {
  const planned = allCells();
  const head = ['Fault', ...VENDORS.map((vendor) => PLANS[vendor].title)];
  const rows = FAULTS.map((fault) => [
    FAULT_TITLES[fault],
    ...VENDORS.map((vendor) => signs(vendor, fault, results, planned)),
  ]);
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

export function skippedList(): string {
  const reasons = new Map<string, string[]>();
  for (const { vendor, fault, moment, skipped } of allCells()) {
    if (skipped === undefined) continue;
    reasons.set(skipped, [...(reasons.get(skipped) ?? []), `${vendor} × ${fault} × ${moment}`]);
  }
  return [...reasons]
    .map(([reason, cells]) => `- ${cells.length} cells, e.g. ${cells[0] ?? ''}: ${reason}.`)
    .join('\n');
}

export const FAULT_TITLES: Readonly<Record<MatrixFault, string>> = {
  refused: 'connection refused',
  dns: 'name not found',
  tls: 'certificate not trusted',
  '401': '401',
  '429': '429 with Retry-After',
  '5xx': '500 or 529',
  hang: 'accepts, then hangs',
  slow: 'ten times slower',
  trickle: 'one byte a second',
  garbage: 'garbage',
  'wrong-shape': 'JSON of another shape',
  cut: 'cut in mid-stream',
  'wrong-order': 'wrong order',
  duplicate: 'everything twice',
  empty: 'empty answer',
  oversize: '10 MB message',
};
