/** Whether the companion stopped when it should, only then, at once, and knew where it was. */
import type { ClearRecord } from '../../emulators/twilio/types.ts';
import type { Evidence, SpokenLine } from './evidence.ts';
import { tenth } from './figures.ts';
import { replyOf, type ModelReply } from './replies.ts';
import { sttEventsOf } from './turns.ts';
import { wordDistance, wordsOf } from './words.ts';

/** A clear that comes later than this after the interrupting words was not caused by them. */
const WINDOW_MS = 2_000;

export type AuditedInterruption = {
  readonly line: number;
  readonly text: string;
  /** Undefined when nothing was cleared: it was not obeyed. */
  readonly clear: ClearRecord | undefined;
  /** From the STT's event with the word that decides it to the clear on the wire. */
  readonly bargeInMs: number | undefined;
  /** The reply that was cut. */
  readonly reply: ModelReply | undefined;
  readonly heardWords: number;
  /** By how many words the server's account of what was heard differs from what was played. */
  readonly heardWordError: number | undefined;
  /** Words and media of the old reply after the clear: there may be none. */
  readonly staleWords: number;
  readonly staleMedia: number;
};

export function auditInterruptions(
  evidence: Evidence,
  replies: readonly ModelReply[],
): AuditedInterruption[] {
  return evidence.lines.flatMap((line, index) =>
    line.kind === 'interruption' ? [auditInterruption(evidence, replies, line, index)] : [],
  );
}

/** Clears that cut sound without any of the scripted interruptions having asked for it. */
export function falseInterruptions(evidence: Evidence): number {
  const windows = evidence.lines.filter((line) => line.kind === 'interruption').map(windowOf);
  return realClears(evidence).filter(
    (clear) => !windows.some(([from, to]) => clear.atMs >= from && clear.atMs <= to),
  ).length;
}

function realClears(evidence: Evidence): ClearRecord[] {
  return evidence.clears.filter((clear) => clear.reason === 'clear' && clear.flushedBytes > 0);
}

function windowOf(line: SpokenLine): [number, number] {
  return [line.result.firstFrameAtMs, line.result.lastSpeechFrameAtMs + WINDOW_MS];
}

function auditInterruption(
  evidence: Evidence,
  replies: readonly ModelReply[],
  line: SpokenLine,
  index: number,
): AuditedInterruption {
  const [from, to] = windowOf(line);
  const clear = evidence.clears.find((c) => c.reason === 'clear' && c.atMs >= from && c.atMs <= to);
  const events = sttEventsOf(evidence, line);
  const trigger = events.find(
    (event) => (event.decision?.lastWord?.index ?? -1) >= (line.triggerWord ?? 0),
  );
  const base = { line: index, text: line.text, clear };
  if (!clear) {
    const nothing = { bargeInMs: undefined, reply: undefined, heardWordError: undefined };
    return { ...base, ...nothing, heardWords: 0, staleWords: 0, staleMedia: 0 };
  }
  const reply = cutReply(evidence, replies, clear);
  const heard = reply?.heard.filter((word) => word.lineStartMs < clear.lineMs) ?? [];
  const endOfTurn = events.findLast((event) => event.name === 'EndOfTurn');
  return {
    ...base,
    bargeInMs: trigger && tenth(clear.atMs - trigger.atMs),
    reply,
    heardWords: heard.length,
    heardWordError: reply && heardWordError(evidence, reply, clear),
    staleWords: reply?.heard.filter((word) => word.lineStartMs >= clear.lineMs).length ?? 0,
    staleMedia: evidence.twilio.filter(
      (entry) =>
        entry.what === 'media' &&
        entry.atMs > clear.atMs &&
        entry.atMs < (endOfTurn?.atMs ?? clear.atMs),
    ).length,
  };
}

/** The reply being played at a clear; before its first whole word, the newest that had a voice. */
function cutReply(
  evidence: Evidence,
  replies: readonly ModelReply[],
  clear: ClearRecord,
): ModelReply | undefined {
  const voiced = replies.findLast(
    (reply) => reply.generation !== undefined && reply.generation.firstAudioAtMs < clear.atMs,
  );
  const lastWord = evidence.heard.findLast((word) => word.lineStartMs < clear.lineMs);
  const playing = lastWord && replyOf(replies, lastWord);
  // A newer reply of which only part of a word was heard is the one that was cut.
  if (voiced && playing && voiced.requestAtMs > playing.requestAtMs && voiced.heard.length === 0) {
    return voiced;
  }
  return playing ?? voiced;
}

function heardWordError(evidence: Evidence, reply: ModelReply, clear: ClearRecord): number {
  const played = reply.heard
    .filter((word) => word.lineStartMs < clear.lineMs)
    .flatMap((word) => wordsOf(word.text));
  const claims = [claimedByEvent(evidence, clear), claimedToModel(evidence, clear)];
  const known = claims.filter((claim) => claim !== undefined);
  // Nothing said about a reply is the claim that nothing of it was heard.
  if (known.length === 0) return played.length;
  return Math.max(...known.map((claim) => wordDistance(claim, played)));
}

function claimedByEvent(evidence: Evidence, clear: ClearRecord): string[] | undefined {
  const event = evidence.events.find(
    (e) => e.what === 'companion-said' && e.interrupted && e.atMs >= clear.atMs - WINDOW_MS / 10,
  );
  return event?.what === 'companion-said' ? wordsOf(event.text) : undefined;
}

/** What the next request tells the model that it has said last. */
function claimedToModel(evidence: Evidence, clear: ClearRecord): string[] | undefined {
  const request = evidence.vendors.model?.find(
    (entry) => entry.what === 'request' && entry.atMs > clear.atMs,
  );
  if (request?.what !== 'request') return undefined;
  const said = request.messages.findLast((message) => message.role === 'assistant');
  return said && wordsOf(said.content.map((block) => block.text ?? '').join(' '));
}
