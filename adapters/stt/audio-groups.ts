/**
 * Groups μ-law into messages of 80 ms, the size Deepgram recommends; smaller ones cost accuracy at
 * the end of turns and more messages. Audio is passed on in order, never repeated, never empty.
 */
const GROUP_BYTES = 640;
const MAX_WAIT_MS = 80;

export class AudioGroups {
  readonly #send: (group: Uint8Array) => void;
  #pending = Buffer.allocUnsafe(GROUP_BYTES);
  #pendingBytes = 0;
  #pendingSinceMs = 0;

  constructor(send: (group: Uint8Array) => void) {
    this.#send = send;
  }

  /** `nowMs` is monotonic. A group older than 80 ms goes out with this audio, full or not. */
  add(mulaw: Uint8Array, nowMs: number): void {
    let offset = 0;
    while (offset < mulaw.length) {
      if (this.#pendingBytes === 0) this.#pendingSinceMs = nowMs;
      const take = Math.min(GROUP_BYTES - this.#pendingBytes, mulaw.length - offset);
      this.#pending.set(mulaw.subarray(offset, offset + take), this.#pendingBytes);
      this.#pendingBytes += take;
      offset += take;
      if (this.#pendingBytes === GROUP_BYTES) this.flush();
    }
    if (this.#pendingBytes > 0 && nowMs - this.#pendingSinceMs >= MAX_WAIT_MS) this.flush();
  }

  flush(): void {
    if (this.#pendingBytes === 0) return;
    const group = this.#pending.subarray(0, this.#pendingBytes);
    // The socket may still hold the old buffer, so it is never written to again.
    this.#pending = Buffer.allocUnsafe(GROUP_BYTES);
    this.#pendingBytes = 0;
    this.#send(group);
  }
}
