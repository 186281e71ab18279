/**
 * What must outlive a process but not a call: stream tokens, the call's whereabouts and its sealed
 * snapshot, fencing epochs, which instances are alive, what they tell one another, and "seen before"
 * marks. Two implementations (in-process and Redis) pass one contract suite.
 *
 * Nothing said or heard is readable here, no names, no numbers, no secrets: ids and counts, and the
 * snapshots, which come sealed.
 */

/** What a stream token stands for. `data` holds ids and flags as short strings. */
export type TokenClaim = {
  readonly callSid: string;
  readonly data: Readonly<Record<string, string>>;
};

/** Where a call is. Written whole; the last writer wins, fenced by `epoch`. */
export type CallRecord = {
  readonly callSid: string;
  /** Undefined until a stream has started. */
  readonly streamSid?: string;
  /** Whose call it is; undefined for a caller nobody knows. */
  readonly personId?: string;
  readonly direction: 'inbound' | 'outbound';
  readonly phase: 'ringing' | 'live' | 'lost' | 'ending' | 'ended';
  /** The fencing epoch under which this was written. */
  readonly epoch: number;
  /** The instance that holds the call. */
  readonly owner: string;
  readonly resumeCount: number;
  /** Unix milliseconds. */
  readonly startedAtMs: number;
  /** Nothing personal is said: who is calling is not sure, or nobody we know. */
  readonly isPlain?: boolean;
  readonly traceId?: string;
};

/** What instances tell one another about a call, which whoever has it acts on, or about a person. */
export type CallNotice =
  /** `from` holds the call now, under this epoch. */
  | {
      readonly kind: 'taken';
      readonly callSid: string;
      readonly epoch: number;
      readonly from: string;
    }
  /** The carrier said so, to an instance that does not have the call. */
  | { readonly kind: 'over'; readonly callSid: string; readonly from: string }
  | {
      readonly kind: 'answered-by';
      readonly callSid: string;
      readonly who: 'human' | 'machine' | 'fax' | 'unknown';
      readonly from: string;
    }
  /** Somebody has just said that they do not want to be called any more. */
  | { readonly kind: 'withdrawn'; readonly personId: string; readonly from: string };

/** An instance that was heard of; `alive`: its last beat is not yet over. */
export type InstanceSeen = {
  readonly instance: string;
  readonly alive: boolean;
  readonly accepting: boolean;
};

/** Every method rejects with `StoreUnavailable` when the store does not answer in time. */
export interface SessionStore {
  /** Which implementation this is. */
  readonly kind: 'memory' | 'redis';
  /** Remembers a token (its SHA-256 only) for `ttlMs`. Issuing one twice replaces the claim. */
  issueToken(token: string, claim: TokenClaim, ttlMs: number): Promise<void>;
  /** Takes the claim and destroys the token in one step; undefined: unknown, expired or used. */
  consumeToken(token: string): Promise<TokenClaim | undefined>;
  /**
   * Stores a call for `ttlMs`. False: a higher epoch than `record.epoch` was written or handed out,
   * or another owner has the call under this one, and nothing changes (fencing: an owner that was
   * overtaken cannot write). Only one whose phase is 'ringing' gives way to another of its epoch that
   * is past that. Until its phase is 'ended', a call is among its owner's; one that has ended keeps
   * no snapshot.
   */
  putCall(record: CallRecord, ttlMs: number): Promise<boolean>;
  /** Undefined: unknown, expired, or not readable as a record. */
  getCall(callSid: string): Promise<CallRecord | undefined>;
  /** Forgets the call, its snapshot and its epoch. */
  deleteCall(callSid: string): Promise<void>;
  /**
   * 1, 2, 3… for each CallSid, never the same twice while the call is remembered: as long as its
   * record, and for at least `epochTtlMs` after the last one handed out. Always higher than `above`,
   * which defaults to 0: what the asker knows of although the store may not.
   */
  nextEpoch(callSid: string, above?: number): Promise<number>;
  /** The highest epoch handed out for this call; 0 if none was. */
  currentEpoch(callSid: string): Promise<number>;
  /**
   * Keeps what another process needs to go on with a call, and the call's other entries, for `ttlMs`.
   * `sealed` is printable. False: fenced, as in `putCall`.
   */
  saveSnapshot(callSid: string, epoch: number, sealed: string, ttlMs: number): Promise<boolean>;
  loadSnapshot(callSid: string): Promise<string | undefined>;
  /** A sign of life, good for `ttlMs`. */
  beat(instance: string, accepting: boolean, ttlMs: number): Promise<void>;
  /** Every instance that has given a sign of life in the last hour and is not forgotten. */
  instances(): Promise<readonly InstanceSeen[]>;
  forgetInstance(instance: string): Promise<void>;
  /** CallSids of calls whose last owner this instance is, as far as is known. */
  callsOf(instance: string): Promise<readonly string[]>;
  /** Tells every watcher, of this and of other instances. */
  tell(notice: CallNotice): Promise<void>;
  /**
   * Notices from now on; those told while the store was away are lost. Returns the way to end it.
   * The watcher must not throw.
   */
  watch(watcher: (notice: CallNotice) => void): () => void;
  /** True for the first asker of `key` within `ttlMs`, false for everybody after. */
  seenOnce(key: string, ttlMs: number): Promise<boolean>;
  /** Never rejects. `detail` says why not, without addresses or secrets. */
  health(): Promise<{ readonly ok: boolean; readonly detail?: string }>;
  /** Ends connections and timers. Idempotent. */
  close(): Promise<void>;
}

/** A day: no call lasts that long. */
export const epochTtlMs = 86_400_000;

/** An instance that was not heard of for this long is forgotten, with whatever it had. */
export const instanceTtlMs = 3_600_000;

/** The store did not answer in time, or is not there. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';

  constructor(operation: string, options: { cause?: unknown } = {}) {
    super(`session store unavailable: ${operation}`, options);
  }
}
