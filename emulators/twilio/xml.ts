/** One element of a parsed document. Text is the concatenated character data of the element. */
export type XmlElement = {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
};

export type XmlResult =
  | { readonly ok: true; readonly root: XmlElement }
  | { readonly ok: false; readonly reason: string; readonly offset: number };

type Open = {
  name: string;
  attributes: Record<string, string>;
  children: XmlElement[];
  text: string;
};

const MAX_DEPTH = 32;
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};

class XmlError extends Error {
  readonly offset: number;
  constructor(reason: string, offset: number) {
    super(reason);
    this.offset = offset;
  }
}

/**
 * A small strict parser for what TwiML may contain: elements, attributes, text, character
 * references, CDATA, comments, an XML declaration. Document types are refused, as Twilio does.
 */
export function parseXml(source: string): XmlResult {
  try {
    return { ok: true, root: parseDocument(source) };
  } catch (error) {
    if (error instanceof XmlError)
      return { ok: false, reason: error.message, offset: error.offset };
    throw error;
  }
}

function parseDocument(source: string): XmlElement {
  const stack: Open[] = [];
  let root: XmlElement | undefined;
  let at = source.startsWith('\uFEFF') ? 1 : 0;
  const close = (done: Open): void => {
    const parent = stack.at(-1);
    if (parent) parent.children.push(done);
    else root = done;
  };
  while (at < source.length) {
    if (source.startsWith('<!--', at)) {
      at = skipPast(source, '-->', at + 4);
    } else if (source.startsWith('<?', at)) {
      at = skipPast(source, '?>', at + 2);
    } else if (source.startsWith('<![CDATA[', at)) {
      const end = skipPast(source, ']]>', at + 9);
      const parent = stack.at(-1);
      if (!parent) throw new XmlError('character data outside the root element', at);
      parent.text += source.slice(at + 9, end - 3);
      at = end;
    } else if (source.startsWith('<!', at)) {
      throw new XmlError('document type declarations are not allowed', at);
    } else if (source.startsWith('</', at)) {
      const end = skipPast(source, '>', at + 2);
      const name = source.slice(at + 2, end - 1).trim();
      const done = stack.pop();
      if (done?.name !== name) throw new XmlError(`unexpected end tag </${name}>`, at);
      close(done);
      at = end;
    } else if (source[at] === '<') {
      if (root) throw new XmlError('content after the root element', at);
      if (stack.length >= MAX_DEPTH) throw new XmlError('elements nested too deeply', at);
      const tag = parseTag(source, at);
      if (tag.selfClosing) close(tag.open);
      else stack.push(tag.open);
      at = tag.end;
    } else {
      const next = source.indexOf('<', at);
      const end = next < 0 ? source.length : next;
      const text = source.slice(at, end);
      const parent = stack.at(-1);
      if (parent) parent.text += decodeReferences(text, at);
      else if (text.trim() !== '') throw new XmlError('text outside the root element', at);
      at = end;
    }
  }
  const unclosed = stack.at(-1);
  if (unclosed) throw new XmlError(`element <${unclosed.name}> is never closed`, source.length);
  if (!root) throw new XmlError('document is empty', 0);
  return root;
}

function skipPast(source: string, ending: string, from: number): number {
  const found = source.indexOf(ending, from);
  if (found < 0) throw new XmlError(`missing ${ending}`, from);
  return found + ending.length;
}

function parseTag(source: string, at: number): { open: Open; selfClosing: boolean; end: number } {
  const nameMatch = /[A-Za-z_][\w.:-]*/y;
  nameMatch.lastIndex = at + 1;
  const name = nameMatch.exec(source)?.[0];
  if (name === undefined) throw new XmlError('malformed tag', at);
  const attributes: Record<string, string> = {};
  const attribute = /\s+([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
  let end = nameMatch.lastIndex;
  for (;;) {
    attribute.lastIndex = end;
    const match = attribute.exec(source);
    if (!match) break;
    const key = match[1] ?? '';
    if (Object.hasOwn(attributes, key)) throw new XmlError(`attribute ${key} is repeated`, end);
    attributes[key] = decodeReferences(match[2] ?? match[3] ?? '', end);
    end = attribute.lastIndex;
  }
  const tail = /\s*(\/?)>/y;
  tail.lastIndex = end;
  const tailMatch = tail.exec(source);
  if (!tailMatch) throw new XmlError(`malformed tag <${name}>`, end);
  return {
    open: { name, attributes, children: [], text: '' },
    selfClosing: tailMatch[1] === '/',
    end: tail.lastIndex,
  };
}

function decodeReferences(text: string, at: number): string {
  return text.replace(/&([^;&\s]*);?/g, (whole, body: string) => {
    const named = NAMED[body];
    if (whole.endsWith(';') && named !== undefined) return named;
    const numeric = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}))$/i.exec(body);
    const code = numeric ? parseInt(numeric[1] ?? numeric[2] ?? '', numeric[1] ? 16 : 10) : NaN;
    if (!whole.endsWith(';') || !(code > 0 && code <= 0x10ffff)) {
      throw new XmlError(`bad character reference ${whole}`, at);
    }
    return String.fromCodePoint(code);
  });
}
