/** Whether every word of the caller reached the model once, and every reply the caller whole. */
import type { AuditedInterruption } from './interruptions.ts';
import type { Evidence } from './evidence.ts';
import type { ModelReply } from './replies.ts';
import { commonLength, wordDistance, wordsOf } from './words.ts';

export type CallerWords = { readonly lost: number; readonly doubled: number };

/**
 * The caller's words, in order, against those that the model was last shown and the nods that were
 * set aside. Undefined when the model was real or was never asked, or a machine did the talking.
 */
export function callerWords(evidence: Evidence): CallerWords | undefined {
  if (evidence.expect.machine === true) return undefined;
  const last = evidence.vendors.model?.findLast((entry) => entry.what === 'request');
  if (last?.what !== 'request') return undefined;
  const shown = last.messages
    .filter((message) => message.role === 'user')
    .flatMap((message) => message.content)
    .map((block) => (block.type === 'text' ? withoutStageDirections(block.text ?? '') : ''));
  const nods = evidence.events.flatMap((event) =>
    event.what === 'caller-said' && event.backchannel ? [event.text] : [],
  );
  const turns = evidence.lines.filter((line) => line.kind !== 'backchannel');
  const nodded = evidence.lines.filter((line) => line.kind === 'backchannel');
  const compare = (said: readonly string[], got: readonly string[]): CallerWords => {
    const common = commonLength(said, got);
    return { lost: said.length - common, doubled: got.length - common };
  };
  const inTurns = compare(all(turns.map((line) => line.text)), all(shown));
  const inNods = compare(all(nodded.map((line) => line.text)), all(nods));
  return { lost: inTurns.lost + inNods.lost, doubled: inTurns.doubled + inNods.doubled };
}

function all(texts: readonly string[]): string[] {
  return texts.flatMap(wordsOf);
}

/** Drops `<guidance>…</guidance>` and what stands in brackets: the server's notes to the model. */
export function withoutStageDirections(text: string): string {
  return text
    .replaceAll(/<([a-z_-]+)(?:\s[^>]*)?>[\s\S]*?<\/\1>/gi, ' ')
    .replaceAll(/^\s*[([][^)\]]*[)\]]\s*$/g, ' ');
}

/** A reply that was not interrupted and yet was not heard whole, in order, undamaged. */
export type Mangled = {
  readonly reply: string;
  readonly heard: string;
  /** Words missing or too many. */
  readonly wrong: number;
  readonly damaged: number;
};

export function mangledReplies(
  evidence: Evidence,
  replies: readonly ModelReply[],
  interruptions: readonly AuditedInterruption[],
): Mangled[] {
  const cut = new Set(interruptions.map((each) => each.reply?.requestId));
  return replies.flatMap((reply) => {
    if (reply.heard.length === 0 || cut.has(reply.requestId)) return [];
    if (endedInside(evidence, reply)) return [];
    const heard = reply.heard.map((word) => word.text).join(' ');
    const wrong = wordDistance(wordsOf(reply.text), wordsOf(heard));
    const damaged = reply.heard.filter((word) => word.damaged).length;
    return wrong + damaged === 0 ? [] : [{ reply: reply.text, heard, wrong, damaged }];
  });
}

/** The caller put the phone down while it was being played. */
function endedInside(evidence: Evidence, reply: ModelReply): boolean {
  if (evidence.end?.how !== 'caller-hung-up') return false;
  const last = reply.heard.at(-1);
  return evidence.clears.some(
    (clear) =>
      clear.reason === 'stream-ended' &&
      clear.flushedBytes > 0 &&
      last !== undefined &&
      clear.atMs - last.playedAtMs < 2_000,
  );
}

/**
 * The longest silence while the caller waits, milliseconds: from the end of what they said to the
 * first sound of the answer, and inside the answer until its last word.
 */
export function longestSilenceMs(evidence: Evidence): number {
  const waits = evidence.lines.flatMap((line, index) => {
    if (line.kind === 'backchannel') return [];
    const fromMs = line.result.lastSpeechFrameAtMs - evidence.answeredAtMs;
    const nextMs =
      (evidence.lines[index + 1]?.result.firstFrameAtMs ?? Infinity) - evidence.answeredAtMs;
    const lastWordMs =
      evidence.heard.findLast((word) => word.lineStartMs > fromMs && word.lineEndMs < nextMs)
        ?.lineEndMs ?? fromMs;
    return evidence.silences
      .filter((silence) => silence.lineEndMs > fromMs)
      .filter((silence) => silence.lineStartMs <= Math.max(fromMs, lastWordMs - 1))
      .map((silence) => silence.lineEndMs - Math.max(fromMs, silence.lineStartMs));
  });
  return Math.round(Math.max(0, ...waits));
}
