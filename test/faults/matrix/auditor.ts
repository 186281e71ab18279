/**
 * Judges one call of the matrix: pure, over the emulators' logs and the caller's earpiece only. Each
 * finding is a broken promise in words; none means that the cell held.
 */
import { wordsOf } from '../../../demo/audit/words.ts';
import type { CallEvidence, Phrase, SaidTurn, Span } from './evidence.ts';
import { phrasesHeard, type Heard, type HeardPhrase } from './heard.ts';

export const LIMITS = {
  /** From the end of the caller's turn to any sound. */
  soundMs: 2_000,
  /** From the end of the caller's turn to a reply, an apology, the keypad notice or a goodbye. */
  meaningMs: 10_000,
  /** Longest unbroken silence while the caller waits. */
  silenceMs: 4_000,
} as const;

/** The line's grid and the stamps of two processes' clocks. */
const SLACK_MS = 60;

const MEANINGFUL: ReadonlySet<Phrase['means']> = new Set<Phrase['means']>([
  'reply',
  'apology',
  'keypad',
  'goodbye',
]);
const PROPER_ENDS: ReadonlySet<string> = new Set([
  'caller-hung-up',
  'server-completed',
  'hangup-verb',
  'twiml-ended',
]);

/** `mayNotice` false: the caller must hear a call in which nothing is wrong. */
export function auditCall(
  evidence: CallEvidence,
  vocabulary: readonly Phrase[],
  mayNotice = true,
): string[] {
  const heard = phrasesHeard(evidence.words, vocabulary);
  return [
    ...(mayNotice ? [] : noticedFindings(heard)),
    ...troubles(evidence),
    ...greetingFindings(evidence, heard),
    ...evidence.turns.flatMap((turn, index) =>
      turnFindings(evidence, heard, turn, evidence.turns[index + 1]),
    ),
    ...underWayFindings(evidence, heard),
    ...companionFindings(evidence, heard),
    ...callerFindings(evidence, heard),
    ...endFindings(evidence),
  ];
}

function noticedFindings({ phrases }: Heard): string[] {
  const told = phrases.filter(({ phrase }) => OWNING_UP.has(phrase.means));
  return told.map(({ phrase }) => `the caller was told of it: “${phrase.text.slice(0, 60)}”`);
}

function troubles({ trouble }: CallEvidence): string[] {
  return trouble === undefined ? [] : [trouble];
}

/** The moment from which something can be heard, at or after `fromMs`. */
function audibleFrom(silences: readonly Span[], fromMs: number): number {
  const silence = silences.find((span) => span.fromMs <= fromMs && span.toMs > fromMs);
  return silence?.toMs ?? fromMs;
}

function soundFinding(evidence: CallEvidence, what: string, fromMs: number): string[] {
  const waitMs = audibleFrom(evidence.silences, fromMs) - fromMs;
  if (waitMs <= LIMITS.soundMs + SLACK_MS) return [];
  return [`no sound for ${Math.round(waitMs)} ms after ${what}`];
}

function silenceFinding(
  evidence: CallEvidence,
  what: string,
  fromMs: number,
  toMs: number,
): string[] {
  const lengths = evidence.silences.map(
    (span) => Math.min(span.toMs, toMs) - Math.max(span.fromMs, fromMs),
  );
  const longestMs = Math.max(0, ...lengths);
  if (longestMs <= LIMITS.silenceMs + SLACK_MS) return [];
  return [`${Math.round(longestMs)} ms of silence ${what}`];
}

function greetingFindings(evidence: CallEvidence, { phrases }: Heard): string[] {
  const findings = soundFinding(evidence, 'the answer', 0);
  const greeted = phrases.find(({ phrase }) => phrase.means === 'greeting');
  if (!greeted) findings.push('no greeting was heard');
  else if (greeted.startMs > LIMITS.meaningMs) {
    findings.push(`the greeting came after ${Math.round(greeted.startMs)} ms`);
  }
  return [...findings, ...silenceFinding(evidence, 'before the greeting', 0, greeted?.endMs ?? 0)];
}

function outcomeAfter(
  { phrases }: Heard,
  turn: SaidTurn,
  next: SaidTurn | undefined,
): HeardPhrase | undefined {
  const untilMs = next?.firstFrameMs ?? Infinity;
  return phrases.find(
    ({ phrase, startMs }) =>
      startMs >= turn.firstFrameMs &&
      startMs < untilMs &&
      MEANINGFUL.has(phrase.means) &&
      (phrase.means !== 'reply' || phrase.text === turn.reply),
  );
}

