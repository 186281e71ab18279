/** Chunks that may wait for one that seems to belong before them. */
const MAX_HELD = 3;

/** What may be passed on, in order; or `broken`: the sound comes in a wrong order. */
export type Ordered<Chunk> = readonly Chunk[] | 'broken';

/**
 * Notices that an utterance's chunks of sound do not come in the order of its text, by the
 * characters that their timings name. A chunk that seems to have come too early is held until the
 * next one proves it: if that is the one left out, no order can be relied on.
 *
 * Where the characters named are not those of the text (a vendor that writes numbers out, or leaves
 * a mark away), nobody can tell any order: from then on chunks pass as they come.
 */
export class ChunkOrder<Chunk> {
  readonly #charsOf: (chunk: Chunk) => string;
  /** The text so far, with single spaces. */
  #text = '';
  /** So much of it has been passed on. */
  #passed = 0;
  #held: Chunk[] = [];
  #judges = true;

  /** `charsOf`: the characters of the text that begin in a chunk; none where a sound only goes on. */
  constructor(charsOf: (chunk: Chunk) => string) {
    this.#charsOf = charsOf;
  }

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** More text has been asked for. */
  asked(text: string): void {
    if (this.#judges) this.#text = singleSpaced(`${this.#text}${text}`);
  }

  /** Takes the chunk that has just come. */
  add(chunk: Chunk): Ordered<Chunk> {
    if (!this.#judges) return [chunk];
    const chars = singleSpaced(this.#charsOf(chunk));
    const isBlank = chars.trim() === '';
    const end = this.#endOf(chars);
    if (end !== undefined && this.isHolding && !isBlank) return 'broken';
    if (!this.isHolding && (end !== undefined || isBlank)) {
      this.#passed = end ?? this.#passed;
      return [chunk];
    }
    this.#held.push(chunk);
    const mayBeLater = isBlank || this.#text.includes(chars.trim(), this.#passed + 1);
    return mayBeLater && this.#held.length <= MAX_HELD ? [] : this.giveUp();
  }

  /** What is held goes as it came, and so does all that follows. */
  giveUp(): Chunk[] {
    if (this.isHolding) this.#judges = false;
    return this.#held.splice(0);
  }

  /** Where in the text these characters end if it is their turn; undefined if it is not. */
  #endOf(chars: string): number | undefined {
    if (this.#text.startsWith(chars, this.#passed)) return this.#passed + chars.length;
    // A vendor may drop spaces, or add some.
    const from = this.#text[this.#passed] === ' ' ? this.#passed + 1 : this.#passed;
    const bare = chars.trim();
    return bare !== '' && this.#text.startsWith(bare, from) ? from + bare.length : undefined;
  }
}

function singleSpaced(text: string): string {
  return text.replaceAll(/\s+/gu, ' ');
}
