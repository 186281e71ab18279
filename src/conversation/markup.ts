/**
 * Takes out of a stream of model tokens what is not for the ear: tags, stage directions in brackets,
 * and guidance that a model lets slip, well-formed or not. What is taken out depends on the text
 * only, however the stream is split; and nothing is hidden for long, so that an opening without its
 * end can never mute what follows.
 */

/** Longest hidden passage believed: all the guidance of a turn. What comes after it is spoken again. */
const MAX_HIDDEN_CHARS = 600;
/** Longest thing that may still turn out to be a tag. */
const MAX_TAG_CHARS = 80;
/** Longest stage direction: "[pausing to think about it, then softly]". */
const MAX_DIRECTION_CHARS = 60;

const HIDING_NAMES = [
  'guidance',
  'thinking',
  'internal',
  'system',
  'note',
  'context',
  'instruction',
];
const NAMES = HIDING_NAMES.join('|');
/** A tag whose content is not for the ear. One that ends itself has none. */
const HIDING_TAG = new RegExp(`^<[ \\t]{0,2}(${NAMES})\\w*(?:[^<>]*[^<>/])?>$`, 'i');
/** The beginning of one that was never finished. */
const HIDING_OPEN = new RegExp(`^<[ \\t]{0,2}(${NAMES})\\w*`, 'i');
/** Any tag, and those with blanks where they do not belong, if they are ours. */
const TAG = new RegExp(
  `^<(?:/?[a-z_]|[ \\t]{0,2}/?[ \\t]{0,2}(?:${NAMES}))[^<>\\n]{0,${MAX_TAG_CHARS}}>`,
  'i',
);
/** What may still become one, more letters provided. */
const TAG_SO_FAR = /^<(?:\/?(?:[a-z_][^<>\n]*)?|[ \t]{0,2}\/?[ \t]{0,2}([a-z]*)[^<>\n]*)$/i;
const DIRECTION = new RegExp(`^\\[[^[\\]<>\\n]{0,${MAX_DIRECTION_CHARS}}\\]`);
const DIRECTION_SO_FAR = new RegExp(`^\\[[^[\\]<>\\n]{0,${MAX_DIRECTION_CHARS}}$`);

type Hidden = {
  readonly closing: RegExp;
  /** Longest text that `closing` matches, so that its beginning is not dropped. */
  readonly closingChars: number;
  readonly isTag: boolean;
  readonly chars: number;
};

type Markup =
  | { readonly kind: 'more' }
  | { readonly kind: 'literal' }
  | { readonly kind: 'markup'; readonly length: number; readonly hides: Hidden | undefined };

export class MarkupStripper {
  #raw = '';
  #hidden: Hidden | undefined;

  /** Takes the next piece of the stream; returns what of it all is for the ear and certain by now. */
  push(piece: string): string {
    this.#raw += piece;
    return this.#strip(false);
  }

  /** The stream is over: returns what is left. */
  end(): string {
    return this.#strip(true);
  }

  #strip(atEnd: boolean): string {
    let clean = '';
    while (this.#raw !== '') {
      if (this.#hidden !== undefined) {
        if (!this.#skipHidden(this.#hidden, atEnd)) return clean;
        continue;
      }
      const start = this.#raw.search(/[<[]/);
      clean += start < 0 ? this.#raw : this.#raw.slice(0, start);
      this.#raw = start < 0 ? '' : this.#raw.slice(start);
      if (start < 0) return clean;
      const found = markupIn(this.#raw, atEnd);
      if (found.kind === 'more') return clean;
      if (found.kind === 'literal') {
        // "a < b" keeps its words apart.
        clean += this.#raw[0] === '<' ? ' ' : '';
        this.#raw = this.#raw.slice(1);
        continue;
      }
      this.#raw = this.#raw.slice(found.length);
      this.#hidden = found.hides;
    }
    return clean;
  }

  /** Drops hidden text up to its end. False when more input is needed. */
  #skipHidden(hidden: Hidden, atEnd: boolean): boolean {
    const room = MAX_HIDDEN_CHARS - hidden.chars;
    const lineEnd = this.#raw.indexOf('\n');
    const closing = hidden.closing.exec(this.#raw);
    const closesAt = closing?.index ?? Number.POSITIVE_INFINITY;
    if (lineEnd >= 0 && lineEnd <= room && lineEnd < closesAt) return this.#show(lineEnd);
    if (closing && closesAt <= room) {
      const from = closesAt + closing[0].length;
      if (!hidden.isTag) return this.#show(from);
      const tail = this.#raw.slice(from, from + MAX_TAG_CHARS);
      const rest = /[<>\n]/.exec(tail);
      if (!rest && !atEnd && tail.length < MAX_TAG_CHARS) return false;
      return this.#show(rest?.[0] === '>' ? from + rest.index + 1 : from);
    }
    // A tail that may be the beginning of the closing is kept.
    const sure = this.#raw.length - (atEnd ? 0 : hidden.closingChars);
    if (room === 0) return sure >= 0 && this.#show(0);
    const drop = Math.min(Math.max(0, sure), room);
    this.#raw = this.#raw.slice(drop);
    this.#hidden = { ...hidden, chars: hidden.chars + drop };
    return drop === room;
  }

  /** Hidden text ends before this. */
  #show(from: number): true {
    this.#raw = this.#raw.slice(from);
    this.#hidden = undefined;
    return true;
  }
}

/** What a text that begins with `<` or `[` begins with. */
function markupIn(raw: string, atEnd: boolean): Markup {
  return raw.startsWith('[') ? bracketIn(raw, atEnd) : tagIn(raw, atEnd);
}

function bracketIn(raw: string, atEnd: boolean): Markup {
  if (raw.startsWith('[[')) {
    const hides = { closing: /\]\]/, closingChars: 2, isTag: false, chars: 0 };
    return { kind: 'markup', length: 2, hides };
  }
  const direction = DIRECTION.exec(raw);
  if (direction) return { kind: 'markup', length: direction[0].length, hides: undefined };
  return !atEnd && DIRECTION_SO_FAR.test(raw) ? { kind: 'more' } : { kind: 'literal' };
}

function tagIn(raw: string, atEnd: boolean): Markup {
  const tag = TAG.exec(raw);
  // No longer than what is waited for, however much has come already.
  if (tag && tag[0].length <= MAX_TAG_CHARS + 1) {
    const name = HIDING_TAG.exec(tag[0])?.[1];
    const hides = name === undefined ? undefined : hiddenUntil(name);
    return { kind: 'markup', length: tag[0].length, hides };
  }
  if (!atEnd && mayBecomeTag(raw)) return { kind: 'more' };
  // It never was a tag. Guidance all the same, where it says so.
  const open = HIDING_OPEN.exec(raw);
  if (!open) return { kind: 'literal' };
  return { kind: 'markup', length: open[0].length, hides: hiddenUntil(open[1] ?? '') };
}

function mayBecomeTag(raw: string): boolean {
  const soFar = raw.length <= MAX_TAG_CHARS ? TAG_SO_FAR.exec(raw) : null;
  if (!soFar) return false;
  const [, name] = soFar;
  if (name === undefined) return true;
  const given = name.toLowerCase();
  return HIDING_NAMES.some((each) => each.startsWith(given) || given.startsWith(each));
}

function hiddenUntil(name: string): Hidden {
  return {
    closing: new RegExp(`<[ \\t]{0,2}/[ \\t]{0,2}${name}`, 'i'),
    closingChars: name.length + 6,
    isTag: true,
    chars: 0,
  };
}