function turnFindings(
  evidence: CallEvidence,
  heard: Heard,
  turn: SaidTurn,
  next: SaidTurn | undefined,
): string[] {
  const what = `“${turn.text}”`;
  const fromMs = turn.lastWordMs;
  // A notice that came while the caller was still speaking has answered them already.
  const outcome = outcomeAfter(heard, turn, next);
  const findings = soundFinding(evidence, what, fromMs);
  const limitMs = fromMs + LIMITS.meaningMs + SLACK_MS;
  if (!outcome) findings.push(`nothing meaningful was heard after ${what}`);
  else if (outcome.startMs > limitMs) {
    const waitedMs = Math.round(outcome.startMs - fromMs);
    findings.push(`the first meaningful words after ${what} came after ${waitedMs} ms`);
  }
  const endMs = outcome?.endMs ?? Math.min(next?.firstFrameMs ?? Infinity, evidence.endMs);
  return [...findings, ...silenceFinding(evidence, `after ${what}`, fromMs, endMs)];
}

/** A reply that the fault came upon is heard to its end, or its loss is owned up to. */
function underWayFindings(evidence: CallEvidence, { phrases }: Heard): string[] {
  const { underWay, faultMs, clearsMs } = evidence;
  if (underWay === undefined) return [];
  const parts = phrases.filter(({ phrase }) => phrase.text === underWay);
  const last = parts.at(-1);
  if (!last) return [];
  return clearsMs.some((atMs) => atMs >= faultMs - SLACK_MS && atMs >= last.startMs)
    ? []
    : silenceFinding(evidence, 'in a reply', faultMs, last.endMs);
}

function companionFindings(evidence: CallEvidence, { phrases, strays }: Heard): string[] {
  const findings: string[] = [];
  if (strays.length > 0) {
    const words = strays.slice(0, 12).map(({ text }) => text);
    findings.push(`${strays.length} word(s) out of place: “${words.join(' ')}”`);
  }
  const damaged = evidence.words.filter((word) => word.damaged);
  if (damaged.length > 0) findings.push(`${damaged.length} damaged word(s) were heard`);
  for (const [index, part] of phrases.entries()) {
    if (part.complete || isExcused(evidence, phrases, index)) continue;
    findings.push(`“${part.phrase.text.slice(0, 60)}” broke off after ${part.words} words`);
  }
  const said = phrases.filter(({ phrase, complete }) => phrase.means === 'reply' && complete);
  for (const text of new Set(said.map(({ phrase }) => phrase.text))) {
    const times = said.filter(({ phrase }) => phrase.text === text).length;
    const asked =
      evidence.turns.filter(({ reply }) => reply === text).length +
      Number(evidence.underWay === text);
    if (times > Math.max(1, asked)) findings.push(`“${text.slice(0, 60)}” was said ${times} times`);
  }
  return findings;
}

/** Why a phrase may end early: cleared for the caller, gone on with later, apologised for, hung up. */
function isExcused(
  { clearsMs, end, endMs }: CallEvidence,
  phrases: readonly HeardPhrase[],
  index: number,
): boolean {
  const part = phrases[index];
  if (!part) return true;
  const later = phrases.slice(index + 1);
  const next = later[0];
  const cleared = clearsMs.some((atMs) => atMs >= part.startMs && atMs <= part.endMs + 1_500);
  const resumed = later.some(({ phrase }) => phrase === part.phrase);
  const owned = next !== undefined && OWNING_UP.has(next.phrase.means);
  const hungUp = end === 'caller-hung-up' && endMs - part.endMs < 2_000;
  return cleared || resumed || owned || hungUp;
}

const OWNING_UP: ReadonlySet<Phrase['means']> = new Set<Phrase['means']>([
  'apology',
  'keypad',
  'goodbye',
]);

/** Every word of an answered turn was shown to a model, and none more often than it was said. */
function callerFindings(evidence: CallEvidence, heard: Heard): string[] {
  const { turns, modelViews } = evidence;
  const findings: string[] = [];
  for (const [index, turn] of turns.entries()) {
    const said = turns.filter((each) => each.text === turn.text).length;
    const counts = modelViews.map(({ userText }) => occurrences(userText, turn.text));
    const most = Math.max(0, ...counts);
    if (turn.repetition === 0 && most > said) {
      findings.push(`“${turn.text}” reached a model ${most} times, and was said ${said} times`);
    }
    const outcome = outcomeAfter(heard, turn, turns[index + 1]);
    if (outcome?.phrase.means === 'reply' && most === 0) {
      findings.push(`“${turn.text}” was answered, and no model was shown all of it`);
    }
  }
  return findings;
}

function occurrences(text: string, wanted: string): number {
  const all = ` ${wordsOf(text).join(' ')} `;
  const part = ` ${wordsOf(wanted).join(' ')} `;
  let count = 0;
  for (let at = all.indexOf(part); at >= 0; at = all.indexOf(part, at + part.length - 1))
    count += 1;
  return count;
}

function endFindings({ end }: CallEvidence): string[] {
  if (end !== undefined && PROPER_ENDS.has(end)) return [];
  return [`the call ended badly: ${end ?? 'not at all'}`];
}
