import { isRecord } from '../vendor-failure.ts';
import type { VendorFailure } from '../../src/errors.ts';

/** Characters of the text as it was sent, with the span of each in its chunk of audio. */
export type CharTimings = {
  readonly chars: readonly string[];
  readonly startsMs: readonly number[];
  readonly durationsMs: readonly number[];
};

/** A message of the multi-context socket, as far as we use it. */
export type ElevenLabsMessage =
  | {
      kind: 'audio';
      contextId: string;
      base64: string;
      bytes: number;
      timings: CharTimings | undefined;
      isFinal: boolean;
    }
  /** The context is closed; nothing more comes of it. */
  | { kind: 'final'; contextId: string }
  /** The socket closes after this. */
  | { kind: 'error'; failure: VendorFailure }
  /** Well-formed and of no use to us. */
  | { kind: 'unknown' }
  | { kind: 'garbage' };

const GARBAGE: ElevenLabsMessage = { kind: 'garbage' };
const MAX_CHARS = 10_000;

/** Reads one text frame, parsed or not. Never throws. */
export function parseElevenLabsMessage(frame: unknown): ElevenLabsMessage {
  const raw = typeof frame === 'string' ? parseJson(frame) : frame;
  if (!isRecord(raw)) return GARBAGE;
  if (typeof raw['error'] === 'string') {
    return { kind: 'error', failure: failureOfError(raw['error']) };
  }
  const { audio, contextId } = raw;
  const isFinal = raw['isFinal'] === true;
  if (typeof contextId !== 'string') return GARBAGE;
  if (typeof audio === 'string' && audio !== '') {
    const bytes = base64Bytes(audio);
    if (bytes === undefined) return GARBAGE;
    const timings = parseTimings(raw['alignment']);
    return { kind: 'audio', contextId, base64: audio, bytes, timings, isFinal };
  }
  if (isFinal) return { kind: 'final', contextId };
  const hasNoAudio = audio === undefined || audio === null || audio === '';
  return hasNoAudio ? { kind: 'unknown' } : GARBAGE;
}

/** Decoded into for the count alone: three seconds of audio, which are more than a chunk holds. */
const scratch = Buffer.allocUnsafeSlow(24 * 1_024);

/**
 * How many bytes a padded base64 text holds; undefined when it is none. Node's decoder skips what it
 * does not know, which shows in the length, and takes the URL alphabet, which is looked for; together
 * a tenth of what a regular expression takes over two thousand characters.
 */
function base64Bytes(text: string): number | undefined {
  if (text.length % 4 !== 0 || text.includes('-') || text.includes('_')) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = (text.length / 4) * 3 - padding;
  const decoded =
    bytes < scratch.length ? scratch.write(text, 'base64') : Buffer.from(text, 'base64').length;
  return decoded === bytes ? bytes : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Timings are a help, not a duty: where they make no sense, the audio is used without them. */
function parseTimings(raw: unknown): CharTimings | undefined {
  if (!isRecord(raw)) return undefined;
  const { chars } = raw;
  const startsMs = raw['charStartTimesMs'];
  const durationsMs = raw['charDurationsMs'] ?? raw['charsDurationsMs'];
  if (!Array.isArray(chars) || chars.length > MAX_CHARS) return undefined;
  if (!chars.every((char): char is string => typeof char === 'string')) return undefined;
  if (!isTimes(startsMs, chars.length) || !isTimes(durationsMs, chars.length)) return undefined;
  return { chars, startsMs, durationsMs };
}

function isTimes(value: unknown, length: number): value is number[] {
  if (!Array.isArray(value) || value.length !== length) return false;
  return value.every((ms) => typeof ms === 'number' && ms >= 0 && ms < 600_000);
}

function failureOfError(error: string): VendorFailure {
  switch (error) {
    case 'quota_exceeded':
    case 'max_active_conversations':
    case 'too_many_concurrent_requests':
    case 'rate_limit_exceeded':
      return 'rate-limited';
    case 'invalid_api_key':
    case 'missing_api_key':
    case 'unauthorized':
    case 'detected_unusual_activity':
      return 'auth';
    case 'invalid_input_message':
    case 'invalid_voice_settings':
    case 'voice_not_found':
    case 'model_not_found':
      return 'bad-request';
    // Nothing was said for too long: an end, not a defect.
    case 'input_timeout_exceeded':
      return 'cut';
    default:
      return 'overloaded';
  }
}
