/**
 * The carrier frame of the in-band codec: 160 bits, most significant first, one in the lowest bit
 * of each of 160 consecutive μ-law bytes (20 ms).
 *
 * | bytes | field |
 * |---|---|
 * | 0–1 | magic 0xB5C9 |
 * | 2–3 | utterance id |
 * | 4 | index of this frame within its word |
 * | 5 | number of frames in the word (1–255) |
 * | 6–7 | word index within the utterance |
 * | 8 | flags: finality (2 bits), last of utterance, noise; low nibble: text bytes in this frame |
 * | 9–17 | up to nine bytes of the word's UTF-8 text, zero-filled |
 * | 18–19 | CRC-16/CCITT over bytes 0–17 |
 */
import type { Finality } from './types.ts';

export const CARRIER_BITS = 160;
const CARRIER_BYTES = 20;
export const MAGIC = 0xb5c9;
export const TEXT_BYTES_PER_FRAME = 9;
export const MAX_FRAMES_PER_WORD = 255;
const TEXT_OFFSET = 9;
const CRC_OFFSET = 18;

/** One decoded or to-be-encoded carrier frame. */
export type CarrierFrame = {
  readonly utterance: number;
  readonly index: number;
  readonly count: number;
  readonly word: number;
  readonly finality: Finality;
  readonly lastOfUtterance: boolean;
  readonly noise: boolean;
  readonly text: string;
};

const finalityCodes = { holding: 0, complete: 1, abrupt: 2 } as const satisfies Record<
  Finality,
  number
>;
const finalities: readonly (Finality | undefined)[] = ['holding', 'complete', 'abrupt'];

const crcTable = new Uint16Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  crcTable[byte] = crc & 0xffff;
}

function crc16(bytes: Uint8Array, length: number): number {
  let crc = 0xffff;
  for (let i = 0; i < length; i += 1) {
    crc = ((crc << 8) & 0xffff) ^ (crcTable[(crc >> 8) ^ (bytes[i] ?? 0)] ?? 0);
  }
  return crc;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The UTF-8 length of a text, in bytes. */
export function utf8Bytes(text: string): number {
  return encoder.encode(text).length;
}

/** The 20 bytes of a frame. The text must fit in nine bytes. */
export function packFrame(frame: CarrierFrame): Uint8Array {
  const text = encoder.encode(frame.text);
  if (text.length > TEXT_BYTES_PER_FRAME) {
    throw new RangeError(`carrier frame text of ${text.length} bytes exceeds nine`);
  }
  const bytes = new Uint8Array(CARRIER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, MAGIC);
  view.setUint16(2, frame.utterance);
  bytes[4] = frame.index;
  bytes[5] = frame.count;
  view.setUint16(6, frame.word);
  bytes[8] =
    (finalityCodes[frame.finality] << 6) |
    (frame.lastOfUtterance ? 0x20 : 0) |
    (frame.noise ? 0x10 : 0) |
    text.length;
  bytes.set(text, TEXT_OFFSET);
  view.setUint16(CRC_OFFSET, crc16(bytes, CRC_OFFSET));
  return bytes;
}

/** The frame in these 20 bytes, or undefined when they are not a sound one. */
export function unpackFrame(bytes: Uint8Array): CarrierFrame | undefined {
  const at = (offset: number): number => bytes[offset] ?? 0;
  const word16 = (offset: number): number => (at(offset) << 8) | at(offset + 1);
  if (word16(0) !== MAGIC || word16(CRC_OFFSET) !== crc16(bytes, CRC_OFFSET)) return undefined;
  const textBytes = at(8) & 0x0f;
  const finality = finalities[at(8) >> 6];
  const index = at(4);
  const count = at(5);
  if (finality === undefined || textBytes > TEXT_BYTES_PER_FRAME || index >= count) {
    return undefined;
  }
  return {
    utterance: word16(2),
    index,
    count,
    word: word16(6),
    finality,
    lastOfUtterance: (at(8) & 0x20) !== 0,
    noise: (at(8) & 0x10) !== 0,
    text: decoder.decode(bytes.subarray(TEXT_OFFSET, TEXT_OFFSET + textBytes)),
  };
}

/** Writes a packed frame into the lowest bits of `mulaw` from `offset` on. */
export function writeFrame(mulaw: Uint8Array, offset: number, packed: Uint8Array): void {
  for (let bit = 0; bit < CARRIER_BITS; bit += 1) {
    const value = ((packed[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
    mulaw[offset + bit] = ((mulaw[offset + bit] ?? 0xff) & 0xfe) | value;
  }
}
