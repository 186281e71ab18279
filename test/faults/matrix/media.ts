/** What the server is held to when the carrier's own media stream is at fault; pure. */
import type { MatrixFault } from './cells.ts';

/** The media streams of one call, milliseconds on its line. */
export type StreamEvidence = {
  readonly faultMs: number;
  readonly startedMs: readonly number[];
  /** Those that ended while the call went on, without the server having lent the line out. */
  readonly lostMs: readonly number[];
  readonly endMs: number;
};

/** After these no frame comes any more, or none that could be read: only a new stream helps. */
const BREAKING: ReadonlySet<MatrixFault> = new Set<MatrixFault>([
  'refused',
  'hang',
  'trickle',
  'cut',
  'oversize',
]);
/**
 * The server takes five seconds to be sure that nothing comes, looks at its sockets every quarter of
 * a second, and the carrier has to ask for a new stream.
 */
export const DEAF_MS = 6_000;
/** The carrier asks at once for a new stream, and is answered at once. */
const RESUMED_WITHIN_MS = 1_000;

/** When the call went on in a stream that was whole; undefined where that was not needed, or not so. */
export function resumedMs(fault: MatrixFault, evidence: StreamEvidence): number | undefined {
  if (!BREAKING.has(fault)) return undefined;
  const { startedMs, faultMs } = evidence;
  // One that is struck from its beginning has begun after the fault as well.
  const after = startedMs.filter((atMs) => atMs > faultMs);
  return after.find((atMs) => !evidence.lostMs.some((lostMs) => lostMs > atMs));
}

/** Broken promises about the streams of a call. */
export function auditStreams(fault: MatrixFault, evidence: StreamEvidence): string[] {
  const { faultMs, startedMs, lostMs, endMs } = evidence;
  const findings: string[] = [];
  if (BREAKING.has(fault)) {
    const atMs = resumedMs(fault, evidence);
    const waitedMs = (atMs ?? Infinity) - Math.max(0, faultMs);
    if (atMs === undefined) findings.push('the call did not go on in a new stream');
    else if (waitedMs > DEAF_MS)
      findings.push(`the new stream came after ${Math.round(waitedMs)} ms`);
  }
  for (const lost of lostMs) {
    const next = startedMs.find((atMs) => atMs >= lost) ?? Infinity;
    const waitedMs = Math.min(next, endMs) - lost;
    if (waitedMs > RESUMED_WITHIN_MS) {
      findings.push(`no stream for ${Math.round(waitedMs)} ms after one was lost`);
    }
  }
  // One fault costs one stream: what comes after it is not held against the carrier.
  if (lostMs.length > 1) findings.push(`${lostMs.length} streams were lost to one fault`);
  return findings;
}
