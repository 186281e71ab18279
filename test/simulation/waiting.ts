/** A caller who has said something and waits for an answer, and how long they have heard nothing. */

/** Longest silence that a waiting caller may hear. */
const MAX_SILENCE_MS = 4000;

export class Waiting {
  #for: { readonly turnId: string; readonly answers: Set<number>; since: number } | undefined;

  /** A turn was committed. */
  begin(turnId: string, now: number): void {
    this.#for = { turnId, answers: new Set(), since: now };
  }

  /** Nobody waits any more. */
  over(): void {
    this.#for = undefined;
  }

  /** An utterance that, once heard, is an answer. */
  answeredBy(utterance: number): void {
    this.#for?.answers.add(utterance);
  }

  askedFor(turnId: string, utterance: number): void {
    if (this.#for?.turnId === turnId) this.#for.answers.add(utterance);
  }

  /** An utterance was heard, or the caller cut it short. */
  heard(utterance: number): void {
    if (this.#for?.answers.has(utterance)) this.#for = undefined;
  }

  /** Told of every moment; says what is wrong when a silence is too long. */
  silence(now: number, sound: boolean): string | undefined {
    const waiting = this.#for;
    if (!waiting) return undefined;
    if (sound) waiting.since = now;
    if (now - waiting.since <= MAX_SILENCE_MS) return undefined;
    this.#for = undefined;
    return `${now - waiting.since} ms without a sound for ${waiting.turnId}`;
  }
}
