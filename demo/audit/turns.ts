/** What each turn of the caller cost, taken apart by who made them wait. */
import type { DeepgramEvent } from '../../emulators/deepgram/types.ts';
import type { LogEntry } from '../../emulators/log.ts';
import { heldUpWithin } from '../machine-watch.ts';
import type { Evidence, SpokenLine } from './evidence.ts';
import { tenth } from './figures.ts';
import { replyOf, type ModelReply } from './replies.ts';

export type SpanName = 'stt' | 'grouping' | 'ask' | 'model' | 'clause' | 'voice' | 'own';

/** A stretch of waiting; times count from the frame with the end of the caller's last word. */
export type WaitSpan = { readonly name: SpanName; readonly fromMs: number; readonly toMs: number };

export type AuditedTurn = {
  /** Index into the caller's lines. */
  readonly line: number;
  readonly text: string;
  /**
   * `plain`: the STT gave no warning of the end. `eager`: it did, and nothing resumed before the
   * end. `unjudged`: the waits cannot be told apart, because a vendor was real or logged nothing.
   */
  readonly kind: 'plain' | 'eager' | 'unjudged';
  readonly lastSpeechAtMs: number;
  readonly firstMediaAtMs: number | undefined;
  /** From the caller's last speech frame to the first media of the answer. */
  readonly waitMs: number | undefined;
  /** Plain turns: the wait less what the vendors' scripts asked for. */
  readonly addedMs: number | undefined;
  /** Eager turns: from the end-of-turn event to the first media. */
  readonly eagerMs: number | undefined;
  /** How long the emulators were kept from running between the last speech frame and the answer. */
  readonly heldUpMs: number;
  readonly spans: readonly WaitSpan[];
  readonly reply: string | undefined;
};

type Sent = Extract<LogEntry<DeepgramEvent>, { what: 'sent' }>;

export function auditTurns(evidence: Evidence, replies: readonly ModelReply[]): AuditedTurn[] {
  return evidence.lines.flatMap((line, index) =>
    line.kind === 'backchannel' ? [] : [auditTurn(evidence, replies, line, index)],
  );
}

/** Turn events that the STT sent about a line, in order. */
export function sttEventsOf(evidence: Evidence, line: SpokenLine): Sent[] {
  return (evidence.vendors.stt ?? []).filter(
    (entry): entry is Sent =>
      entry.what === 'sent' && entry.decision?.lastWord?.utterance === line.utterance,
  );
}

function auditTurn(
  evidence: Evidence,
  replies: readonly ModelReply[],
  line: SpokenLine,
  index: number,
): AuditedTurn {
  const lastSpeechAtMs = line.result.lastSpeechFrameAtMs;
  const events = sttEventsOf(evidence, line);
  const end = events.findLast((event) => event.name === 'EndOfTurn');
  const nextLineAtMs = evidence.lines[index + 1]?.result.firstFrameAtMs ?? Infinity;
  const firstMediaAtMs = evidence.twilio.find(
    (entry) =>
      entry.what === 'media' && entry.atMs > (end?.atMs ?? lastSpeechAtMs) && entry.bytes > 0,
  )?.atMs;
  const answeredAtMs =
    firstMediaAtMs !== undefined && firstMediaAtMs < nextLineAtMs ? firstMediaAtMs : undefined;
  const reply =
    answeredAtMs === undefined ? undefined : replyHeardFrom(evidence, replies, answeredAtMs);
  const known = end !== undefined && answeredAtMs !== undefined && reply !== undefined;
  const base = {
    line: index,
    text: line.text,
    lastSpeechAtMs,
    firstMediaAtMs: answeredAtMs,
    waitMs: answeredAtMs === undefined ? undefined : tenth(answeredAtMs - lastSpeechAtMs),
    heldUpMs: tenth(heldUpWithin(evidence.holdUps, lastSpeechAtMs, answeredAtMs ?? lastSpeechAtMs)),
    reply: reply?.text,
  };
  if (!known) {
    return { ...base, kind: 'unjudged', addedMs: undefined, eagerMs: undefined, spans: [] };
  }
  const last = events.findLast((e) => e.name === 'EagerEndOfTurn' || e.name === 'TurnResumed');
  const eager = last?.name === 'EagerEndOfTurn';
  const sttMs = (end.decision?.silenceMs ?? 0) + evidence.sttDelayMs;
  const scriptedMs = sttMs + (reply.modelWaitMs ?? 0) + (reply.generation?.waitMs ?? 0);
  return {
    ...base,
    kind: eager ? 'eager' : 'plain',
    addedMs: eager ? undefined : tenth(answeredAtMs - lastSpeechAtMs - scriptedMs),
    eagerMs: eager ? tenth(answeredAtMs - end.atMs) : undefined,
    spans: waitSpans({ lastSpeechAtMs, sttMs, endAtMs: end.atMs, answeredAtMs, reply }),
  };
}

/** The reply whose words were the first to be heard of what arrived from then on. */
function replyHeardFrom(
  evidence: Evidence,
  replies: readonly ModelReply[],
  mediaAtMs: number,
): ModelReply | undefined {
  const word = evidence.heard.find((heard) => heard.startedAtMs >= mediaAtMs - FRAME_SLACK_MS);
  if (word) {
    const reply = replyOf(replies, word);
    if (reply && word.startedAtMs - mediaAtMs < FIRST_WORD_MS) return reply;
    return undefined;
  }
  return undefined;
}

/** The line's grid: sound that arrives within a frame is played at the next. */
const FRAME_SLACK_MS = 20;
/** A first word that comes later than this after its first media belongs to something else. */
const FIRST_WORD_MS = 2_000;

function waitSpans(facts: {
  lastSpeechAtMs: number;
  sttMs: number;
  endAtMs: number;
  answeredAtMs: number;
  reply: ModelReply;
}): WaitSpan[] {
  const { lastSpeechAtMs, sttMs, endAtMs, answeredAtMs, reply } = facts;
  const at = (stampMs: number): number => tenth(stampMs - lastSpeechAtMs);
  const span = (name: SpanName, fromMs: number, toMs: number): WaitSpan => ({ name, fromMs, toMs });
  const spans = [span('stt', 0, tenth(sttMs)), span('grouping', tenth(sttMs), at(endAtMs))];
  const { requestAtMs, firstTokenAtMs, generation } = reply;
  if (requestAtMs >= endAtMs) spans.push(span('ask', at(endAtMs), at(requestAtMs)));
  if (firstTokenAtMs !== undefined) {
    spans.push(span('model', at(requestAtMs), at(firstTokenAtMs)));
    if (generation) {
      spans.push(span('clause', at(firstTokenAtMs), at(generation.receivedAtMs)));
    }
  }
  if (generation) {
    spans.push(span('voice', at(generation.receivedAtMs), at(generation.firstAudioAtMs)));
  }
  const readyAtMs = Math.max(endAtMs, generation?.firstAudioAtMs ?? endAtMs);
  spans.push(span('own', at(readyAtMs), at(answeredAtMs)));
  return spans.filter((s) => s.toMs >= s.fromMs);
}
