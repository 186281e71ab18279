/** The conversation as the model is shown it: what was said to us, and of ours what was heard. */

import { update, type Utterance, type Work } from './state.ts';
import type { HistoryEntry, LineId, TurnId } from './types.ts';

/** Older entries fall off; a call of the longest length stays far below this. */
const MAX_ENTRIES = 400;

/** Lines that fill a gap; the model is not shown them. */
const UNREMEMBERED: ReadonlySet<LineId> = new Set<LineId>(['filler', 'checking', 'voicemail']);

function isRemembered(utterance: Utterance): boolean {
  return utterance.line === undefined || !UNREMEMBERED.has(utterance.line);
}

function write(work: Work, history: readonly HistoryEntry[]): void {
  update(work, {
    history: history.length > MAX_ENTRIES ? history.slice(-MAX_ENTRIES) : history,
  });
}

/** Writes a caller turn, or writes it anew when more words were merged into it. */
export function writeCallerTurn(work: Work, turnId: TurnId, text: string): void {
  const known = work.state.history.some((e) => e.role === 'caller' && e.turnId === turnId);
  write(
    work,
    known
      ? work.state.history.map((entry) =>
          entry.role === 'caller' && entry.turnId === turnId ? { ...entry, text } : entry,
        )
      : [...work.state.history, { role: 'caller', turnId, text }],
  );
}

/** An utterance has become audible: its place in the conversation is here. */
export function openInHistory(work: Work, utterance: Utterance): void {
  if (!isRemembered(utterance)) return;
  if (work.state.history.some((e) => e.role === 'companion' && e.utterance === utterance.id))
    return;
  write(work, [
    ...work.state.history,
    { role: 'companion', utterance: utterance.id, text: '', interrupted: false, open: true },
  ]);
}

/** Keeps the place of a reply in front of the tools it called. */
export function reserveInHistory(work: Work, utterance: Utterance): void {
  if (utterance.text.trim() !== '') openInHistory(work, utterance);
}

/** What was heard of an utterance is certain now; unheard, it never was in the conversation. */
export function concludeInHistory(
  work: Work,
  utterance: Utterance,
  heard: string,
  interrupted: boolean,
): void {
  if (!isRemembered(utterance)) return;
  const { id } = utterance;
  write(
    work,
    heard === ''
      ? work.state.history.filter((e) => e.role !== 'companion' || e.utterance !== id)
      : work.state.history.map((entry) =>
          entry.role === 'companion' && entry.utterance === id
            ? { ...entry, text: heard, interrupted, open: false }
            : entry,
        ),
  );
}

export function writeToolCall(work: Work, callId: string, name: string, input: unknown): void {
  const { history } = work.state;
  if (history.some((entry) => entry.role === 'tool' && entry.callId === callId)) return;
  write(work, [
    ...history,
    { role: 'tool', callId, name, input, result: undefined, isError: false },
  ]);
}

export function writeToolResult(
  work: Work,
  callId: string,
  result: string,
  isError: boolean,
): void {
  write(
    work,
    work.state.history.map((entry) =>
      entry.role === 'tool' && entry.callId === callId && entry.result === undefined
        ? { ...entry, result, isError }
        : entry,
    ),
  );
}

/**
 * The history to send with a request: open utterances are shown with the text that is being spoken,
 * because a tool's answer continues it; everything else as heard.
 */
export function historyForModel(work: Work): readonly HistoryEntry[] {
  const spoken = new Map(work.state.utterances.map((u) => [u.id, u.text.trim()]));
  return work.state.history.flatMap((entry): HistoryEntry[] => {
    if (entry.role !== 'companion' || !entry.open) return [entry];
    const text = spoken.get(entry.utterance) ?? '';
    return text === '' ? [] : [{ ...entry, text }];
  });
}

/** The last question the companion asked and the caller heard, if it was the last thing said. */
export function lastQuestion(history: readonly HistoryEntry[]): string | undefined {
  const last = history.findLast((entry) => entry.role === 'companion');
  return last?.role === 'companion' ? questionIn(last.text) : undefined;
}

/** The question that a text ends with. */
export function questionIn(text: string): string | undefined {
  return /[^.!?…]*\?\s*$/u.exec(text)?.[0].trim();
}
