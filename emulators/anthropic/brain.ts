import {
  ENGLISH_BROKEN_IN,
  ENGLISH_FALLBACKS,
  ENGLISH_REFLECTIONS,
  ENGLISH_REPEAT,
  ENGLISH_TOPICS,
} from './brain-english.ts';
import { recordsAnswer } from './brain-records.ts';
import { readSituation, type Situation } from './brain-request.ts';
import { SPANISH_FALLBACKS, SPANISH_REPEAT, SPANISH_TOPICS } from './brain-spanish.ts';
import type { Brain, MessagesRequest, ReplyScript } from './types.ts';

/** One line of a scripted conversation: the first whose `match` fits the caller's words answers. */
export type ScriptedReply = {
  readonly match: RegExp;
  readonly reply: string | ReplyScript;
  /** Answers only this often; without limit when left out. Makes the brain stateful. */
  readonly times?: number;
};

export type CompanionOptions = {
  /** Asked before the topics, in order. */
  table?: readonly ScriptedReply[];
  /**
   * Answers requests for structured output (memory extraction, analysis: any request with
   * `output_config.format`, or whose system prompt asks for JSON). `recordsAnswer` when left out.
   */
  structured?: (request: MessagesRequest, systemText: string) => string | ReplyScript;
};

/**
 * A small rule-based companion: warm, one to three short sentences, one question at a time, never
 * the same sentence twice running. It sees only the request, as the real model would: the person's
 * name from the system prompt, what was said from the messages.
 */
export function companionBrain(options: CompanionOptions = {}): Brain {
  const used = new Map<ScriptedReply, number>();
  return (request) => {
    const situation = readSituation(request);
    if (
      request.wantsJson ||
      /\b(respond|reply|answer|output|return)\b[^.\n]{0,60}\bJSON\b/i.test(situation.systemText)
    ) {
      return (options.structured ?? recordsAnswer)(request, situation.systemText);
    }
    for (const line of options.table ?? []) {
      const count = used.get(line) ?? 0;
      if (line.times !== undefined && count >= line.times) continue;
      if (!line.match.test(situation.heard)) continue;
      used.set(line, count + 1);
      return line.reply;
    }
    return companionReply(situation);
  };
}

/** What the companion says in a situation: a pure function. */
export function companionReply(situation: Situation): string {
  const { heard, spanish, lastSaid } = situation;
  if (
    /\b(what did you say|say that again|pardon|repeat that|didn't (catch|hear) that)\b|¿(qué dijo|cómo dijo|cómo)\?/iu.test(
      heard,
    )
  ) {
    if (lastSaid !== '') {
      return (spanish ? SPANISH_REPEAT : ENGLISH_REPEAT).replace('{last}', stripRepeat(lastSaid));
    }
  }
  const topics = spanish ? SPANISH_TOPICS : ENGLISH_TOPICS;
  const topic = topics.find((t) => t.match.test(heard) && !t.not?.test(heard));
  if (topic) return choose(topic.replies, situation, 0);
  if (!spanish && /^(oh |no,? )?(wait|hold on|stop|hang on|listen)\b/i.test(heard)) {
    return choose(ENGLISH_BROKEN_IN, situation, 0);
  }
  const echo = spanish ? undefined : reflect(heard);
  if (echo !== undefined) {
    const candidates = ENGLISH_REFLECTIONS.map((line) => line.replace('{echo}', echo));
    return choose(candidates, situation, situation.turn);
  }
  return choose(spanish ? SPANISH_FALLBACKS : ENGLISH_FALLBACKS, situation, situation.turn);
}

/** A reply not used in this call, else the first that differs from the last one said. */
function choose(replies: readonly string[], situation: Situation, start: number): string {
  const filled = replies.map((_, i) => {
    const reply = replies[(i + start) % replies.length] ?? '';
    return reply.replace('{name}', addressing(situation));
  });
  // What was cut short by an interruption stands in the history only in part: compare beginnings.
  const fresh = filled.find((reply) => !situation.saidBefore.includes(opening(reply)));
  const other = filled.find((reply) => !situation.lastSaid.includes(opening(reply)));
  const chosen = fresh ?? other;
  if (chosen !== undefined) return chosen;
  return situation.spanish
    ? `Como le decía. ${filled[0] ?? ''}`
    : `As I was saying. ${filled[0] ?? ''}`;
}

/** The name now and then, as people use it: on the first reply and every third after it. */
function addressing({ name, turn }: Situation): string {
  return name !== undefined && turn % 3 === 1 ? `, ${name}` : '';
}

function opening(reply: string): string {
  return reply.split(/\s+/).slice(0, 4).join(' ');
}

function stripRepeat(said: string): string {
  return said.replace(/^(I said:|Le decía:)\s*/u, '');
}

const TURNED: Readonly<Record<string, string>> = {
  i: 'you',
  "i'm": "you're",
  "i've": "you've",
  "i'd": "you'd",
  "i'll": "you'll",
  my: 'your',
  me: 'you',
  mine: 'yours',
  myself: 'yourself',
};

/** "I went to my sister's" → "you went to your sister's"; undefined where it would sound odd. */
function reflect(heard: string): string | undefined {
  const sentence = heard
    .split(/[.!?]+\s*/)
    .findLast((part) => /^(and |so |but |well,? )?i\b/i.test(part));
  if (sentence === undefined) return undefined;
  const words = sentence
    .replace(/^(and|so|but|well,?)\s+/i, '')
    .replace(/,.*$/, '')
    .split(/\s+/);
  if (words.length < 3 || words.length > 10 || words.some((w) => /^you/i.test(w))) return undefined;
  const turned = words.map((word) => TURNED[word.toLowerCase()] ?? word).join(' ');
  return turned.replace(/\byou (am|was)\b/g, (_, verb) => (verb === 'am' ? 'you are' : 'you were'));
}
