import type { MessagesRequest, RequestMessage } from './types.ts';

/** What the companion brain needs to know of a request. */
export type Situation = {
  /** The last user message without guidance tags, trimmed. */
  readonly heard: string;
  /** What the assistant said in its last turn; empty on the first. */
  readonly lastSaid: string;
  /** Everything the assistant said so far in the call. */
  readonly saidBefore: string;
  /** How many times the user has spoken. */
  readonly turn: number;
  /** The person's first name, if the prompt gives one. */
  readonly name: string | undefined;
  readonly spanish: boolean;
  /** The whole system prompt. */
  readonly systemText: string;
};

/** `\b` knows only ASCII letters, hence the look-arounds. */
const SPANISH_WORDS =
  /(?<!\p{L})(hola|buen[oa]s|gracias|estoy|estás?|tengo|quiero|pero|porque|muy|bien|mi|hij[oa]s?|niet[oa]s?|jardín|adiós|cómo|qué|sí|usted|señora|día|noche|ayer|hoy|sol[oa]|caí|medicina|pastillas?|esperen?|espera)(?!\p{L})/giu;
const NAME_PATTERNS = [
  /\b(?:first name|name) is ([\p{Lu}][\p{L}'-]+)/u,
  /\b[Nn]ame: ?([\p{Lu}][\p{L}'-]+)/u,
  /\b(?:speaking|talking|chatting|call|phone call|conversation) (?:with|to) ([\p{Lu}][\p{L}'-]+)/u,
  /\b(?:calling|called|call) ([\p{Lu}][\p{Ll}'-]+)\b/u,
  /\bse llama ([\p{Lu}][\p{L}'-]+)/u,
];

export function readSituation(request: MessagesRequest): Situation {
  const systemText = [
    ...request.system.map((block) => block.text ?? ''),
    ...request.messages.filter((m) => m.role === 'system').map(messageText),
  ].join('\n');
  const said = request.messages.filter((m) => m.role === 'assistant').map(messageText);
  const users = request.messages.filter((m) => m.role === 'user').map((m) => plain(messageText(m)));
  const heard = users.at(-1) ?? '';
  return {
    heard,
    lastSaid: said.at(-1) ?? '',
    saidBefore: said.join('\n'),
    turn: users.length,
    name: NAME_PATTERNS.map((pattern) => pattern.exec(systemText)?.[1]).find(Boolean),
    spanish: isSpanish(heard) || (!isEnglish(heard) && isSpanish(users.slice(-3).join(' '))),
    systemText,
  };
}

/** The text of a message; tool results count as text, so that the brain can use them. */
function messageText(message: RequestMessage): string {
  return message.content
    .map((block) => {
      if (block.type !== 'tool_result') return block.text ?? '';
      return typeof block.content === 'string'
        ? block.content
        : JSON.stringify(block.content ?? '');
    })
    .filter((text) => text !== '')
    .join('\n');
}

/** Drops `<guidance>…</guidance>` and the like, and stage directions in square brackets. */
function plain(text: string): string {
  return text
    .replace(/<([a-z_-]+)(?:\s[^>]*)?>[\s\S]*?<\/\1>/gi, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

function isSpanish(text: string): boolean {
  if (/[¿¡ñ]/u.test(text)) return true;
  const hits = new Set((text.match(SPANISH_WORDS) ?? []).map((word) => word.toLowerCase()));
  return hits.size >= 2 || (hits.size === 1 && text.split(/\s+/).length <= 3);
}

function isEnglish(text: string): boolean {
  return /\b(the|and|is|are|i'm|my|you|it|was|have|yes|hello|thank|please|what|goodbye)\b/i.test(
    text,
  );
}
