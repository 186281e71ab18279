/** The size Deepgram recommends; smaller ones cost accuracy at the end of turns and more messages. */
export const USUAL_GROUP_MS = 80;
const BYTES_PER_MS = 8;

/**
 * Groups μ-law into messages of `groupMs` of audio. Audio is passed on in order, never repeated,
 * never empty.
 *
 * In a pause of the speech, which may be the end of a turn that somebody waits for, halves go out.
 * The ends of whole messages stay multiples of `groupMs` from the first byte: a recogniser that takes
 * its steps in messages of that size gets each step whole, and as early as ever.
 */
export class AudioGroups {
  readonly #send: (group: Uint8Array) => void;
  readonly #groupMs: number;
  readonly #groupBytes: number;
  #pending: Buffer;
  #pendingBytes = 0;
  #pendingSinceMs = 0;
  /** Of the present message, what went out early. */
  #goneBytes = 0;

  constructor(send: (group: Uint8Array) => void, groupMs = USUAL_GROUP_MS) {
    this.#send = send;
    this.#groupMs = groupMs;
    this.#groupBytes = groupMs * BYTES_PER_MS;
    this.#pending = Buffer.allocUnsafe(this.#groupBytes);
  }

  /** `nowMs` is monotonic. A group as old as it is long goes out with this audio, full or not. */
  add(mulaw: Uint8Array, nowMs: number, inPause = false): void {
    let offset = 0;
    while (offset < mulaw.length) {
      if (this.#pendingBytes === 0) this.#pendingSinceMs = nowMs;
      const room = this.#groupBytes - this.#goneBytes - this.#pendingBytes;
      const take = Math.min(room, mulaw.length - offset);
      this.#pending.set(mulaw.subarray(offset, offset + take), this.#pendingBytes);
      this.#pendingBytes += take;
      offset += take;
      if (take === room) this.flush();
    }
    const isHalf = inPause && this.#pendingBytes * 2 >= this.#groupBytes;
    if (isHalf || nowMs - this.#pendingSinceMs >= this.#groupMs) this.flush();
  }

  flush(): void {
    if (this.#pendingBytes === 0) return;
    const group = this.#pending.subarray(0, this.#pendingBytes);
    // The socket may still hold the old buffer, so it is never written to again.
    this.#pending = Buffer.allocUnsafe(this.#groupBytes);
    this.#goneBytes = (this.#goneBytes + this.#pendingBytes) % this.#groupBytes;
    this.#pendingBytes = 0;
    this.#send(group);
  }
}
