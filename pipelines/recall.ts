/**
 * What is known of a call that another process had: its record and snapshot in the session store,
 * and its turns in the database, which may know more where a snapshot came too late. Either alone
 * is enough.
 */
import { EMPTY_SNAPSHOT, type CallSnapshot } from '../src/conversation/resume.ts';
import type { HistoryEntry } from '../src/conversation/types.ts';
import { within } from '../src/patience.ts';
import type { Sealer } from '../src/store/sealed-text.ts';
import type { CallRecord, SessionStore } from '../src/store/session-store.ts';
import type { TurnRecord } from '../src/store/sql/conversation-types.ts';
import { openSnapshot, type SavedSnapshot } from './sealed-snapshot.ts';

/** A call as the database knows it. */
export type StoredCall = {
  readonly isOver: boolean;
  /** Undefined: a caller whom nobody knows. */
  readonly seniorId: string | undefined;
  readonly direction: 'inbound' | 'outbound';
  /** Unix milliseconds. */
  readonly startedAtMs: number;
  readonly resumeCount: number;
  /** The instance that took it up last; undefined: nobody has, after the first. */
  readonly holder?: string | undefined;
  /** In the order in which they happened. */
  readonly turns: readonly TurnRecord[];
};

export type RecallOptions = {
  readonly store: Pick<SessionStore, 'getCall' | 'loadSnapshot'>;
  readonly sealer: Sealer | undefined;
  /** Undefined: unknown. Rejects where the database is away. Not given: there is none. */
  readonly storedCall: ((callSid: string) => Promise<StoredCall | undefined>) | undefined;
  /** Wall clock, Unix milliseconds. */
  readonly now: () => number;
};

export type Recalled = {
  readonly record: CallRecord | undefined;
  readonly stored: StoredCall | undefined;
  readonly snapshot: CallSnapshot;
  readonly isOver: boolean;
  readonly isKnown: boolean;
  readonly resumeCount: number;
  /** Unix milliseconds; undefined where nobody knows. */
  readonly startedAtMs: number | undefined;
};

/** Somebody is on the line and hears nothing. */
const DATABASE_MS = 400;

/** Lines that fill a gap are in the records and not in what the model is shown. */
export type IsFiller = (text: string) => boolean;

/** Never rejects: what does not answer in time is not known. */
export async function recall(
  callSid: string,
  options: RecallOptions,
  isFiller: IsFiller,
): Promise<Recalled> {
  const { store, sealer, storedCall, now } = options;
  const [record, sealed, stored] = await Promise.all([
    store.getCall(callSid).catch(() => undefined),
    store.loadSnapshot(callSid).catch(() => undefined),
    storedCall && within(DATABASE_MS, storedCall(callSid)).catch(() => undefined),
  ]);
  const saved = sealed && sealer ? openSnapshot(sealer, callSid, sealed) : undefined;
  const known = saved ?? (stored && { snapshot: EMPTY_SNAPSHOT, savedAtMs: stored.startedAtMs });
  const startedAtMs = record?.startedAtMs ?? stored?.startedAtMs;
  const snapshot = known ? withTurns(known, stored?.turns ?? [], isFiller) : EMPTY_SNAPSHOT;
  const sinceMs = saved ? saved.savedAtMs : startedAtMs;
  const goneMs = sinceMs === undefined ? 0 : Math.max(0, now() - sinceMs);
  return {
    record,
    stored,
    snapshot: { ...snapshot, elapsedMs: snapshot.elapsedMs + goneMs },
    isOver: record?.phase === 'ended' || stored?.isOver === true || snapshot.ending === 'over',
    isKnown: record !== undefined || stored !== undefined || saved !== undefined,
    resumeCount: Math.max(record?.resumeCount ?? 0, stored?.resumeCount ?? 0),
    startedAtMs,
  };
}

/**
 * Adds the turns that the database has and the snapshot does not: those with higher numbers, and
 * newer revisions of the last one. What has lower numbers the snapshot knows, or has left out.
 */
export function withTurns(
  { snapshot }: SavedSnapshot,
  turns: readonly TurnRecord[],
  isFiller: IsFiller,
): CallSnapshot {
  const known = highest(snapshot.history);
  let { history, openTurn, lastTurn, nextTurn, nextUtterance } = snapshot;
  for (const turn of turns) {
    const number = numberOf(turn.turnKey);
    if (turn.speaker === 'companion') {
      nextUtterance = Math.max(nextUtterance, number + 1);
      if (number <= known.utterance || turn.heard === '' || isFiller(turn.heard)) continue;
      history = [...history, companionEntry(turn)];
      continue;
    }
    nextTurn = Math.max(nextTurn, number + 1);
    if (turn.kind === 'backchannel') continue;
    const isRevised = lastTurn?.turnId === turn.turnKey && lastTurn.revision < turn.revision;
    if (number <= known.turn && !isRevised) continue;
    const { turnKey: turnId, revision, heard: text } = turn;
    history = withCallerTurn(history, turnId, text);
    lastTurn = { turnId, revision, text, drafts: 0 };
    if (openTurn?.turnId === turnId && openTurn.revision <= revision) openTurn = undefined;
  }
  return { ...snapshot, history, openTurn, lastTurn, nextTurn, nextUtterance };
}

/** The numbers up to which a history goes. */
function highest(history: readonly HistoryEntry[]): { turn: number; utterance: number } {
  let [turn, utterance] = [-1, -1];
  for (const entry of history) {
    if (entry.role === 'caller') turn = Math.max(turn, numberOf(entry.turnId));
    if (entry.role === 'companion') utterance = Math.max(utterance, entry.utterance);
  }
  return { turn, utterance };
}

function withCallerTurn(
  history: readonly HistoryEntry[],
  turnId: string,
  text: string,
): readonly HistoryEntry[] {
  const entry: HistoryEntry = { role: 'caller', turnId, text };
  const at = history.findIndex((e) => e.role === 'caller' && e.turnId === turnId);
  return at < 0 ? [...history, entry] : history.with(at, entry);
}

function companionEntry(turn: TurnRecord): HistoryEntry {
  const { heard: text, interrupted, turnKey } = turn;
  return { role: 'companion', utterance: numberOf(turnKey), text, interrupted, open: false };
}

/** Of `t12` or `u-12`. */
function numberOf(turnKey: string): number {
  return Number(/\d+$/.exec(turnKey)?.[0] ?? 0);
}
