/**
 * Judges what became of one call's turns: pure, over what the emulators saw and what the database
 * holds. Each finding is a broken promise in words.
 */
import type { ModelView } from './ledger.ts';

/** Stamps are monotonic. */
export type SaidTurn = {
  readonly token: string;
  /** The recogniser told its end; undefined: never. */
  readonly finalAtMs: number | undefined;
  /** Every time the turn's own word came out of the caller's earpiece. */
  readonly heardAtMs: readonly number[];
  /** The answer was heard to its end, the last time. */
  readonly heardOutAtMs: number | undefined;
  /** No answer came, though the line held. */
  readonly unanswered: boolean;
};

/** A row: of whom, and which turns its text names. */
export type StoredTurn = {
  readonly speaker: 'caller' | 'companion';
  readonly tokens: readonly string[];
};

export type CallEvidence = {
  readonly name: string;
  /** When the process that held the call was killed. */
  readonly killedAtMs: readonly number[];
  /** When the caller hung up; undefined: not yet. */
  readonly endedAtMs: number | undefined;
  readonly turns: readonly SaidTurn[];
  readonly stored: readonly StoredTurn[];
  readonly views: readonly ModelView[];
};

export type Verdict = {
  readonly findings: readonly string[];
  /** Turns of the caller's that were committed, and of the companion's. */
  readonly committed: number;
  /** Ended too shortly before a kill, or before the caller hung up, to be promised. */
  readonly inTheWindow: number;
  /** Answers that were cut by a kill and said again. */
  readonly saidAgain: number;
};

/**
 * What ended this shortly before a `kill -9` may not have been written yet. The writer's own
 * patience, after which a write goes to the disk.
 */
export const COMMIT_WINDOW_MS = 250;
/** A reply is committed when its last mark is back, and the caller heard it a little earlier. */
const MARK_MS = 250;

export function auditTurns(evidence: CallEvidence): Verdict {
  const { name, killedAtMs, endedAtMs = Infinity, turns, stored, views } = evidence;
  const findings: string[] = [];
  let committed = 0;
  let inTheWindow = 0;
  let saidAgain = 0;
  const isTooLate = (atMs: number, windowMs: number): boolean =>
    atMs > endedAtMs - windowMs ||
    killedAtMs.some((killMs) => atMs > killMs - windowMs && atMs <= killMs);
  const rowsOf = (speaker: StoredTurn['speaker'], token: string): number =>
    stored.filter((row) => row.speaker === speaker && row.tokens.includes(token)).length;
  const certain: SaidTurn[] = [];

  for (const turn of turns) {
    const { token, finalAtMs, heardAtMs, heardOutAtMs } = turn;
    const callerRows = rowsOf('caller', token);
    if (callerRows > 1)
      findings.push(`${name}: the caller's ${token} is there ${callerRows} times`);
    if (finalAtMs !== undefined) {
      if (isTooLate(finalAtMs, COMMIT_WINDOW_MS)) inTheWindow += 1;
      else {
        committed += 1;
        certain.push(turn);
        if (callerRows === 0) findings.push(`${name}: the caller's ${token} is lost`);
      }
    }
    const replyRows = rowsOf('companion', token);
    const times = Math.max(1, heardAtMs.length);
    if (replyRows > times) {
      findings.push(`${name}: the answer to ${token} is there ${replyRows} times`);
    }
    if (heardOutAtMs !== undefined && !isTooLate(heardOutAtMs, COMMIT_WINDOW_MS + MARK_MS)) {
      committed += 1;
      if (replyRows === 0) findings.push(`${name}: the answer to ${token} is lost`);
    }
    if (heardAtMs.length > 1) {
      if (isExcused(heardAtMs, killedAtMs)) saidAgain += 1;
      else findings.push(`${name}: the answer to ${token} was heard ${heardAtMs.length} times`);
    }
    if (turn.unanswered) findings.push(`${name}: ${token} was never answered`);
  }
  findings.push(...historyFindings(name, killedAtMs, certain, views));
  return { findings, committed, inTheWindow, saidAgain };
}

/** Said again only where a kill came in between, and once for each. */
function isExcused(heardAtMs: readonly number[], killedAtMs: readonly number[]): boolean {
  return heardAtMs
    .slice(1)
    .every((atMs, index) =>
      killedAtMs.some((killMs) => killMs >= (heardAtMs[index] ?? 0) - MARK_MS && killMs <= atMs),
    );
}

/** After a kill the model is shown every committed turn, once, in the order they were said. */
function historyFindings(
  name: string,
  killedAtMs: readonly number[],
  certain: readonly SaidTurn[],
  views: readonly ModelView[],
): string[] {
  const findings = new Set<string>();
  for (const killMs of killedAtMs) {
    const view = views.find(({ atMs }) => atMs > killMs);
    if (view === undefined) continue;
    const wanted = certain.filter(({ finalAtMs }) => (finalAtMs ?? Infinity) <= killMs);
    const shown = view.tokens.filter((token) => wanted.some((turn) => turn.token === token));
    const missing = wanted.filter(({ token }) => !view.tokens.includes(token));
    for (const { token } of missing) findings.add(`${name}: ${token} is forgotten after a kill`);
    if (new Set(shown).size < shown.length) {
      findings.add(`${name}: a turn reached the model twice after a kill: ${shown.join(' ')}`);
    }
    const order = wanted.map(({ token }) => token).filter((token) => shown.includes(token));
    if (missing.length === 0 && order.join(' ') !== [...new Set(shown)].join(' ')) {
      findings.add(`${name}: turns in another order after a kill: ${shown.join(' ')}`);
    }
  }
  return [...findings];
}
