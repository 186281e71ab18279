import { isRecord } from '../vendor-failure.ts';

/** A message of Deepgram's v2 socket, as far as we use it. */
export type FluxMessage =
  | { kind: 'connected' }
  | {
      kind: 'turn';
      event: 'StartOfTurn' | 'Update' | 'EagerEndOfTurn' | 'TurnResumed' | 'EndOfTurn';
      turnIndex: number;
      /** Counts every message of the session from 0. */
      sequenceId: number | undefined;
      text: string;
      audioMs: number;
      /** 0–1. */
      confidence: number;
      trigger: 'model' | 'timeout' | 'manual' | 'other';
    }
  | { kind: 'configured'; ok: boolean }
  /** Fatal by protocol. */
  | { kind: 'error'; code: string }
  /** Well-formed, of a type or event we do not know: new vendor features look like this. */
  | { kind: 'unknown' }
  /** Not a message of this protocol at all. */
  | { kind: 'garbage' };

const GARBAGE: FluxMessage = { kind: 'garbage' };
const MAX_TEXT_LENGTH = 20_000;

/**
 * Reads one message. `raw` is what the SDK hands over: the parsed JSON, or the raw string or a
 * Blob where the frame was not JSON. Never throws.
 */
export function parseFluxMessage(raw: unknown): FluxMessage {
  if (!isRecord(raw) || typeof raw['type'] !== 'string' || raw['type'] === '') return GARBAGE;
  switch (raw['type']) {
    case 'Connected':
      return { kind: 'connected' };
    case 'TurnInfo':
      return parseTurn(raw);
    case 'ConfigureSuccess':
      return { kind: 'configured', ok: true };
    case 'ConfigureFailure':
      return { kind: 'configured', ok: false };
    case 'Error':
      return { kind: 'error', code: typeof raw['code'] === 'string' ? raw['code'] : '' };
    default:
      return { kind: 'unknown' };
  }
}

function parseTurn(raw: Record<string, unknown>): FluxMessage {
  const { turn_index: turnIndex, transcript, sequence_id: sequenceId } = raw;
  const endSeconds = raw['audio_window_end'];
  if (typeof turnIndex !== 'number' || !Number.isSafeInteger(turnIndex) || turnIndex < 0) {
    return GARBAGE;
  }
  if (typeof transcript !== 'string' || transcript.length > MAX_TEXT_LENGTH) return GARBAGE;
  if (typeof endSeconds !== 'number' || !(endSeconds >= 0) || endSeconds > 1e6) return GARBAGE;
  const event = raw['event'];
  switch (event) {
    case 'StartOfTurn':
    case 'Update':
    case 'EagerEndOfTurn':
    case 'TurnResumed':
    case 'EndOfTurn':
      return {
        kind: 'turn',
        event,
        turnIndex,
        sequenceId: Number.isSafeInteger(sequenceId) ? Number(sequenceId) : undefined,
        text: transcript.trim(),
        audioMs: Math.round(endSeconds * 1_000),
        confidence: confidenceOf(raw['end_of_turn_confidence']),
        trigger: triggerOf(raw['trigger']),
      };
    default:
      return typeof event === 'string' ? { kind: 'unknown' } : GARBAGE;
  }
}

function confidenceOf(value: unknown): number {
  return typeof value === 'number' && value >= 0 && value <= 1 ? value : 0;
}

function triggerOf(value: unknown): 'model' | 'timeout' | 'manual' | 'other' {
  // Left out by older servers, whose ends of turn were all the model's.
  if (value === undefined || value === null) return 'model';
  return value === 'model' || value === 'timeout' || value === 'manual' ? value : 'other';
}
