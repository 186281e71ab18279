import type { MessagesRequest } from './types.ts';

/**
 * Answers to requests for JSON, made by rules from the transcript in the last user message (lines of
 * `{"who":"caller","said":"…"}`): what the caller tells of themselves as memories, or a report of the
 * call, whichever the system prompt shows the form of. `{}` for anything else.
 */
export function recordsAnswer(request: MessagesRequest, systemText: string): string {
  const said = callerLines(request);
  if (systemText.includes('"memories"')) return JSON.stringify({ memories: memoriesFrom(said) });
  if (systemText.includes('"summary"')) return JSON.stringify(reportOn(said));
  return '{}';
}

function callerLines(request: MessagesRequest): string[] {
  const last = request.messages.findLast((message) => message.role === 'user');
  const text = last?.content.map((block) => block.text ?? '').join('\n') ?? '';
  return text.split('\n').flatMap((line) => {
    try {
      const turn = JSON.parse(line) as { who?: unknown; said?: unknown };
      return turn.who === 'caller' && typeof turn.said === 'string' ? [turn.said] : [];
    } catch {
      return [];
    }
  });
}

type Telling = { readonly kind: string; readonly importance: number; readonly match: RegExp };

const TELLINGS: readonly Telling[] = [
  {
    kind: 'relationship',
    importance: 70,
    match:
      /\b(?:my|mi) (?:son|daughter|sister|brother|husband|wife|grand\w+|neighbou?r|friend|hij[oa]|niet[oa]|herman[oa]|marido|esposa|vecin[oa])\b/i,
  },
  {
    kind: 'concern',
    importance: 80,
    match: /\b(?:fell|hurts?|pain|dizzy|lonely|afraid|caí|duele|dolor|sol[oa])\b/i,
  },
  {
    kind: 'event',
    importance: 55,
    match: /\b(?:yesterday|today|tomorrow|last (?:week|night)|on \w+day|ayer|hoy|mañana)\b/i,
  },
  {
    kind: 'preference',
    importance: 50,
    match: /\b(?:i (?:really )?(?:like|love|enjoy|hate)|me gusta|me encanta)\b/i,
  },
  { kind: 'fact', importance: 45, match: /\b(?:i (?:have|had|was|am|live|used to)|tengo|soy)\b/i },
];

const MAX_MEMORIES = 10;

function memoriesFrom(said: readonly string[]): object[] {
  const found: object[] = [];
  for (const sentence of said.flatMap(sentencesIn)) {
    const telling = TELLINGS.find(({ match }) => match.test(sentence));
    if (!telling || sentence.endsWith('?') || sentence.split(/\s+/).length < 4) continue;
    const { kind, importance } = telling;
    const text = `They said: ${sentence}`;
    found.push({ kind, text, importance, quote: sentence, date: null });
  }
  return found.slice(0, MAX_MEMORIES);
}

function sentencesIn(text: string): string[] {
  return (text.match(/[^.!?]+[.!?]*/g) ?? []).map((sentence) => sentence.trim());
}

function reportOn(said: readonly string[]): object {
  const worry = said
    .flatMap(sentencesIn)
    .find((sentence) => TELLINGS.some((t) => t.kind === 'concern' && t.match.test(sentence)));
  return {
    summary: `They spoke ${said.length} times, and it was a pleasant talk.`,
    sentiment: worry === undefined ? 'positive' : 'mixed',
    topics: ['the day'],
    engagement: Math.max(1, Math.min(10, said.length)),
    mood: 'calm',
    caregiverMessage: 'We had a nice talk today.',
    concerns:
      worry === undefined
        ? []
        : [
            {
              type: 'health',
              severity: 'medium',
              description: 'They mentioned a complaint.',
              quote: worry,
              action: 'Ask how they are.',
            },
          ],
    positives: ['They liked to talk.'],
    followUps: [],
    callQuality: 'good',
  };
}
