/**
 * The playback ledger: words → audio → marks. The one place that knows what is being spoken, how
 * much of it the caller has heard, and when it will be over.
 *
 * The carrier plays what it was sent in order and in real time, and returns a mark when everything
 * before it was played. Between marks the audio clock fills in, never beyond what was sent.
 */

import {
  playedMs,
  earliestEnd,
  audibleUntil,
  hasBegun,
  heardText,
  textUpTo,
} from './audio-clock.ts';
import { concludeInHistory, openInHistory } from './history.ts';
import type { Input, LineId, TurnId, UtteranceId } from './types.ts';
import { emit, note, update, type CallState, type Utterance, type Work } from './state.ts';

const UNSTOPPABLE: ReadonlySet<LineId> = new Set<LineId>([
  'keypad',
  'help-coming',
  'cut-in',
  'voicemail',
  'time-goodbye',
  'drain-goodbye',
]);

export function findUtterance(state: CallState, id: UtteranceId): Utterance | undefined {
  return state.utterances.find((utterance) => utterance.id === id);
}

export function changeUtterance(work: Work, id: UtteranceId, change: Partial<Utterance>): void {
  update(work, {
    utterances: work.state.utterances.map((u) => (u.id === id ? { ...u, ...change } : u)),
  });
}

/** Adds an utterance of the model's words to come; `released` ones may be sent as they arrive. */
export function addReplyUtterance(work: Work, turnId: TurnId, released: boolean): UtteranceId {
  const id = addUtterance(work, { turnId, released });
  if (released) emit(work, { kind: 'release', utterance: id, first: false });
  return id;
}

/** Speaks a fixed line: behind what is released already, or before what has not begun. */
export function speakLine(
  work: Work,
  line: LineId,
  options: { turnId?: TurnId; first?: boolean } = {},
): UtteranceId {
  const variants = work.state.settings.lines[line];
  const uses = work.state.lineUses[line] ?? 0;
  const text = variants[uses % Math.max(1, variants.length)] ?? '';
  update(work, { lineUses: { ...work.state.lineUses, [line]: uses + 1 } });
  const id = addUtterance(
    work,
    {
      line,
      turnId: options.turnId,
      text,
      textDone: true,
      released: true,
      unstoppable: UNSTOPPABLE.has(line),
    },
    options.first ?? false,
  );
  emit(work, { kind: 'say-line', utterance: id, line, text });
  emit(work, { kind: 'release', utterance: id, first: options.first ?? false });
  return id;
}

/** Speaks a given text once more, as a reply of its own. */
export function speakText(work: Work, turnId: TurnId | undefined, text: string): UtteranceId {
  const id = addUtterance(work, { turnId, text, textDone: true, released: true });
  emit(work, { kind: 'say', utterance: id, text });
  emit(work, { kind: 'finish-speech', utterance: id });
  emit(work, { kind: 'release', utterance: id, first: false });
  return id;
}

function addUtterance(work: Work, given: Partial<Utterance>, first = false): UtteranceId {
  const id = work.state.nextUtterance;
  const utterance: Utterance = {
    line: undefined,
    turnId: undefined,
    unstoppable: false,
    text: '',
    textDone: false,
    released: false,
    words: [],
    readyMs: 0,
    audioEnded: false,
    sentMs: 0,
    anchor: undefined,
    heardBeforeMs: 0,
    markedMs: 0,
    rest: undefined,
    lending: false,
    ...given,
    id,
  };
  const queue = work.state.utterances;
  const begun = queue.filter((u) => u.anchor !== undefined);
  const waiting = queue.filter((u) => u.anchor === undefined);
  update(work, {
    nextUtterance: id + 1,
    utterances: first ? [...begun, utterance, ...waiting] : [...queue, utterance],
  });
  return id;
}

/** Something released is unfinished: the companion has, or is about to take, the floor. */
export function isSpeakingOrAbout(state: CallState): boolean {
  return state.utterances.some((utterance) => utterance.released);
}

export function onAudioReady(work: Work, input: Extract<Input, { kind: 'audio-ready' }>): void {
  const utterance = findUtterance(work.state, input.utterance);
  if (!utterance) return;
  changeUtterance(work, utterance.id, {
    readyMs: Math.max(utterance.readyMs, input.totalMs),
    words: input.words ? [...utterance.words, ...input.words] : utterance.words,
  });
}

