/**
 * Judges one call of the matrix: pure, over the emulators' logs and the caller's earpiece only. Each
 * finding is a broken promise in words; none means that the cell held.
 */
import { wordsOf } from '../../../demo/audit/words.ts';
import type { CallEvidence, Phrase, SaidTurn, Span, Terms } from './evidence.ts';
import { phrasesHeard, type Heard, type HeardPhrase } from './heard.ts';

/** What the caller of every cell is promised, unless the cell says otherwise. */
export const USUAL_TERMS: Terms = {
  soundMs: 2_000,
  meaningMs: 10_000,
  silenceMs: 4_000,
  mayNotice: true,
  lossyUntilMs: -Infinity,
};

/** The line's grid and the stamps of two processes' clocks. */
const SLACK_MS = 60;
/** How long after the caller's last sound a clear may still be for it: a slow recogniser's time. */
const JUST_SPOKEN_MS = 2_000;
/** What is cut in the midst of a word stops sounding a little before or after the word's end. */
const CLEARED_MS = 1_500;

const MEANINGFUL: ReadonlySet<Phrase['means']> = new Set<Phrase['means']>([
  'reply',
  'apology',
  'lost',
  'keypad',
  'goodbye',
]);
const PROPER_ENDS: ReadonlySet<string> = new Set([
  'caller-hung-up',
  'server-completed',
  'hangup-verb',
  'twiml-ended',
]);

