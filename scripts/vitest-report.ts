/** What a test run says of itself, file by file. */
import { readFileSync } from 'node:fs';

type VitestReport = {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly startTime?: number;
    readonly endTime?: number;
    /** Why the file could not be loaded. */
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
};

/** Of a failure's reason: who reads only the sum shall know where to look. */
const REASON_LINES = 12;
const REASON_LINE_CHARS = 300;

export type FileCounts = {
  readonly passed: number;
  /** Each a name, and on lines of their own the beginning of the reason. */
  readonly failures: readonly string[];
  /** When its tests ran, milliseconds of `Date.now()`; undefined where none did. */
  readonly ran?: { readonly fromMs: number; readonly toMs: number };
};

/**
 * Counts of a finished run by file. A file that could not be loaded is one failure; so is a skipped
 * test, unless `part` says that tests were picked by name. Undefined: it wrote no report.
 */
export function readVitestReport(path: string, part: boolean): Map<string, FileCounts> | undefined {
  let parsed: VitestReport;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8')) as VitestReport;
  } catch {
    return undefined;
  }
  const files = new Map<string, FileCounts>();
  for (const file of parsed.testResults) {
    const name = file.name.replace(`${process.cwd()}/`, '');
    const results = file.assertionResults;
    const bad = results.filter(
      ({ status }) => status !== 'passed' && !(part && status !== 'failed'),
    );
    const failures = bad.map(
      ({ status, fullName, failureMessages }) =>
        `${name} › ${fullName}${status === 'failed' ? '' : ` (${status})`}` +
        reasonOf(failureMessages?.[0]),
    );
    if (file.status !== 'passed' && bad.length === 0) {
      failures.push(`${name} (could not run)${reasonOf(file.message)}`);
    }
    const passed = results.filter(({ status }) => status === 'passed').length;
    const { startTime: fromMs, endTime: toMs } = file;
    const hasRun = results.length > 0 && fromMs !== undefined && toMs !== undefined;
    files.set(name, { passed, failures, ...(hasRun && { ran: { fromMs, toMs } }) });
  }
  return files;
}

function reasonOf(message: string | undefined): string {
  const lines = (message ?? '').split('\n').filter((line) => line.trim() !== '');
  return lines
    .slice(0, REASON_LINES)
    .map((line) => `\n    ${line.slice(0, REASON_LINE_CHARS)}`)
    .join('');
}
