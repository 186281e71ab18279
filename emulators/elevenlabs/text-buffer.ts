/** The vendor's default: characters needed before the first, second, … generation. */
export const DEFAULT_SCHEDULE: readonly number[] = [120, 160, 250, 290];
/** A context that has been fed this much without generating anything is being abused. */
const MAX_BUFFER_CHARS = 50_000;

/**
 * The text a context has been given and has not yet spoken. `take…` return the texts to generate
 * now: with `auto_mode` whatever arrived, else by the chunk schedule, always on a flush.
 */
export class TextBuffer {
  readonly #autoMode: boolean;
  #schedule: readonly number[] = DEFAULT_SCHEDULE;
  #generated = 0;
  #text = '';

  constructor(autoMode: boolean) {
    this.#autoMode = autoMode;
  }

  get text(): string {
    return this.#text;
  }

  setSchedule(schedule: readonly number[]): void {
    this.#schedule = schedule;
  }

  /** Adds text. False when there is too much of it. */
  add(text: string): boolean {
    this.#text += text;
    return this.#text.length <= MAX_BUFFER_CHARS;
  }

  /** What the vendor would generate by itself now, or undefined. */
  takeTriggered(): string | undefined {
    if (this.#autoMode) return this.takeAll();
    const needed = this.#schedule[Math.min(this.#generated, this.#schedule.length - 1)] ?? 0;
    if (this.#text.length < needed) return undefined;
    // A word that may still grow stays behind.
    const cut = this.#text.search(/\S*$/);
    const ready = this.#text.slice(0, cut);
    if (ready.trim() === '') return undefined;
    this.#text = this.#text.slice(cut);
    this.#generated += 1;
    return ready;
  }

  /** Everything buffered, as a flush generates it; undefined when there is nothing to say. */
  takeAll(): string | undefined {
    const all = this.#text;
    this.#text = '';
    if (all.trim() === '') return undefined;
    this.#generated += 1;
    return all;
  }
}
