/**
 * What must outlive a process but not a call: stream tokens, the call's whereabouts, fencing epochs
 * and "seen before" marks. Two implementations (in-process and Redis) pass one contract suite.
 *
 * Nothing said or heard is kept here, no names, no numbers, no secrets: ids and counts only.
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
  readonly traceId?: string;
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
   * and nothing changes (fencing: an owner that was overtaken cannot write).
   */
  putCall(record: CallRecord, ttlMs: number): Promise<boolean>;
  /** Undefined: unknown, expired, or not readable as a record. */
  getCall(callSid: string): Promise<CallRecord | undefined>;
  /** Forgets the call and its epoch. */
  deleteCall(callSid: string): Promise<void>;
  /**
   * 1, 2, 3… for each CallSid, never the same twice while the call is remembered: as long as its
   * record, and for at least `epochTtlMs` after the last one handed out.
   */
  nextEpoch(callSid: string): Promise<number>;
  /** The highest epoch handed out for this call; 0 if none was. */
  currentEpoch(callSid: string): Promise<number>;
  /** True for the first asker of `key` within `ttlMs`, false for everybody after. */
  seenOnce(key: string, ttlMs: number): Promise<boolean>;
  /** Never rejects. `detail` says why not, without addresses or secrets. */
  health(): Promise<{ readonly ok: boolean; readonly detail?: string }>;
  /** Ends connections and timers. Idempotent. */
  close(): Promise<void>;
}

/** A day: no call lasts that long. */
export const epochTtlMs = 86_400_000;

/** The store did not answer in time, or is not there. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';

  constructor(operation: string, options: { cause?: unknown } = {}) {
    super(`session store unavailable: ${operation}`, options);
  }
}
