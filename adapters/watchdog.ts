/**
 * One deadline that can be moved. Arming again replaces the earlier deadline; when it passes,
 * `onExpire` runs once and the watchdog is idle again.
 */
export class Watchdog {
  readonly #onExpire: () => void;
  #timer: NodeJS.Timeout | undefined;
  #armedMs = 0;

  constructor(onExpire: () => void) {
    this.#onExpire = onExpire;
  }

  get armed(): boolean {
    return this.#timer !== undefined;
  }

  /** Expires `timeoutMs` from now unless armed again or disarmed first. */
  arm(timeoutMs: number): void {
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
      this.#onExpire();
    }, timeoutMs);
  }

  disarm(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
