/**
 * Puts together what belongs together: the model's answer, the voice that spoke it, and the words
 * of it that came out of the caller's earpiece.
 */
import type { AnthropicEvent } from '../../emulators/anthropic/types.ts';
import type { ElevenLabsEvent, GenerationEvent } from '../../emulators/elevenlabs/types.ts';
import type { LogEntry } from '../../emulators/log.ts';
import type { PlayedWord } from '../../emulators/twilio/types.ts';
import type { Evidence } from './evidence.ts';
import { wordsOf } from './words.ts';

/** One stream of speech at the voice vendor: what one utterance of the server was made of. */
type SpeechStream = {
  readonly key: string;
  text: string;
  firstTextAtMs: number;
  generation: GenerationEvent | undefined;
  readonly utterances: Set<number>;
};

export type ModelReply = {
  readonly requestId: string;
  readonly requestAtMs: number;
  readonly firstTokenAtMs: number | undefined;
  /** What the model itself took from request to first token. */
  readonly modelWaitMs: number | undefined;
  /** All that it would say if let; `complete` tells whether it was. */
  readonly text: string;
  readonly complete: boolean;
  /** When text for the voice first arrived there. */
  readonly firstTextAtMs: number | undefined;
  readonly generation: GenerationEvent | undefined;
  /** In-band ids of its clauses. */
  readonly utterances: ReadonlySet<number>;
  /** Words of it that were wholly heard, in order of play. */
  readonly heard: readonly PlayedWord[];
};

export function findReplies(evidence: Evidence): ModelReply[] {
  const { model, voice } = evidence.vendors;
  if (!model || !voice) return [];
  const streams = speechStreams(voice);
  const taken = new Set<string>();
  const replies: ModelReply[] = [];
  for (const request of model) {
    if (request.what !== 'request') continue;
    const answer = answerTo(model, request.id);
    if (answer === undefined) continue;
    const stream = streams.find(
      (s) =>
        !taken.has(s.key) &&
        s.firstTextAtMs >= (answer.firstTokenAtMs ?? Infinity) &&
        isBeginning(s.text, answer.text),
    );
    if (stream) taken.add(stream.key);
    const utterances: ReadonlySet<number> = stream?.utterances ?? new Set<number>();
    replies.push({
      requestId: request.id,
      requestAtMs: request.atMs,
      ...answer,
      firstTextAtMs: stream?.firstTextAtMs,
      generation: stream?.generation,
      utterances,
      heard: evidence.heard.filter((word) => utterances.has(word.utterance)),
    });
  }
  return replies;
}

/** The reply to which a word that was heard belongs. */
export function replyOf(replies: readonly ModelReply[], word: PlayedWord): ModelReply | undefined {
  return replies.find((reply) => reply.utterances.has(word.utterance));
}

function answerTo(
  model: readonly LogEntry<AnthropicEvent>[],
  id: string,
): Pick<ModelReply, 'firstTokenAtMs' | 'modelWaitMs' | 'text' | 'complete'> | undefined {
  const of = model.filter((entry) => 'id' in entry && entry.id === id);
  const reply = of.find((entry) => entry.what === 'reply');
  if (!reply) return undefined;
  const token = of.find((entry) => entry.what === 'first-token');
  return {
    firstTokenAtMs: token?.atMs,
    modelWaitMs: token?.waitMs,
    text: reply.text,
    complete: of.some((entry) => entry.what === 'complete'),
  };
}

function speechStreams(voice: readonly LogEntry<ElevenLabsEvent>[]): SpeechStream[] {
  const streams = new Map<string, SpeechStream>();
  for (const entry of voice) {
    if (entry.what !== 'text' && entry.what !== 'generation' && entry.what !== 'audio') continue;
    const key = `${entry.connection}/${entry.contextId ?? ''}`;
    const stream = streams.get(key) ?? {
      key,
      text: '',
      firstTextAtMs: entry.atMs,
      generation: undefined,
      utterances: new Set<number>(),
    };
    streams.set(key, stream);
    if (entry.what === 'text') {
      if (wordsOf(stream.text).length === 0) stream.firstTextAtMs = entry.atMs;
      stream.text += entry.text;
    } else if (entry.what === 'generation') stream.generation ??= entry;
    else stream.utterances.add(entry.utterance);
  }
  return [...streams.values()].filter((stream) => wordsOf(stream.text).length > 0);
}

function isBeginning(spoken: string, whole: string): boolean {
  const part = wordsOf(spoken);
  const all = wordsOf(whole);
  return part.length <= all.length && part.every((word, i) => word === all[i]);
}
