/**
 * A journal on the local disk for what the database cannot take now. An entry is acknowledged when it
 * is on the disk (fsync), entries come back in the order they went in, and what a `kill -9` tore is
 * what was never acknowledged. Entries are sealed: they hold what people said.
 *
 * Delivery is at least once. Together with `spool_positions`, a row that moves in the transaction
 * which applies an entry, it is exactly once: see `durable-writer.ts`. For that, a number is never
 * used twice under one spool id, not even after everything was taken out; where the journal was lost
 * or put back, the id is a new one.
 */
import { open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { type DirectoryLock, lockDirectory } from './directory-lock.ts';
import { type AsideResult, SetAside } from './set-aside.ts';
import {
  encodeLine,
  readSegments,
  scanSegment,
  type Segment,
  segmentAt,
  syncDirectory,
} from './spool-file.ts';
import { readIds, renewIds, type SpoolIds } from './spool-id.ts';
import {
  SpoolSealed,
  type AppendResult,
  type Spool,
  type SpoolEntry,
  type SpoolFigures,
  type SpoolOptions,
} from './spool-types.ts';

/** 64 MiB: about 100,000 turns, hours of outage at fifty calls. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Beside them. Each is a defect or a schema that is behind. */
const MAX_ASIDE_BYTES = 16 * 1024 * 1024;
/** Read whole for each batch of a replay, on the thread of the calls: about 2 ms. */
const SEGMENT_BYTES = 256 * 1024;
/** Waiting for one fsync; more than any number of calls could write in that time. */
const MAX_WAITING = 10_000;

type Waiting = { readonly text: string; readonly settle: (result: AppendResult) => void };

/**
 * @throws DirectoryHeld; SpoolSealed where entries wait that could not be opened now, and so never
 *   delivered; Error where the folder cannot be read or written.
 */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const lock = await lockDirectory(options.dir);
  try {
    const known = await readIds(options.dir);
    const { segments, corrupt } = await readSegments(options.dir, ({ sealed }) => {
      if (options.sealer.lacksKeyOf(sealed)) throw new SpoolSealed();
    });
    // One segment always stays, so its numbers were lost where there is none.
    const isNumbered = known !== undefined && segments.length > 0;
    const ids = isNumbered ? known : await renewIds(options.dir, known);
    const spool = new JournalSpool(options, lock, ids, segments, corrupt);
    await spool.begin();
    return spool;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

class JournalSpool implements Spool {
  readonly lastSeqAtOpen: number;
  #ids: SpoolIds;
  readonly #options: Required<SpoolOptions>;
  readonly #lock: DirectoryLock;
  readonly #segments: Segment[];
  #file: FileHandle | undefined;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  /** Changes of the list of segments, one after another. */
  #changing: Promise<void> = Promise.resolve();
  #doneSeq = 0;
  readonly #corrupt: number;
  #refused = 0;
  #setAsideCount = 0;
  readonly #aside: SetAside;
  #closed = false;

  constructor(
    options: SpoolOptions,
    lock: DirectoryLock,
    ids: SpoolIds,
    segments: Segment[],
    corrupt: number,
  ) {
    this.#options = {
      maxBytes: MAX_BYTES,
      maxAsideBytes: MAX_ASIDE_BYTES,
      segmentBytes: SEGMENT_BYTES,
      ...options,
    };
    const { dir, sealer, maxAsideBytes } = this.#options;
    this.#aside = new SetAside({ dir, sealer, maxBytes: maxAsideBytes });
    this.#lock = lock;
    this.#ids = ids;
    this.#segments = segments;
    this.lastSeqAtOpen = segments.at(-1)?.lastSeq ?? 0;
    this.#corrupt = corrupt;
  }

  get spoolId(): string {
    return this.#ids.current;
  }

  async begin(): Promise<void> {
    this.#doneSeq = (this.#segments[0]?.firstSeq ?? 1) - 1;
    if (this.#segments.length === 0) this.#segments.push(segmentAt(this.#options.dir, 1));
    await this.#openLast();
  }

  append(text: string): Promise<AppendResult> {
    if (this.#closed) return Promise.resolve(this.#refuse('closed'));
    if (this.#waiting.length >= MAX_WAITING) return Promise.resolve(this.#refuse('busy'));
    return new Promise((settle) => {
      this.#waiting.push({ text, settle });
      this.#flushing ??= this.#flushAll();
    });
  }

  async next(limit: number): Promise<SpoolEntry[]> {
    const entries: SpoolEntry[] = [];
    for (const segment of [...this.#segments]) {
      if (entries.length >= limit) break;
      if (segment.lastSeq <= this.#doneSeq) continue;
      const content = (await readFile(segment.path)).subarray(0, segment.bytes);
      for (const { seq, sealed } of scanSegment(content).lines) {
        if (seq <= this.#doneSeq || entries.length >= limit) continue;
        entries.push(this.#open(seq, sealed));
      }
    }
    return entries;
  }

  async done(seq: number): Promise<void> {
    if (seq <= this.#doneSeq) return;
    this.#doneSeq = seq;
    await this.#change(() => this.#removeDone());
  }

  async setAside(text: string, code: string): Promise<AsideResult> {
    const result = await this.#aside.keep(text, code);
    if (result === 'kept') this.#setAsideCount += 1;
    return result;
  }

  async replayAside(): Promise<{ readonly replayed: number; readonly left: number }> {
    return await this.#aside.replay(async (text) => (await this.append(text)).kind === 'kept');
  }

  async renew(): Promise<boolean> {
    const renewed = this.#change(async () => {
      this.#ids = await renewIds(this.#options.dir, this.#ids);
    });
    return renewed.then(
      () => true,
      () => false,
    );
  }

  figures(): SpoolFigures {
    return {
      pending: this.#pending(),
      bytes: this.#bytes(),
      corrupt: this.#corrupt,
      refused: this.#refused,
      setAside: this.#setAsideCount,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#flushing;
    await this.#changing;
    await this.#aside.settled();
    await this.#file?.close();
    this.#file = undefined;
    await this.#lock.release();
  }

  /** One write and one fsync for all that came while the last ones were under way. */
  async #flushAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#change(() => this.#flush(batch)).catch(() => {
        // Settling twice changes nothing.
        for (const { settle } of batch) settle(this.#refuse('disk'));
      });
    }
    this.#flushing = undefined;
  }

  async #flush(batch: readonly Waiting[]): Promise<void> {
    const segment = await this.#writable().catch(() => undefined);
    const lines: Buffer[] = [];
    const kept: { settle: Waiting['settle']; seq: number }[] = [];
    let room = this.#options.maxBytes - this.#bytes();
    for (const { text, settle } of batch) {
      const seq = (segment?.lastSeq ?? 0) + kept.length + 1;
      const line = encodeLine(seq, this.#seal(seq, text));
      if (segment === undefined || line.length > room) {
        settle(this.#refuse(segment === undefined ? 'disk' : 'full'));
        continue;
      }
      room -= line.length;
      lines.push(line);
      kept.push({ settle, seq });
    }
    if (segment === undefined || kept.length === 0) return;
    const written = await this.#write(segment, Buffer.concat(lines));
    if (written) segment.lastSeq += kept.length;
    for (const { settle, seq } of kept) {
      settle(written ? { kind: 'kept', seq } : this.#refuse('disk'));
    }
  }

  /** False: nothing of it counts. The next write goes to the same place again. */
  async #write(segment: Segment, bytes: Buffer): Promise<boolean> {
    const file = this.#file;
    if (file === undefined) return false;
    try {
      for (let at = 0; at < bytes.length;) {
        const { bytesWritten } = await file.write(bytes, at, undefined, segment.bytes + at);
        if (bytesWritten === 0) throw new Error('nothing was written');
        at += bytesWritten;
      }
      await file.datasync();
    } catch {
      await file.truncate(segment.bytes).catch(() => undefined);
      return false;
    }
    segment.bytes += bytes.length;
    return true;
  }

  /** The last segment, or a new one behind it where it has grown enough. */
  async #writable(): Promise<Segment> {
    const last = this.#segments.at(-1);
    if (this.#file !== undefined && last && last.bytes < this.#options.segmentBytes) return last;
    return this.#beginSegment();
  }

  async #beginSegment(): Promise<Segment> {
    const last = this.#segments.at(-1);
    const next = segmentAt(this.#options.dir, (last?.lastSeq ?? 0) + 1);
    const file = await open(next.path, 'w+', 0o600);
    try {
      await syncDirectory(this.#options.dir);
    } catch (error) {
      await file.close();
      throw error;
    }
    await this.#file?.close();
    this.#file = file;
    // An empty one is begun anew under the same name.
    if (last?.path === next.path) this.#segments.pop();
    this.#segments.push(next);
    return next;
  }

  async #openLast(): Promise<void> {
    const last = this.#segments.at(-1);
    if (last === undefined) return;
    this.#file = await open(last.path, last.bytes === 0 ? 'w+' : 'r+', 0o600);
    await syncDirectory(this.#options.dir);
  }

  /** The numbering lives in the name of the last segment, so one always stays. */
  async #removeDone(): Promise<void> {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.bytes > 0 && last.lastSeq <= this.#doneSeq) {
      // Full disk: it is removed next time.
      await this.#beginSegment().catch(() => undefined);
    }
    while (this.#segments.length > 1) {
      const [first] = this.#segments;
      if (first === undefined || first.lastSeq > this.#doneSeq) break;
      await rm(first.path, { force: true }).catch(() => undefined);
      this.#segments.shift();
    }
  }

  #change(work: () => Promise<void>): Promise<void> {
    const changed = this.#changing.then(work);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  /** Numbers that are not done. Lines that the disk lost are among them until one behind is done. */
  #pending(): number {
    let count = 0;
    for (const { firstSeq, lastSeq } of this.#segments) {
      count += Math.max(0, lastSeq - Math.max(this.#doneSeq, firstSeq - 1));
    }
    return count;
  }

  #bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  #refuse(reason: 'full' | 'disk' | 'busy' | 'closed'): AppendResult {
    this.#refused += 1;
    return { kind: 'refused', reason };
  }

  #seal(seq: number, text: string): Buffer {
    return this.#options.sealer.seal(placeOf(this.spoolId, seq), text);
  }

  #open(seq: number, sealed: Buffer): SpoolEntry {
    for (const id of [this.#ids.current, ...this.#ids.former]) {
      try {
        const text = this.#options.sealer.open(placeOf(id, seq), sealed);
        return { seq, text, readable: true };
      } catch {
        // Sealed under a former id, or spoilt.
      }
    }
    return { seq, text: sealed.toString('base64'), readable: false };
  }
}

function placeOf(spoolId: string, seq: number) {
  return { table: 'spool', row: `${spoolId}/${seq}`, column: 'entry' };
}
