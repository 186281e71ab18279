/**
 * One deadline that can be moved. Arming again replaces the earlier deadline; when it passes,
 * `onExpire` runs once and the watchdog is idle again.
 *
 * After a pause of this process timers come before what sockets have to tell. So they are read once
 * before the deadline counts: a vendor that answered in time is not blamed for our own pause.
 */
export class Watchdog {
  readonly #onExpire: () => void;
  #timer: NodeJS.Timeout | undefined;
  #lastLook: NodeJS.Immediate | undefined;
  #armedMs = 0;

  constructor(onExpire: () => void) {
    this.#onExpire = onExpire;
  }

  get armed(): boolean {
    return this.#timer !== undefined || this.#lastLook !== undefined;
  }

  /** Expires `timeoutMs` from now unless armed again or disarmed first. */
  arm(timeoutMs: number): void {
    if (this.#lastLook !== undefined) this.disarm();
    if (this.#timer !== undefined) {
      if (timeoutMs === this.#armedMs) {
        // The common case, once per token or audio chunk: no new timer object.
        this.#timer.refresh();
        return;
      }
      clearTimeout(this.#timer);
    }
    this.#armedMs = timeoutMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#lastLook = setImmediate(() => {
        this.#lastLook = undefined;
        this.#onExpire();
      });
    }, timeoutMs);
  }

  disarm(): void {
    if (this.#lastLook !== undefined) clearImmediate(this.#lastLook);
    this.#lastLook = undefined;
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
