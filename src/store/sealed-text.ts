/**
 * Personal text at rest: AES-256-GCM, bound to the place it stands in, so that a value copied into
 * another row or column does not open.
 *
 * Layout of a sealed value: version (1 byte, 1) · key id (4) · nonce (12) · ciphertext · tag (16).
 * The key id is derived from the key. To rotate: put the new key first and keep the old ones behind
 * it; what is written from then on uses the first, what was written before still opens.
 */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { fewRandomBytes } from './random-bytes.ts';

/** Where a value stands. `row` is whatever names the row for good: its id or its natural key. */
export type Place = { readonly table: string; readonly row: string; readonly column: string };

export type Sealer = {
  seal(place: Place, text: string): Buffer;
  /** @throws SealBroken */
  open(place: Place, sealed: Uint8Array): string;
  sealBytes(place: Place, bytes: Uint8Array): Buffer;
  /** @throws SealBroken */
  openBytes(place: Place, sealed: Uint8Array): Buffer;
  /** Whether a key that is not in the ring has sealed it. Its first bytes are enough. */
  lacksKeyOf(sealed: Uint8Array): boolean;
  /**
   * A keyed fingerprint (32 bytes) by which equal values are found without reading them: phone
   * numbers, e-mail addresses. `purpose` keeps fingerprints of different columns apart.
   */
  fingerprint(purpose: string, value: string): Buffer;
  /** The same under every key of the ring, the current one first; for looking up. */
  fingerprints(purpose: string, value: string): Buffer[];
};

/** A sealed value did not open: another key, another place, or changed bytes. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
  readonly reason: 'malformed' | 'unknown-key' | 'not-authentic';

  constructor(reason: SealBroken['reason']) {
    super(`sealed value does not open: ${reason}`);
    this.reason = reason;
  }
}

/** Bytes that sealing adds. */
export const SEAL_OVERHEAD_BYTES = 33;

/** As many at its beginning say which key has sealed it. */
export const SEAL_KEY_BYTES = 5;

const VERSION = 1;
const KEY_ID_BYTES = 4;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES;

/** Keys as objects: made of bytes for every text they would cost three times the sealing itself. */
type Key = {
  readonly id: Buffer;
  readonly sealing: KeyObject;
  readonly fingerprinting: KeyObject;
};

/**
 * @param keys 32 bytes each, the current one first; at least one, at most 8.
 * @throws Error for keys of another length or number.
 */
export function createSealer(keys: readonly Uint8Array[]): Sealer {
  if (keys.length < 1 || keys.length > 8) throw new Error('a sealer takes 1 to 8 keys');
  const ring = keys.map(keyFrom);
  const [current] = ring;
  if (current === undefined) throw new Error('a sealer takes 1 to 8 keys');
  const sealBytes = (place: Place, bytes: Uint8Array): Buffer => sealWith(current, place, bytes);
  const openBytes = (place: Place, sealed: Uint8Array): Buffer => openWith(ring, place, sealed);
  const fingerprintWith = (key: Key, purpose: string, value: string): Buffer =>
    createHmac('sha256', key.fingerprinting).update(`${purpose}\0${value}`).digest();
  return {
    seal: (place, text) => sealBytes(place, Buffer.from(text, 'utf8')),
    open: (place, sealed) => openBytes(place, sealed).toString('utf8'),
    sealBytes,
    openBytes,
    lacksKeyOf: (sealed) => sealed[0] === VERSION && keyOf(ring, sealed) === undefined,
    fingerprint: (purpose, value) => fingerprintWith(current, purpose, value),
    fingerprints: (purpose, value) => ring.map((key) => fingerprintWith(key, purpose, value)),
  };
}

function keyFrom(master: Uint8Array): Key {
  if (master.length !== 32) throw new Error('an encryption key has 32 bytes');
  const derive = (info: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', master, '', `hearthline ${info} v1`, bytes));
  return {
    id: derive('key id', KEY_ID_BYTES),
    sealing: createSecretKey(derive('sealed text', 32)),
    fingerprinting: createSecretKey(derive('fingerprint', 32)),
  };
}

/** Every part with its length before it, so that no two places read alike. */
function boundTo(place: Place): Buffer {
  const parts = [place.table, place.row, place.column];
  return Buffer.from(parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join(''), 'utf8');
}

function sealWith(key: Key, place: Place, bytes: Uint8Array): Buffer {
  const nonce = fewRandomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.sealing, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(boundTo(place));
  const body = Buffer.concat([cipher.update(bytes), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), key.id, nonce, body, cipher.getAuthTag()]);
}

function keyOf(ring: readonly Key[], sealed: Uint8Array): Key | undefined {
  const id = sealed.subarray(1, SEAL_KEY_BYTES);
  return ring.find((each) => each.id.equals(id));
}

function openWith(ring: readonly Key[], place: Place, sealed: Uint8Array): Buffer {
  if (sealed.length < SEAL_OVERHEAD_BYTES || sealed[0] !== VERSION) {
    throw new SealBroken('malformed');
  }
  const key = keyOf(ring, sealed);
  if (key === undefined) throw new SealBroken('unknown-key');
  const nonce = sealed.subarray(1 + KEY_ID_BYTES, HEAD_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key.sealing, nonce, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(boundTo(place));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const body = decipher.update(sealed.subarray(HEAD_BYTES, sealed.length - TAG_BYTES));
    return Buffer.concat([body, decipher.final()]);
  } catch {
    throw new SealBroken('not-authentic');
  }
}