export function auditCall(
  evidence: CallEvidence,
  vocabulary: readonly Phrase[],
  terms: Terms = USUAL_TERMS,
): string[] {
  const heard = phrasesHeard(evidence.words, vocabulary);
  return [
    ...(terms.mayNotice ? [] : noticedFindings(heard)),
    ...troubles(evidence),
    ...greetingFindings(evidence, heard, terms),
    ...evidence.turns.flatMap((turn, index) =>
      turnFindings(evidence, heard, turn, { next: evidence.turns[index + 1], terms }),
    ),
    ...underWayFindings(evidence, heard, terms),
    ...companionFindings(evidence, heard),
    ...callerFindings(evidence, heard, terms),
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

function soundFinding(
  evidence: CallEvidence,
  what: string,
  fromMs: number,
  { soundMs }: Terms,
): string[] {
  const waitMs = audibleFrom(evidence.silences, fromMs) - fromMs;
  if (waitMs <= soundMs + SLACK_MS) return [];
  return [`no sound for ${Math.round(waitMs)} ms after ${what}`];
}

function silenceFinding(
  evidence: CallEvidence,
  what: string,
  { fromMs, toMs }: Span,
  { silenceMs }: Terms,
): string[] {
  const lengths = evidence.silences.map(
    (span) => Math.min(span.toMs, toMs) - Math.max(span.fromMs, fromMs),
  );
  const longestMs = Math.max(0, ...lengths);
  if (longestMs <= silenceMs + SLACK_MS) return [];
  return [`${Math.round(longestMs)} ms of silence ${what}`];
}

function greetingFindings(evidence: CallEvidence, { phrases }: Heard, terms: Terms): string[] {
  const findings = soundFinding(evidence, 'the answer', 0, terms);
  const greeted = phrases.find(({ phrase }) => phrase.means === 'greeting');
  if (!greeted) findings.push('no greeting was heard');
  else if (greeted.startMs > terms.meaningMs) {
    findings.push(`the greeting came after ${Math.round(greeted.startMs)} ms`);
  }
  return [
    ...findings,
    ...silenceFinding(
      evidence,
      'before the greeting',
      { fromMs: 0, toMs: greeted?.endMs ?? 0 },
      terms,
    ),
  ];
}

function outcomeAfter(
  { phrases }: Heard,
  turn: SaidTurn,
  { next, terms }: { next: SaidTurn | undefined; terms: Terms },
): HeardPhrase | undefined {
  const untilMs = next?.firstFrameMs ?? Infinity;
  return phrases.find(
    ({ phrase, startMs }) =>
      startMs >= turn.firstFrameMs &&
      startMs < untilMs &&
      MEANINGFUL.has(phrase.means) &&
      (phrase.means !== 'reply' || isLossy(turn, terms) || phrase.text === turn.reply),
  );
}

function isLossy(turn: SaidTurn, { lossyUntilMs }: Terms): boolean {
  return turn.firstFrameMs < lossyUntilMs;
}

function turnFindings(
  evidence: CallEvidence,
  heard: Heard,
  turn: SaidTurn,
  { next, terms }: { next: SaidTurn | undefined; terms: Terms },
): string[] {
  const what = `“${turn.text}”`;
  const fromMs = turn.lastWordMs;
  // A notice that came while the caller was still speaking has answered them already.
  const outcome = outcomeAfter(heard, turn, { next, terms });
  const findings = soundFinding(evidence, what, fromMs, terms);
  const limitMs = fromMs + terms.meaningMs + SLACK_MS;
  if (!outcome) findings.push(`nothing meaningful was heard after ${what}`);
  else if (outcome.startMs > limitMs) {
    const waitedMs = Math.round(outcome.startMs - fromMs);
    findings.push(`the first meaningful words after ${what} came after ${waitedMs} ms`);
  }
  const toMs = outcome?.endMs ?? Math.min(next?.firstFrameMs ?? Infinity, evidence.endMs);
  return [...findings, ...silenceFinding(evidence, `after ${what}`, { fromMs, toMs }, terms)];
}

/**
 * A reply that the fault came upon: no long silence in it, nor between the place where it broke off
 * and what was said next. Where the caller stopped it, until they did.
 */
function underWayFindings(evidence: CallEvidence, { phrases }: Heard, terms: Terms): string[] {
  const { underWay, faultMs, turns, endMs } = evidence;
  if (underWay === undefined) return [];
  const parts = phrases.filter(({ phrase }) => phrase.text === underWay);
  const last = parts.at(-1);
  if (!last) return [`nothing was heard of the reply that was under way`];
  const clearedMs = clearFor(evidence, last);
  const next = phrases.find(({ startMs }) => startMs >= last.endMs);
  const turn = turns.find(({ lastWordMs }) => lastWordMs >= last.endMs);
  // Whoever speaks does not wait; from their last word on it is the turn that is judged.
  const spokeMs = Math.max(last.endMs, turn?.firstFrameMs ?? Infinity);
  const brokenMs = Math.min(next?.startMs ?? Infinity, spokeMs, endMs);
  const toMs = clearedMs ?? (last.complete ? last.endMs : brokenMs);
  return silenceFinding(evidence, 'in a reply', { fromMs: faultMs, toMs }, terms);
}

/** When the carrier's buffer was emptied because the caller spoke into this phrase. */
function clearFor(
  { clearsMs, speaking }: CallEvidence,
  part: Pick<HeardPhrase, 'startMs' | 'endMs'>,
): number | undefined {
  return clearsMs.find(
    (atMs) =>
      atMs >= part.startMs &&
      atMs <= part.endMs + CLEARED_MS &&
      speaking.some(
        ({ fromMs, toMs }) =>
          fromMs <= atMs && toMs >= part.startMs - SLACK_MS && atMs <= toMs + JUST_SPOKEN_MS,
      ),
  );
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

/**
 * Why a phrase may end early: cleared because the caller spoke into it, gone on with later,
 * apologised for, hung up; or a fixed line that was in the place of an answer, and the answer came.
 */
function isExcused(
  evidence: CallEvidence,
  phrases: readonly HeardPhrase[],
  index: number,
): boolean {
  const part = phrases[index];
  if (!part) return true;
  const { end, endMs } = evidence;
  const later = phrases.slice(index + 1);
  const next = later[0];
  const cleared = clearFor(evidence, part) !== undefined;
  const resumed = later.some(({ phrase }) => phrase === part.phrase);
  const owned = next !== undefined && OWNING_UP.has(next.phrase.means);
  const hungUp = end === 'caller-hung-up' && endMs - part.endMs < 2_000;
  return cleared || resumed || owned || hungUp || isOvertaken(evidence, part, next);
}

/** “I didn't quite catch that” may stop short for the answer to the very words it was about. */
function isOvertaken(
  { turns }: CallEvidence,
  part: HeardPhrase,
  next: HeardPhrase | undefined,
): boolean {
  const turn = turns.findLast(({ firstFrameMs }) => firstFrameMs <= part.startMs);
  const isStandIn = part.phrase.means === 'apology' || part.phrase.means === 'filler';
  const isAnswer = next !== undefined && next.phrase.text === turn?.reply;
  return isStandIn && isAnswer && next.startMs - part.endMs <= USUAL_TERMS.soundMs;
}

const OWNING_UP: ReadonlySet<Phrase['means']> = new Set<Phrase['means']>([
  'apology',
  'lost',
  'keypad',
  'goodbye',
]);

/** Every word of an answered turn was shown to a model, and none more often than it was said. */
function callerFindings(evidence: CallEvidence, heard: Heard, terms: Terms): string[] {
  const { turns, modelViews } = evidence;
  const findings: string[] = [];
  for (const [index, turn] of turns.entries()) {
    const said = turns.filter((each) => each.text === turn.text).length;
    const counts = modelViews.map(({ userText }) => occurrences(userText, turn.text));
    const most = Math.max(0, ...counts);
    if (turn.repetition === 0 && most > said) {
      findings.push(`“${turn.text}” reached a model ${most} times, and was said ${said} times`);
    }
    const outcome = outcomeAfter(heard, turn, { next: turns[index + 1], terms });
    if (!isLossy(turn, terms) && outcome?.phrase.means === 'reply' && most === 0) {
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
