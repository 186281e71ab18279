/**
 * The fast path for media frames: fifty of them arrive per second and call, and all look alike, but
 * for where the stream's id stands:
 *
 * {"event":"media","sequenceNumber":"4","streamSid":"MZ1","media":{"track":"inbound","chunk":"2","timestamp":"40","payload":"//7+…"}}
 * {"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2","timestamp":"40","payload":"//7+…"},"streamSid":"MZ1"}
 *
 * Why this equals JSON.parse: the whole frame, first byte to last, has to be the fixed texts above
 * with digits, the known stream id and base64 characters in between. None of those contains a quote
 * or a backslash, so such a frame has exactly one reading, without escapes, duplicate keys or
 * anything after it. Everything else goes to the plain parser. A differential fuzz test holds the
 * two together.
 */
import { decodeAudio } from './base64-audio.ts';
import { maxAudioBytes, maxFrameBytes, type MediaMessage } from './twilio-messages.ts';

const head = '{"event":"media","sequenceNumber":"';
const beforeTimestamp = '","timestamp":"';
const beforePayload = '","payload":"';
/** As many digits as the plain parser takes; every such number is exact in a double. */
const maxDigits = 15;

/** Reads frames of one stream; undefined means "not the usual layout", never "wrong". */
export type MediaFrameReader = (bytes: Buffer) => MediaMessage | undefined;

/** The fixed texts of one layout, between which the numbers and the audio stand. */
type Layout = { readonly beforeChunk: string; readonly tail: string };

/** Makes the reader for one stream. `streamSid` is letters and digits only (checked at `start`). */
export function createMediaFrameReader(streamSid: string): MediaFrameReader {
  const media = '"media":{"track":"inbound","chunk":"';
  const idFirst = { beforeChunk: `","streamSid":"${streamSid}",${media}`, tail: '"}}' };
  const idLast = { beforeChunk: `",${media}`, tail: `"},"streamSid":"${streamSid}"}` };
  // A stream keeps to one layout; the one that fitted last is tried first.
  let layout: Layout = idFirst;
  return (bytes) => {
    if (bytes.length > maxFrameBytes) return undefined;
    const text = bytes.toString('latin1');
    if (!text.startsWith(head)) return undefined;
    if (!text.endsWith(layout.tail)) {
      layout = layout === idFirst ? idLast : idFirst;
      if (!text.endsWith(layout.tail)) return undefined;
    }
    return readFrame(text, streamSid, layout);
  };
}

function readFrame(text: string, streamSid: string, layout: Layout): MediaMessage | undefined {
  const { beforeChunk, tail } = layout;
  const sequenceAt = head.length;
  const sequenceEnd = digitsEnd(text, sequenceAt);
  if (sequenceEnd === sequenceAt || !text.startsWith(beforeChunk, sequenceEnd)) return undefined;

  const chunkAt = sequenceEnd + beforeChunk.length;
  const chunkEnd = digitsEnd(text, chunkAt);
  if (chunkEnd === chunkAt || !text.startsWith(beforeTimestamp, chunkEnd)) return undefined;

  const timestampAt = chunkEnd + beforeTimestamp.length;
  const timestampEnd = digitsEnd(text, timestampAt);
  if (timestampEnd === timestampAt || !text.startsWith(beforePayload, timestampEnd)) {
    return undefined;
  }

  const payloadAt = timestampEnd + beforePayload.length;
  const payloadEnd = text.length - tail.length;
  if (payloadEnd <= payloadAt) return undefined;
  const audio = decodeAudio(text.slice(payloadAt, payloadEnd), maxAudioBytes);
  if (audio === undefined) return undefined;
  return {
    event: 'media',
    streamSid,
    sequence: readDigits(text, sequenceAt, sequenceEnd),
    chunk: readDigits(text, chunkAt, chunkEnd),
    timestampMs: readDigits(text, timestampAt, timestampEnd),
    audio,
  };
}

/** The index after the digits at `from`; `from` itself where there are none, or too many. */
function digitsEnd(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    // charCodeAt is NaN past the end, which fails both comparisons' complement below.
    if (!(code >= 48 && code <= 57)) break;
    at += 1;
    if (at - from > maxDigits) return from;
  }
  return at;
}

function readDigits(text: string, from: number, end: number): number {
  let value = 0;
  for (let at = from; at < end; at += 1) value = value * 10 + (text.charCodeAt(at) - 48);
  return value;
}
