/**
 * The quick observer: looks at what a caller just said, without a model and in well under a
 * millisecond, for the dangers that must raise an alert within the call, and for what the reply
 * should bear in mind.
 *
 * Each sentence is folded (lower case, no accents, no hesitations) and matched against rules; the
 * words around a match then decide whether it counts: negation, tense, who it is about, and figures
 * of speech. Patterns repeat nothing without a bound, and a turn's length is bounded, so that the
 * time taken is too.
 */
import type { Goodbye } from '../conversation/lexicon.ts';
import type { Observation, Signal } from '../conversation/types.ts';
import { DANGERS_EN } from './observer-dangers-en.ts';
import { DANGERS_ES, DESPAIR_ES, HEALTH_ES, SCAMS_ES } from './observer-dangers-es.ts';
import { GRAMMAR_EN, GRAMMAR_ES, severityAt, type Grammar } from './observer-denial.ts';
import { DESPAIR_EN, SCAMS_EN } from './observer-despair-en.ts';
import { DAILY_EN, FEELINGS_EN } from './observer-everyday-en.ts';
import { EVERYDAY_ES } from './observer-everyday-es.ts';
import { HEALTH_EN } from './observer-health-en.ts';
import { CATEGORIES, GUIDANCE, type Category, type Rule } from './observer-rules.ts';
import { sentencesOf, type Sentence } from './observer-sentences.ts';
import { TROUBLES_ES } from './observer-troubles-es.ts';
import { MIND_AND_HOME_EN, UNWELL_EN } from './observer-troubles-en.ts';

type Tongue = { readonly rules: readonly Rule[]; readonly grammar: Grammar; question: RegExp };

const TONGUES: Readonly<Record<'en' | 'es', Tongue>> = {
  en: {
    rules: [
      ...DANGERS_EN,
      ...SCAMS_EN,
      ...DESPAIR_EN,
      ...HEALTH_EN,
      ...UNWELL_EN,
      ...MIND_AND_HOME_EN,
      ...FEELINGS_EN,
      ...DAILY_EN,
    ],
    grammar: GRAMMAR_EN,
    question:
      /^(?:and |so |but |well,? )?(?:what|when|where|who|why|how|which|do you|are you|can you|could you|did you|have you|will you|is it|is there)\b(?! a (?:lovely|nice|beautiful))/,
  },
  es: {
    rules: [
      ...DANGERS_ES,
      ...SCAMS_ES,
      ...DESPAIR_ES,
      ...HEALTH_ES,
      ...TROUBLES_ES,
      ...EVERYDAY_ES,
    ],
    grammar: GRAMMAR_ES,
    question:
      /^(?:y |pero |bueno,? )?(?:que (?:hora|dia|tiempo|tal)|como (?:esta|se)|quien|donde|por que|cuanto|cuando es)\b/,
  },
};

/** A denied match may be followed by one that stands; more than this nobody says in a sentence. */
const MAX_MATCHES = 4;
/** Words in a turn that count as a very short reply. */
const SHORT_REPLY_WORDS = 2;

const RANK: ReadonlyMap<string, number> = new Map(CATEGORIES.map((name, rank) => [name, rank]));
const WEIGHT = { high: 0, medium: 1, low: 2 } as const;
/** Of no more weight than this while the caller says goodbye: it would draw them back in. */
const GOODBYE_RANK = RANK.get('nutrition') ?? 0;

/**
 * What a turn shows: at most one signal per category, and at most one line of guidance.
 *
 * Signals come true dangers first (severity `high`; each raises an alert), then by the priority of
 * CATEGORIES. Evidence is the caller's own sentence, at most 300 characters. `goodbye` is what the
 * turn means for the end of the call: during a strong one nothing is suggested that would draw the
 * caller back in.
 */
export function observe(
  text: string,
  language: 'en' | 'es',
  goodbye: Goodbye = 'none',
): Observation {
  const tongue = TONGUES[language];
  const found = new Map<string, Signal>();
  const sentences = sentencesOf(text);
  for (const sentence of sentences) {
    for (const rule of tongue.rules) {
      const known = found.get(rule.category);
      if (known && WEIGHT[known.severity] <= WEIGHT[rule.severity]) continue;
      const severity = severityIn(rule, sentence, tongue.grammar);
      if (severity === undefined) continue;
      if (known && WEIGHT[known.severity] <= WEIGHT[severity]) continue;
      found.set(rule.category, signal(rule.category, severity, sentence));
    }
    const asks = sentence.said.endsWith('?') || tongue.question.test(sentence.folded);
    if (asks && !found.has('question')) found.set('question', signal('question', 'low', sentence));
  }
  const [first] = sentences;
  if (first && goodbye !== 'none') {
    found.set(`goodbye-${goodbye}`, signal(`goodbye-${goodbye}`, 'low', first));
  } else if (first && found.size === 0 && isShort(text)) {
    found.set('short-reply', signal('short-reply', 'low', first));
  }
  const signals = [...found.values()].sort(byUrgency);
  return { signals, guidance: guidanceFor(signals, goodbye) };
}

function signal(category: Category, severity: Signal['severity'], from: Sentence): Signal {
  return { category, severity, evidence: from.said };
}

function severityIn(
  rule: Rule,
  sentence: Sentence,
  grammar: Grammar,
): Signal['severity'] | undefined {
  const { pattern } = rule;
  pattern.lastIndex = 0;
  for (let tries = 0; tries < MAX_MATCHES;) {
    const match = pattern.exec(sentence.folded);
    if (!match) return undefined;
    pattern.lastIndex = match.index + 1;
    if (match.index + match[0].length <= sentence.seen) continue;
    tries += 1;
    const at = { index: match.index, text: match[0] };
    const severity = severityAt(rule, sentence.folded, at, grammar);
    if (severity !== undefined) return severity;
  }
  return undefined;
}

function isShort(text: string): boolean {
  const trimmed = text.slice(0, 60).trim();
  return trimmed.length < 40 && trimmed.split(/\s+/).length <= SHORT_REPLY_WORDS;
}

function byUrgency(a: Signal, b: Signal): number {
  const danger = Number(b.severity === 'high') - Number(a.severity === 'high');
  return danger || (RANK.get(a.category) ?? 0) - (RANK.get(b.category) ?? 0);
}

function guidanceFor(signals: readonly Signal[], goodbye: Goodbye): readonly string[] {
  for (const { category, severity } of signals) {
    const rank = RANK.get(category) ?? 0;
    if (goodbye === 'strong' && severity !== 'high' && rank >= GOODBYE_RANK) continue;
    const line = GUIDANCE[category as Category];
    if (line !== undefined) return [line];
  }
  return [];
}

/**
 * A pattern is compiled when it is first used, about 0.2 s for all of them: that is spent when the
 * process starts and not when the first caller speaks. Twice, because the second use compiles it to
 * machine code. Yields after each pattern, so that whoever runs it can let others have their turn.
 */
export function* warmUpObserver(): Generator<void, void, undefined> {
  const ordinary = 'well, we went to the market and bought some apples for my neighbour';
  for (const { rules, grammar, question } of Object.values(TONGUES)) {
    const patterns = rules.flatMap(({ pattern, unless }) => (unless ? [pattern, unless] : pattern));
    for (const pattern of [...patterns, ...Object.values(grammar), question]) {
      for (let use = 0; use < 2; use += 1) {
        pattern.lastIndex = 0;
        pattern.test(ordinary);
      }
      pattern.lastIndex = 0;
      yield;
    }
  }
}
