/**
 * From a stream of model tokens to speakable clauses.
 *
 * The first clause leaves as soon as it stands, because the caller is waiting for it; after that,
 * whole sentences, because a voice reads those better. What is not for the ear is taken out before
 * (markup.ts).
 */

import { MarkupStripper } from './markup.ts';

export type ClauseOptions = {
  /**
   * The first clause is let go after two words when no punctuation came earlier, or after this many
   * while the words lean on what follows ("that's a", "it was").
   */
  readonly firstClauseWords: number;
};

export const DEFAULT_CLAUSES: ClauseOptions = { firstClauseWords: 3 };

/** A draft is raced against the end of the turn, which is about 160 ms away: every token counts. */
export const DRAFT_CLAUSES: ClauseOptions = { firstClauseWords: 2 };

const LEAST_FIRST_WORDS = 2;

/** Words that a voice had better not leave hanging. */
const LEANING = new Set(
  `a an the my your his her our their this that these those to of in on at for with from by and or
   but so if as than is are was were be been am i'm you're it's that's there's he's she's we're
   they're do does did have has had will would can could should may might must i you he she it we
   they not very too such what how when where why who which no
   un una el la los las lo mi su sus tu de del al en con por para y o u pero que como si es era son
   está ha he se me te le les nos muy tan más qué cómo cuándo dónde`.split(/\s+/),
);

/** A sentence that never ends is let go at a word boundary. */
const MAX_CLAUSE_CHARS = 220;
/** Past this, a comma ends a clause. */
const LONG_CLAUSE_CHARS = 90;

const OPENING_COMMA = /\p{L}["'”’)]*[,;:]$/u;
/** A full stop behind these ends no sentence. "No." is a word far more often than a number. */
const ABBREVIATIONS =
  /(?:^|[\s("'¿¡])(?:mr|mrs|ms|dr|dra|prof|rev|st|mt|sr|sra|srta|ud|uds|vs|jr|approx|a\.m|p\.m|e\.g|i\.e|ee|\p{L})\.$/iu;

export class ClauseSplitter {
  readonly #options: ClauseOptions;
  readonly #markup = new MarkupStripper();
  #clean = '';
  #emitted = 0;
  /** The clause before ended at a comma whose white space had not come yet. */
  #spaceOwed = false;

  constructor(options: ClauseOptions = DEFAULT_CLAUSES) {
    this.#options = options;
  }

  /** Takes the next piece of the stream; returns the clauses that stand now, in order. */
  push(piece: string): string[] {
    this.#append(this.#markup.push(piece));
    return this.#takeClauses(false);
  }

  /** The stream is over: returns what is left. */
  end(): string[] {
    this.#append(this.#markup.end());
    return this.#takeClauses(true);
  }

  #append(text: string): void {
    const tidy = text.replaceAll(/[*_#`\]]/g, '').replaceAll(/\s+/g, ' ');
    const isDoubled = tidy.startsWith(' ') && this.#clean.endsWith(' ');
    this.#clean += isDoubled ? tidy.slice(1) : tidy;
  }

  #takeClauses(atEnd: boolean): string[] {
    const clauses: string[] = [];
    for (;;) {
      if (this.#spaceOwed && this.#clean !== '') {
        this.#clean = this.#clean.trimStart();
        this.#spaceOwed = false;
      }
      const length = this.#clauseLength();
      if (length === 0) break;
      this.#take(length, clauses);
    }
    if (atEnd) this.#take(this.#clean.length, clauses);
    return clauses;
  }

  #take(length: number, into: string[]): void {
    const taken = this.#clean.slice(0, length);
    this.#spaceOwed = OPENING_COMMA.test(taken);
    const clause = this.#spaceOwed ? `${taken} ` : taken;
    this.#clean = this.#clean.slice(length);
    if (/[\p{L}\p{N}]/u.test(clause)) {
      into.push(this.#emitted === 0 ? clause.trimStart() : clause);
      this.#emitted += 1;
    }
  }

  /** How much of the clean text is a clause that stands, white space behind it included; or 0. */
  #clauseLength(): number {
    const first = this.#emitted === 0;
    // No clause is longer; what a model sends in one piece may be, and is not looked through again
    // for every clause of it.
    const text = this.#clean.slice(0, MAX_CLAUSE_CHARS + 1);
    const breaks = /[.!?…]+["'”’)]*\s|[,;:–—]\s/gu;
    for (let at = breaks.exec(text); at; at = breaks.exec(text)) {
      const end = at.index + at[0].length;
      if (end > MAX_CLAUSE_CHARS) break;
      const upTo = text.slice(0, end);
      const sentence = /[.!?…]/.test(at[0]);
      if (sentence && ABBREVIATIONS.test(upTo.trimEnd())) continue;
      if (!/[\p{L}\p{N}]/u.test(upTo)) continue;
      if (sentence || first || end >= LONG_CLAUSE_CHARS) return end;
    }
    if (first) {
      // An opening such as "Oh," stands before the token with the white space behind it arrives.
      if (OPENING_COMMA.test(text)) return text.length;
      const end = this.#endOfFirstWords(text);
      if (end > 0) return end;
    }
    if (text.length <= MAX_CLAUSE_CHARS) return 0;
    const space = text.lastIndexOf(' ', MAX_CLAUSE_CHARS - 1) + 1;
    return space > 0 ? space : wholeCharacters(text, MAX_CLAUSE_CHARS);
  }

  /** The end of the words enough for a first clause; one that ends in "Dr." takes the next too. */
  #endOfFirstWords(text: string): number {
    const words = /\S+\s+/gu;
    for (let count = 1, at = words.exec(text); at; count += 1, at = words.exec(text)) {
      const upTo = text.slice(0, words.lastIndex);
      const word = at[0].trim().toLowerCase();
      const leans = LEANING.has(word) || /\p{N}$/u.test(word);
      const least = leans ? this.#options.firstClauseWords : LEAST_FIRST_WORDS;
      const enough = count >= least && /[\p{L}\p{N}]/u.test(upTo);
      if (enough && !ABBREVIATIONS.test(upTo.trimEnd())) return words.lastIndex;
    }
    return 0;
  }
}

/** So many characters of a text, or one more where that would cut a pair. */
function wholeCharacters(text: string, length: number): number {
  return (text.codePointAt(length - 1) ?? 0) > 0xffff ? length + 1 : length;
}