export function onAudioEnded(work: Work, input: Extract<Input, { kind: 'audio-ended' }>): void {
  const utterance = findUtterance(work.state, input.utterance);
  if (!utterance) return;
  changeUtterance(work, utterance.id, { audioEnded: true, readyMs: input.totalMs });
}

export function onAudioSent(work: Work, input: Extract<Input, { kind: 'audio-sent' }>): void {
  const utterance = findUtterance(work.state, input.utterance);
  if (!utterance || !utterance.released || input.toMs <= utterance.sentMs) return;
  const first = utterance.anchor === undefined;
  const ranDry = !first && playedMs(utterance, work.now) >= utterance.sentMs;
  const anchor =
    first || ranDry
      ? {
          ms: utterance.sentMs,
          at: Math.max(work.now, audibleUntil(work.state)),
          lagMs: undefined,
        }
      : utterance.anchor;
  changeUtterance(work, utterance.id, { sentMs: input.toMs, anchor });
  if (!first) return;
  openInHistory(work, utterance);
  note(work, { what: 'first-audio', utterance: utterance.id, turnId: utterance.turnId });
}

export function onMark(work: Work, input: Extract<Input, { kind: 'mark' }>): void {
  const utterance = findUtterance(work.state, input.utterance);
  if (!utterance?.anchor || input.atMs > utterance.sentMs) return;
  if (input.atMs <= utterance.markedMs) return;
  const { ms, at, lagMs } = utterance.anchor;
  const delayMs = work.now - (at + (input.atMs - ms));
  const anchor =
    delayMs < 0
      ? { ms: input.atMs, at: work.now, lagMs: 0 }
      : { ms, at, lagMs: Math.min(lagMs ?? delayMs, delayMs) };
  changeUtterance(work, utterance.id, { markedMs: input.atMs, anchor });
}

/** No more audio will be made, and what was not sent is lost: what was sent is the utterance. */
export function truncateToSent(work: Work, utterance: Utterance): void {
  const { id, sentMs } = utterance;
  changeUtterance(work, id, {
    text: textUpTo(utterance, sentMs),
    textDone: true,
    readyMs: sentMs,
    audioEnded: true,
  });
}

/**
 * Takes an utterance off the ledger and writes down what was heard of it. Returns the heard text.
 */
export function conclude(work: Work, utterance: Utterance, how: 'played' | 'cut'): string {
  const heard = how === 'played' ? utterance.text.trim() : heardText(utterance, work.now);
  const interrupted = how === 'cut';
  const end = how === 'played' ? Math.min(work.now, earliestEnd(utterance)) : work.now;
  update(work, {
    utterances: work.state.utterances.filter((other) => other.id !== utterance.id),
    lastAudibleAt: hasBegun(utterance)
      ? Math.max(work.state.lastAudibleAt, end)
      : work.state.lastAudibleAt,
    idle: { ...work.state.idle, since: work.now },
  });
  concludeInHistory(work, utterance, heard, interrupted);
  if (heard !== '') {
    const { id, turnId } = utterance;
    const whole = utterance.text.trim();
    emit(work, { kind: 'record-companion', utterance: id, turnId, heard, whole, interrupted });
  }
  if (how === 'played') note(work, { what: 'utterance-played', utterance: utterance.id });
  return heard;
}

/**
 * The carrier's buffer was emptied: utterances that remain have nothing in it any more and will be
 * sent again from their beginning.
 */
export function rewindRemaining(work: Work): void {
  update(work, {
    utterances: work.state.utterances.map((utterance) =>
      utterance.anchor
        ? {
            ...utterance,
            sentMs: 0,
            markedMs: 0,
            anchor: undefined,
            heardBeforeMs: Math.max(utterance.heardBeforeMs, playedMs(utterance, work.now)),
          }
        : utterance,
    ),
    lastAudibleAt: Math.min(work.state.lastAudibleAt, work.now),
  });
}

/** Ends everything that is being said, now, and writes down what was heard of it. */
export function silence(work: Work): void {
  const audible = work.state.stream === 'attached' && work.state.utterances.some(hasBegun);
  const doomed = work.state.utterances;
  // From the last to the first, so that no cancellation lets the next in line out.
  for (const { id } of doomed.toReversed()) emit(work, { kind: 'cancel-speech', utterance: id });
  for (const utterance of doomed) conclude(work, utterance, 'cut');
  // Only now: until everything is cancelled, the way out may still send some of it.
  if (audible) emit(work, { kind: 'clear' });
}
