/** What a spool is, seen from outside. The file format is in `spool-file.ts`, the work in `spool.ts`. */
import type { Sealer } from './sealed-text.ts';
import type { AsideResult } from './set-aside.ts';

export type SpoolOptions = {
  /** One process at a time; it is locked. */
  readonly dir: string;
  readonly sealer: Sealer;
  /** All segments together. What does not fit is refused. */
  readonly maxBytes?: number;
  /** What is set aside, beside the segments. */
  readonly maxAsideBytes?: number;
  /** From this size on a new segment is begun; a segment is removed when all of it is done. */
  readonly segmentBytes?: number;
};

export type AppendResult =
  | { readonly kind: 'kept'; readonly seq: number }
  /** 'full': `maxBytes`. 'disk': the file system refused. 'busy': too many wait for the disk. */
  | { readonly kind: 'refused'; readonly reason: 'full' | 'disk' | 'busy' | 'closed' };

export type SpoolEntry = {
  readonly seq: number;
  /** Where it is not readable: what is on the disk, base64. */
  readonly text: string;
  /** False: it was spoilt, or copied from another spool. */
  readonly readable: boolean;
};

/** Entries wait that were sealed under a key that is not in the ring. */
export class SpoolSealed extends Error {
  override readonly name = 'SpoolSealed';

  constructor() {
    super('entries wait that were sealed under a key that is not here');
  }
}

export type SpoolFigures = {
  readonly pending: number;
  readonly bytes: number;
  /** Lines that were on the disk and cannot be read, since the start. */
  readonly corrupt: number;
  readonly refused: number;
  /** Since the start. */
  readonly setAside: number;
};

export type Spool = {
  /** Under which its numbers count in the database. */
  readonly spoolId: string;
  /** The highest number that the journal had when it was opened; 0: none. */
  readonly lastSeqAtOpen: number;
  /** Never rejects. */
  append(text: string): Promise<AppendResult>;
  /** The next entries that are not done, in order, at most `limit`. Does not take them out. */
  next(limit: number): Promise<SpoolEntry[]>;
  /** Everything up to `seq` has been applied and need not come again. */
  done(seq: number): Promise<void>;
  /** Keeps an entry that cannot be applied, with a code of why, see `set-aside.ts`. Never rejects. */
  setAside(text: string, code: string): Promise<AsideResult>;
  /**
   * Makes what was set aside entries again; 'left' are those that cannot be opened or kept.
   * @throws Error where the file system refuses.
   */
  replayAside(): Promise<{ readonly replayed: number; readonly left: number }>;
  /** Takes a new `spoolId`; entries stay readable. False: it could not be written, the old one holds. */
  renew(): Promise<boolean>;
  figures(): SpoolFigures;
  close(): Promise<void>;
};
