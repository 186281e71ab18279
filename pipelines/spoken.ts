/** What is known of one utterance on its way through the voices, and how its words are counted. */
import type { TimedWord } from '../adapters/tts/port.ts';
import type { UtteranceId } from '../src/conversation/types.ts';

/** Speech rate assumed where a voice gives no timings. */
const MS_PER_CHAR = 65;

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
    pending: [],
    patience: undefined,
  };
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

/** How many words so much sound without timings is likely to hold. */
export function wordsWithin(words: readonly string[], soundMs: number): number {
  const chars = soundMs / MS_PER_CHAR;
  let length = 0;
  const beyond = words.findIndex((word) => (length += word.length + 1) > chars);
  return beyond < 0 ? words.length : beyond;
}
