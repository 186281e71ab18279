/**
 * A call that outlives its process: what another process must know to go on, and a call made from
 * it. Only what is certain goes over: what the caller said, and of ours what was heard to its end or
 * cut. What was still being said counts as unheard; the turn that it answered is answered anew.
 */
import { joinText } from './lexicon.ts';
import { startCall, type CallState, type Ending, type OpenTurn } from './state.ts';
import type { Effect, HistoryEntry, Input, LineId, Settings, TurnId } from './types.ts';

/** Plain data, to be kept as JSON. */
export type CallSnapshot = {
  /** How long the call had lasted: its limits hold over all its processes. */
  readonly elapsedMs: number;
  readonly nextUtterance: number;
  readonly nextTurn: number;
  /** Without open entries; every tool has a result. */
  readonly history: readonly HistoryEntry[];
  /** Words of a caller turn that was not yet committed. */
  readonly openTurn: SavedTurn | undefined;
  readonly lastTurn: SavedTurn | undefined;
  /** `farewell`: the caller said goodbye; `parted`: so did we; `over`: nothing more is said. */
  readonly ending: 'none' | 'farewell' | 'parted' | 'over';
  readonly listening: 'voice' | 'keypad';
  readonly alerted: readonly string[];
  readonly lineUses: Readonly<Partial<Record<LineId, number>>>;
};

export type SavedTurn = {
  readonly turnId: TurnId;
  readonly revision: number;
  readonly text: string;
  readonly drafts: number;
};

/** Of a call about which nothing is known but that it is under way. */
export const EMPTY_SNAPSHOT: CallSnapshot = {
  elapsedMs: 0,
  nextUtterance: 1,
  nextTurn: 1,
  history: [],
  openTurn: undefined,
  lastTurn: undefined,
  ending: 'none',
  listening: 'voice',
  alerted: [],
  lineUses: {},
};

const LOST_TOOL = 'cancelled: the connection was lost';

export function snapshotOf(state: CallState, now: number): CallSnapshot {
  const { startedAt, nextUtterance, nextTurn, listening, alerted, lineUses, lastTurn } = state;
  return {
    elapsedMs: now - startedAt,
    nextUtterance,
    nextTurn,
    history: state.history.flatMap(settledEntry),
    openTurn: openWords(state),
    lastTurn: lastTurn && saved(lastTurn),
    ending: endingOf(state.ending),
    listening,
    alerted,
    lineUses,
  };
}

/** What has just happened must not be lost with the process: worth a new snapshot. */
export function isCommitPoint(input: Input, effects: readonly Effect[]): boolean {
  if (input.kind === 'caller-final' || input.kind === 'stream-closed') return true;
  return effects.some(
    ({ kind }) =>
      kind === 'record-caller' ||
      kind === 'record-companion' ||
      kind === 'raise-alert' ||
      kind === 'hang-up' ||
      kind === 'move-call',
  );
}

/**
 * The numbers of a process that takes over begin at `floor`, so that nothing it says can be taken
 * for something the process before said after its last snapshot.
 */
export function numberedFrom(snapshot: CallSnapshot, floor: number): CallSnapshot {
  return {
    ...snapshot,
    nextUtterance: Math.max(snapshot.nextUtterance, floor),
    nextTurn: Math.max(snapshot.nextTurn, floor),
  };
}

/** A call that waits for its stream, with everything behind it that the snapshot tells. */
export function resumeCall(settings: Settings, snapshot: CallSnapshot, now: number): CallState {
  const { openTurn, lastTurn, nextUtterance, nextTurn, history } = snapshot;
  const { listening, alerted } = snapshot;
  // How much of a greeting was heard from the process before, nobody knows: it is not said again.
  const { greeting: _saidBefore, ...lineUses } = snapshot.lineUses;
  return {
    ...startCall(settings, now),
    startedAt: now - snapshot.elapsedMs,
    stream: 'lost',
    nextUtterance,
    nextTurn,
    history,
    // What was said is whole now: the silence after it has long passed.
    caller: openTurn
      ? { at: 'settling', turn: reopened(openTurn, now), guidance: [] }
      : { at: 'quiet' },
    lastTurn: lastTurn && { ...lastTurn, committedAt: now },
    ending: resumedEnding(settings, snapshot.ending, now),
    listening,
    alerted,
    lineUses,
  };
}

function settledEntry(entry: HistoryEntry): HistoryEntry[] {
  if (entry.role === 'companion') return entry.open ? [] : [entry];
  if (entry.role !== 'tool' || entry.result !== undefined) return [entry];
  return [{ ...entry, result: LOST_TOOL, isError: true }];
}

function saved({ turnId, revision, text, drafts }: SavedTurn): SavedTurn {
  return { turnId, revision, text, drafts };
}

function openWords({ caller }: CallState): SavedTurn | undefined {
  if (caller.at === 'quiet') return undefined;
  const { turn } = caller;
  const text = joinText(turn.base, turn.text);
  return text === '' ? undefined : saved({ ...turn, text });
}

function endingOf(ending: Ending): CallSnapshot['ending'] {
  switch (ending.at) {
    case 'none':
    case 'moving':
      return 'none';
    case 'farewell':
      return ending.until === undefined ? 'farewell' : 'parted';
    case 'last-words':
    case 'hanging-up':
      return 'over';
    case 'finished':
      return ending.reason === 'moved' ? 'none' : 'over';
  }
}

function resumedEnding(
  settings: Settings,
  ending: CallSnapshot['ending'],
  now: number,
): CallState['ending'] {
  switch (ending) {
    case 'none':
      return { at: 'none' };
    case 'farewell':
      return { at: 'farewell', saidAt: now, until: undefined };
    case 'parted':
      return { at: 'farewell', saidAt: now, until: now + settings.goodbyeGraceMs };
    case 'over':
      return { at: 'hanging-up', reason: 'stream-lost', until: now };
  }
}

function reopened({ turnId, revision, text, drafts }: SavedTurn, now: number): OpenTurn {
  return {
    turnId,
    revision,
    drafts,
    sttTurn: -1,
    base: '',
    text,
    openedAt: now,
    changedAt: now,
    lastWordAt: now,
    overlapped: false,
    hasFloor: true,
    interrupted: false,
    eagerOpen: false,
    cutIn: false,
  };
}
