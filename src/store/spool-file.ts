/**
 * The form of a spool on disk: segments, files of lines, named by the number of their first entry.
 * A line is `<seq> <sealed entry, base64> <crc32 of what stands before it, hex>\n`.
 */
import { open, readdir, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

export type SpoolLine = { readonly seq: number; readonly sealed: Buffer };

export type Segment = {
  readonly path: string;
  readonly firstSeq: number;
  /** What is known to be whole on disk. */
  bytes: number;
  /** `firstSeq - 1` while it is empty. */
  lastSeq: number;
};

const SUFFIX = '.journal';

export function encodeLine(seq: number, sealed: Buffer): Buffer {
  const body = `${seq} ${sealed.toString('base64')}`;
  return Buffer.from(`${body} ${crc32(body).toString(16).padStart(8, '0')}\n`, 'latin1');
}

const LINE = /^((\d{1,15}) ([A-Za-z0-9+/]+={0,2})) ([0-9a-f]{8})$/;

/** Undefined: not a whole line of ours. */
export function decodeLine(text: string): SpoolLine | undefined {
  const match = LINE.exec(text);
  const [, body, seq, base64, sum] = match ?? [];
  if (body === undefined || base64 === undefined) return undefined;
  if (crc32(body) !== Number.parseInt(sum ?? '', 16)) return undefined;
  return { seq: Number(seq), sealed: Buffer.from(base64, 'base64') };
}

export type ScannedSegment = {
  readonly lines: readonly SpoolLine[];
  /** Where the last good line ends. What stands behind it is torn: its write was never acknowledged. */
  readonly goodBytes: number;
  /** Bad lines with good ones behind them: the disk has lost something. */
  readonly corrupt: number;
};

export function scanSegment(content: Buffer): ScannedSegment {
  const lines: SpoolLine[] = [];
  let goodBytes = 0;
  let corrupt = 0;
  let bad = 0;
  for (let start = 0; ;) {
    const end = content.indexOf(0x0a, start);
    if (end === -1) break;
    const line = decodeLine(content.toString('latin1', start, end));
    start = end + 1;
    if (line === undefined) {
      bad += 1;
      continue;
    }
    lines.push(line);
    goodBytes = start;
    corrupt += bad;
    bad = 0;
  }
  return { lines, goodBytes, corrupt };
}

export function segmentAt(dir: string, firstSeq: number): Segment {
  const path = join(dir, `${String(firstSeq).padStart(15, '0')}${SUFFIX}`);
  return { path, firstSeq, bytes: 0, lastSeq: firstSeq - 1 };
}

/**
 * Every segment, the oldest first, with torn ends cut off; and how many lines are corrupt.
 * @param look at each good line; what it throws ends the reading before anything is cut off there.
 */
export async function readSegments(
  dir: string,
  look: (line: SpoolLine) => void = () => undefined,
): Promise<{ segments: Segment[]; corrupt: number }> {
  const names = (await readdir(dir)).filter((name) => /^\d{15}\.journal$/.test(name)).sort();
  const segments: Segment[] = [];
  let corrupt = 0;
  for (const name of names) {
    const segment = segmentAt(dir, Number(name.slice(0, 15)));
    const content = await readFile(segment.path);
    const scanned = scanSegment(content);
    scanned.lines.forEach(look);
    if (scanned.goodBytes < content.length) await truncate(segment.path, scanned.goodBytes);
    segment.bytes = scanned.goodBytes;
    segment.lastSeq = scanned.lines.at(-1)?.seq ?? segment.lastSeq;
    corrupt += scanned.corrupt;
    segments.push(segment);
  }
  return { segments, corrupt };
}

/** Makes the names in a folder (files made, renamed, removed) survive a loss of power. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
