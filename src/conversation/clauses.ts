/**
 * From a stream of model tokens to speakable clauses.
 *
 * The first clause leaves as soon as it stands, because the caller is waiting for it; after that,
 * whole sentences, because a voice reads those better. Markup and guidance that a model lets slip
 * are never spoken, however the stream is split, and can never mute what follows.
 */

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

/** Longest hidden passage believed; what comes after it is spoken again. */
const MAX_HIDDEN_CHARS = 240;
/** Longest thing that may still turn out to be a tag. */
const MAX_TAG_CHARS = 80;
/** A sentence that never ends is let go at a word boundary. */
const MAX_CLAUSE_CHARS = 220;
/** Past this, a comma ends a clause. */
const LONG_CLAUSE_CHARS = 90;

const HIDING = /^<(guidance|thinking|internal|system|note|context|instruction)s?\b[^>]*>$/i;
const OPENING_COMMA = /\p{L}["'”’)]*[,;:]$/u;
/** A full stop behind these ends no sentence. "No." is a word far more often than a number. */
const ABBREVIATIONS =
  /(?:^|[\s("'¿¡])(?:mr|mrs|ms|dr|dra|prof|rev|st|mt|sr|sra|srta|ud|uds|vs|jr|approx|a\.m|p\.m|e\.g|i\.e|ee|\p{L})\.$/iu;

export class ClauseSplitter {
  readonly #options: ClauseOptions;
  #raw = '';
  #clean = '';
  #hiddenTag: string | undefined;
  #hiddenChars = 0;
  #emitted = 0;
  /** The clause before ended at a comma whose white space had not come yet. */
  #spaceOwed = false;

  constructor(options: ClauseOptions = DEFAULT_CLAUSES) {
    this.#options = options;
  }

  /** Takes the next piece of the stream; returns the clauses that stand now, in order. */
  push(piece: string): string[] {
    this.#raw += piece;
    this.#strip(false);
    return this.#takeClauses(false);
  }

  /** The stream is over: returns what is left. */
  end(): string[] {
    this.#strip(true);
    return this.#takeClauses(true);
  }

  /** Moves raw text to clean text, leaving out markup; keeps back what may yet become markup. */
  #strip(atEnd: boolean): void {
    while (this.#raw !== '') {
      if (this.#hiddenTag !== undefined) {
        if (!this.#skipHidden(this.#hiddenTag, atEnd)) return;
        continue;
      }
      const start = this.#raw.search(/[<[]/);
      const plain = start < 0 ? this.#raw : this.#raw.slice(0, start);
      this.#append(plain);
      this.#raw = this.#raw.slice(plain.length);
      if (start < 0) return;
      const length = this.#markupLength();
      if (length === 'unknown') {
        if (!atEnd && this.#raw.length <= MAX_TAG_CHARS) return;
        this.#append(this.#raw[0] === '<' ? ' ' : '');
        this.#raw = this.#raw.slice(1);
      } else {
        this.#enterMarkup(this.#raw.slice(0, length));
        this.#raw = this.#raw.slice(length);
      }
    }
  }

  #append(text: string): void {
    const tidy = text.replaceAll(/[*_#`]/g, '').replaceAll(/\s+/g, ' ');
    const isDoubled = tidy.startsWith(' ') && this.#clean.endsWith(' ');
    this.#clean += isDoubled ? tidy.slice(1) : tidy;
  }

  /** Length of the markup that #raw begins with; 0 when it is none; unknown until more comes. */
  #markupLength(): number | 'unknown' {
    if (this.#raw.startsWith('[[')) return 2;
    if (this.#raw.startsWith('[')) return this.#raw.length === 1 ? 'unknown' : 1;
    const tag = /^<\/?[a-z_][^<>]*>/i.exec(this.#raw);
    if (tag) return tag[0].length;
    return /^<\/?(?:[a-z_][^<>]*)?$/i.test(this.#raw) ? 'unknown' : 1;
  }

  #enterMarkup(markup: string): void {
    const hiding = HIDING.exec(markup);
    if (markup === '[[') this.#hiddenTag = ']]';
    else if (hiding) this.#hiddenTag = `</${(hiding[1] ?? '').toLowerCase()}`;
    this.#hiddenChars = 0;
  }

  /** Drops hidden text up to its end. False when more input is needed. */
  #skipHidden(closing: string, atEnd: boolean): boolean {
    const at = this.#raw.toLowerCase().indexOf(closing);
    const lineEnd = this.#raw.indexOf('\n');
    if (at >= 0 && (lineEnd < 0 || at < lineEnd)) {
      const close = closing === ']]' ? at + 2 : this.#raw.indexOf('>', at) + 1;
      if (close === 0 && !atEnd && this.#raw.length - at <= MAX_TAG_CHARS) return false;
      this.#raw = this.#raw.slice(close === 0 ? at + closing.length : close);
      this.#hiddenTag = undefined;
      return true;
    }
    if (lineEnd >= 0) {
      this.#raw = this.#raw.slice(lineEnd);
      this.#hiddenTag = undefined;
      return true;
    }
    // Keep a tail that may be the beginning of the closing tag.
    const keep = atEnd ? 0 : Math.min(this.#raw.length, closing.length - 1);
    const room = MAX_HIDDEN_CHARS - this.#hiddenChars;
    const drop = Math.min(this.#raw.length - keep, room);
    this.#hiddenChars += drop;
    this.#raw = this.#raw.slice(drop);
    if (this.#hiddenChars >= MAX_HIDDEN_CHARS) {
      this.#hiddenTag = undefined;
      return true;
    }
    return atEnd && this.#raw !== '';
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
