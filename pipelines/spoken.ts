/** What is known of one utterance on its way through the voices, and how its words are counted. */
import type { TimedWord } from '../adapters/tts/port.ts';
import type { UtteranceId } from '../src/conversation/types.ts';
import type { Piece } from './outlet.ts';

/** A shorter clause would be made with too little around it to sound right. */
const LEAST_CLAUSE_WORDS = 4;

export type Spoken = {
  readonly id: UtteranceId;
  text: string;
  finished: boolean;
  /** Audio made so far, milliseconds, and how many words of the text it covers. */
  madeMs: number;
  wordsMade: number;
  /** The end of the last word whose timing is known. */
  timedToMs: number;
  attempts: number;
  /** Characters given to the present attempt's voice. */
  characters: number;
  /** Where the present attempt's audio begins. */
  baseMs: number;
  /** The id under which the session knows it; a new one for each attempt. */
  voiceId: number | undefined;
  /** Texts the present attempt's voice has been given and has not made wholly. */
  asked: string[];
  /** Sound of the oldest of them, kept back where a voice cannot tell which words are in it. */
  held: Piece[];
  /** Text that waits for a session. */
  pending: string[];
  /** How long a fixed line may be without a sound. */
  patience: NodeJS.Timeout | undefined;
};

export function newSpoken(id: UtteranceId): Spoken {
  return {
    id,
    text: '',
    finished: false,
    madeMs: 0,
    wordsMade: 0,
    timedToMs: 0,
    attempts: 0,
    characters: 0,
    baseMs: 0,
    voiceId: undefined,
    asked: [],
    held: [],
    pending: [],
    patience: undefined,
  };
}

/** The present attempt's audio begins here: what was made before it is whole. */
export function beginAt(spoken: Spoken, ms: number): void {
  spoken.madeMs = ms;
  spoken.baseMs = ms;
  spoken.timedToMs = ms;
}

/**
 * Makes ready for another voice: drops what was made of an unfinished word, by `trim`, which returns
 * where the utterance's audio ends then. Returns the text that is still to be spoken.
 */
export function nextAttempt(spoken: Spoken, trim: (toMs: number) => number): string {
  const isInWord = spoken.timedToMs < spoken.madeMs && spoken.timedToMs > spoken.baseMs;
  beginAt(spoken, isInWord ? trim(spoken.timedToMs) : spoken.madeMs);
  const rest = wordsOf(spoken.text).slice(spoken.wordsMade).join(' ');
  spoken.attempts += 1;
  spoken.voiceId = undefined;
  spoken.asked = [];
  spoken.held = [];
  spoken.pending = inClauses(rest);
  return rest;
}

/** Every word of the text so far has been made. Never so with a voice that gives no timings. */
export function isWhole(spoken: Spoken): boolean {
  return spoken.wordsMade > 0 && spoken.wordsMade >= wordsOf(spoken.text).length;
}

export function shifted(word: TimedWord, byMs: number): TimedWord {
  return { text: word.text, startMs: word.startMs + byMs, endMs: word.endMs + byMs };
}

export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** Parts that a voice can make one after the other; a word count is kept at their ends. */
export function inClauses(text: string): string[] {
  const clauses: string[] = [];
  let clause: string[] = [];
  for (const word of wordsOf(text)) {
    clause.push(word);
    const isEnd = /[.!?…]["”’)]*$/u.test(word);
    const isPause = clause.length >= LEAST_CLAUSE_WORDS && /[,;:–—]$/u.test(word);
    if (!isEnd && !isPause) continue;
    clauses.push(`${clause.join(' ')} `);
    clause = [];
  }
  return clause.length === 0 ? clauses : [...clauses, `${clause.join(' ')} `];
}
