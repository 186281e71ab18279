/** Twilio's media-stream messages: those sent, as cheap strings, and those received, checked. */
import { FRAME_BYTES, SILENCE_BYTE } from '../speech/types.ts';

const SILENCE_BASE64 = Buffer.alloc(FRAME_BYTES, SILENCE_BYTE).toString('base64');

export const CONNECTED_MESSAGE = '{"event":"connected","protocol":"Call","version":"1.0.0"}';

export type StreamIds = {
  readonly accountSid: string;
  readonly callSid: string;
  readonly streamSid: string;
};

export function startMessage(
  ids: StreamIds,
  sequence: number,
  customParameters: Readonly<Record<string, string>>,
): string {
  return JSON.stringify({
    event: 'start',
    sequenceNumber: String(sequence),
    start: {
      accountSid: ids.accountSid,
      streamSid: ids.streamSid,
      callSid: ids.callSid,
      tracks: ['inbound'],
      mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
      customParameters,
    },
    streamSid: ids.streamSid,
  });
}

/** `frame` undefined is silence; an empty frame gives an empty payload. */
export function mediaMessage(
  streamSid: string,
  sequence: number,
  chunk: number,
  timestampMs: number,
  frame: Uint8Array | undefined,
): string {
  const payload = frame
    ? Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('base64')
    : SILENCE_BASE64;
  return `{"event":"media","sequenceNumber":"${sequence}","media":{"track":"inbound","chunk":"${chunk}","timestamp":"${timestampMs}","payload":"${payload}"},"streamSid":"${streamSid}"}`;
}

export function dtmfMessage(streamSid: string, sequence: number, digit: string): string {
  return `{"event":"dtmf","streamSid":"${streamSid}","sequenceNumber":"${sequence}","dtmf":{"track":"inbound_track","digit":"${digit}"}}`;
}

export function markMessage(streamSid: string, sequence: number, name: string): string {
  return JSON.stringify({
    event: 'mark',
    sequenceNumber: String(sequence),
    streamSid,
    mark: { name },
  });
}

export function stopMessage(ids: StreamIds, sequence: number): string {
  return JSON.stringify({
    event: 'stop',
    sequenceNumber: String(sequence),
    streamSid: ids.streamSid,
    stop: { accountSid: ids.accountSid, callSid: ids.callSid },
  });
}

/** A message from the server, or Twilio's code for what is wrong with it. */
export type ServerMessage =
  | { readonly event: 'media'; readonly mulaw: Uint8Array }
  | { readonly event: 'mark'; readonly name: string }
  | { readonly event: 'clear' }
  | { readonly event: 'bad'; readonly code: 31924 | 31951; readonly detail: string };

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** 31951: not JSON, wrong shape, wrong stream. 31924: an event that does not exist. */
export function parseServerMessage(text: string, streamSid: string): ServerMessage {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return bad(31951, 'not JSON');
  }
  if (!isRecord(message)) return bad(31951, 'not an object');
  const { event, media, mark } = message;
  if (event !== 'media' && event !== 'mark' && event !== 'clear') {
    return bad(31924, `unknown event ${String(event).slice(0, 40)}`);
  }
  if (message['streamSid'] !== streamSid) return bad(31951, `${event}: wrong or no streamSid`);
  if (event === 'clear') return { event };
  if (event === 'mark') {
    const name = isRecord(mark) ? mark['name'] : undefined;
    return typeof name === 'string' ? { event, name } : bad(31951, 'mark: no name');
  }
  const payload = isRecord(media) ? media['payload'] : undefined;
  if (typeof payload !== 'string' || !BASE64.test(payload)) {
    return bad(31951, 'media: payload is not base64');
  }
  return { event, mulaw: Buffer.from(payload, 'base64') };
}

function bad(code: 31924 | 31951, detail: string): ServerMessage {
  return { event: 'bad', code, detail };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
