import { isRecord } from '../vendor-failure.ts';

/** A message of Deepgram's v1 socket, as far as we use it. */
export type NovaMessage =
  | {
      kind: 'results';
      text: string;
      /** Beginning of the window this result covers. */
      startMs: number;
      /** End of the window this result covers, from the session's first audio. */
      audioMs: number;
      /** The window will not change any more. */
      isFinal: boolean;
      /** Endpointing heard a pause after it. */
      speechFinal: boolean;
      fromFinalize: boolean;
    }
  | { kind: 'speech-started'; audioMs: number }
  | { kind: 'utterance-end'; audioMs: number }
  | { kind: 'unknown' }
  | { kind: 'garbage' };

const GARBAGE: NovaMessage = { kind: 'garbage' };
const MAX_TEXT_LENGTH = 20_000;

/** Reads one message as the SDK hands it over. Never throws. */
export function parseNovaMessage(raw: unknown): NovaMessage {
  if (!isRecord(raw) || typeof raw['type'] !== 'string' || raw['type'] === '') return GARBAGE;
  switch (raw['type']) {
    case 'Results':
      return parseResults(raw);
    case 'SpeechStarted':
      return { kind: 'speech-started', audioMs: msOf(raw['timestamp']) ?? 0 };
    case 'UtteranceEnd':
      return { kind: 'utterance-end', audioMs: msOf(raw['last_word_end']) ?? 0 };
    default:
      return { kind: 'unknown' };
  }
}

function parseResults(raw: Record<string, unknown>): NovaMessage {
  const { channel } = raw;
  const startMs = msOf(raw['start']);
  const durationMs = msOf(raw['duration']);
  if (!isRecord(channel) || startMs === undefined || durationMs === undefined) return GARBAGE;
  const alternatives: unknown = channel['alternatives'];
  const best: unknown = Array.isArray(alternatives) ? alternatives[0] : undefined;
  if (!isRecord(best) || typeof best['transcript'] !== 'string') return GARBAGE;
  if (best['transcript'].length > MAX_TEXT_LENGTH) return GARBAGE;
  return {
    kind: 'results',
    text: best['transcript'].trim(),
    startMs,
    audioMs: startMs + durationMs,
    isFinal: raw['is_final'] === true,
    speechFinal: raw['speech_final'] === true,
    fromFinalize: raw['from_finalize'] === true,
  };
}

/** Seconds on the wire; nova reports -1 for a last word it does not know. */
function msOf(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value > 1e6) return undefined;
  return Math.max(0, Math.round(value * 1_000));
}
