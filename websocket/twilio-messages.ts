/**
 * Twilio's media stream messages, from bytes to types, by way of JSON.parse. This is the reference:
 * the fast path in `media-frame.ts` has to agree with it on every frame it claims.
 *
 * Only the fields we use are checked and kept; Twilio may add others at any time.
 * Source: twilio.com/docs/voice/media-streams/websocket-messages.
 */
import { decodeAudio } from './base64-audio.ts';

export type MediaMessage = {
  readonly event: 'media';
  readonly streamSid: string;
  readonly sequence: number;
  /** Counts the media messages of a track, from 1. */
  readonly chunk: number;
  /** Milliseconds since the stream started. */
  readonly timestampMs: number;
  readonly audio: Uint8Array;
};

export type StartMessage = {
  readonly event: 'start';
  readonly streamSid: string;
  readonly sequence: number;
  readonly callSid: string;
  readonly accountSid: string;
  readonly format: {
    readonly encoding: string;
    readonly sampleRate: number;
    readonly channels: number;
  };
  readonly parameters: Readonly<Record<string, string>>;
};

export type TwilioMessage =
  | { readonly event: 'connected' }
  | StartMessage
  | MediaMessage
  | {
      readonly event: 'dtmf';
      readonly streamSid: string;
      readonly sequence: number;
      readonly digit: string;
    }
  | {
      readonly event: 'mark';
      readonly streamSid: string;
      readonly sequence: number;
      readonly name: string;
    }
  | { readonly event: 'stop'; readonly streamSid: string; readonly sequence: number };

/** What is wrong with a frame. `unknown` is well-formed, but an event we have never heard of. */
export type FrameProblem = 'malformed' | 'oversize' | 'unknown' | 'binary';

export type ParsedFrame =
  | { readonly ok: true; readonly message: TwilioMessage }
  | { readonly ok: false; readonly problem: FrameProblem };

/** A text frame above this is dropped. Twilio's media frames are near 400 bytes; `start` near 1 KB. */
export const maxFrameBytes = 32_768;
/** The longest audio in one frame: two seconds. Twilio sends 20 ms. */
export const maxAudioBytes = 16_000;
/** Longest mark name we send and so accept back. */
export const maxMarkNameLength = 200;
/** Twilio documents no maximum count; name and value together stay under 500 characters. */
const maxParameters = 64;
const maxParameterLength = 500;

const malformed = { ok: false, problem: 'malformed' } as const;

/** Parses one text frame. Never throws. */
export function parseFrame(bytes: Buffer): ParsedFrame {
  if (bytes.length > maxFrameBytes) return { ok: false, problem: 'oversize' };
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return malformed;
  }
  if (!isObject(value)) return malformed;
  if (typeof value['event'] !== 'string') return malformed;
  if (value['event'] === 'connected') return { ok: true, message: { event: 'connected' } };
  const read = readers.get(value['event']);
  if (read === undefined) return { ok: false, problem: 'unknown' };
  const streamSid = readSid(value['streamSid'], 'MZ');
  const sequence = readCount(value['sequenceNumber']);
  if (streamSid === undefined || sequence === undefined) return malformed;
  const message = read(value, streamSid, sequence);
  return message === undefined ? malformed : { ok: true, message };
}

type JsonObject = { readonly [key: string]: unknown };
type Reader = (frame: JsonObject, streamSid: string, sequence: number) => TwilioMessage | undefined;

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['media', readMedia],
  ['start', readStart],
  ['dtmf', readDtmf],
  ['mark', readMark],
  ['stop', readStop],
]);

function readMedia(frame: JsonObject, streamSid: string, sequence: number) {
  const media = frame['media'];
  if (!isObject(media) || media['track'] !== 'inbound') return undefined;
  const chunk = readCount(media['chunk']);
  const timestampMs = readCount(media['timestamp']);
  const payload = media['payload'];
  if (chunk === undefined || timestampMs === undefined || typeof payload !== 'string') {
    return undefined;
  }
  const audio = decodeAudio(payload, maxAudioBytes);
  if (audio === undefined) return undefined;
  return { event: 'media', streamSid, sequence, chunk, timestampMs, audio } as const;
}

function readStart(frame: JsonObject, streamSid: string, sequence: number) {
  const start = frame['start'];
  if (!isObject(start) || start['streamSid'] !== streamSid) return undefined;
  const callSid = readSid(start['callSid'], 'CA');
  const accountSid = readSid(start['accountSid'], 'AC');
  const format = start['mediaFormat'];
  const parameters = readParameters(start['customParameters']);
  if (callSid === undefined || accountSid === undefined || parameters === undefined) {
    return undefined;
  }
  if (!isObject(format)) return undefined;
  const { encoding, sampleRate, channels } = format;
  if (typeof encoding !== 'string') return undefined;
  if (typeof sampleRate !== 'number' || typeof channels !== 'number') return undefined;
  return {
    event: 'start',
    streamSid,
    sequence,
    callSid,
    accountSid,
    format: { encoding, sampleRate, channels },
    parameters,
  } as const;
}

function readParameters(value: unknown): Readonly<Record<string, string>> | undefined {
  if (value === undefined) return {};
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > maxParameters) return undefined;
  const parameters = new Map<string, string>();
  for (const [name, text] of entries) {
    if (typeof text !== 'string' || name.length + text.length > maxParameterLength)
      return undefined;
    parameters.set(name, text);
  }
  return Object.fromEntries(parameters);
}

function readDtmf(frame: JsonObject, streamSid: string, sequence: number) {
  const dtmf = frame['dtmf'];
  const digit = isObject(dtmf) ? dtmf['digit'] : undefined;
  if (typeof digit !== 'string' || !/^[0-9*#A-D]$/.test(digit)) return undefined;
  return { event: 'dtmf', streamSid, sequence, digit } as const;
}

function readMark(frame: JsonObject, streamSid: string, sequence: number) {
  const mark = frame['mark'];
  const name = isObject(mark) ? mark['name'] : undefined;
  if (typeof name !== 'string' || name.length > maxMarkNameLength) return undefined;
  return { event: 'mark', streamSid, sequence, name } as const;
}

function readStop(frame: JsonObject, streamSid: string, sequence: number) {
  return isObject(frame['stop']) ? ({ event: 'stop', streamSid, sequence } as const) : undefined;
}

/** Twilio's ids: two letters, then letters and digits only. Safe to put into a JSON template. */
function readSid(value: unknown, prefix: string): string | undefined {
  if (typeof value !== 'string' || value.length > 64 || !value.startsWith(prefix)) return undefined;
  return /^[A-Za-z0-9]{3,}$/.test(value) ? value : undefined;
}

/** A number as Twilio writes it (a string of digits), or as a careless sender would. */
function readCount(value: unknown): number | undefined {
  if (typeof value === 'string') return /^[0-9]{1,15}$/.test(value) ? Number(value) : undefined;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
