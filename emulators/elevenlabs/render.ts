import { embedWords, fitWords, nextUtteranceId } from '../speech/inband-encode.ts';
import { COMPANION_EN, COMPANION_ES, synthesiseSound } from '../speech/synth.ts';
import { toneSound } from '../speech/tone.ts';
import { BYTES_PER_MS, SILENCE_BYTE, type SpokenWord, type Voice } from '../speech/types.ts';
import type { Alignment, ElevenLabsScript, VoiceSettings } from './types.ts';

/** One clause as sound: what repeats from reply to reply, and so what is worth caching. */
export type Unit = {
  readonly text: string;
  readonly utterance: number;
  /** μ-law, the pause after the clause included. */
  readonly mulaw: Uint8Array;
  /** Character timings from the unit's first byte. */
  readonly alignment: Alignment;
};

const SENTENCE_PAUSE_MS = 200;
const CLAUSE_PAUSE_MS = 100;
const SPEAKABLE = /[\p{L}\p{N}]/u;
/** The longest clause synthesised in one piece; longer ones are cut at a space. */
const MAX_CLAUSE_CHARS = 400;

/**
 * Cuts text at clause ends. Joined, the clauses are the text. A clause without anything to say
 * (a lone dash, spaces) stays with its neighbour.
 */
export function splitClauses(text: string): string[] {
  const clauses: string[] = [];
  for (const piece of text.match(/[\s\S]*?[,;:.!?…—]+["'”’)]*(?:\s+|$)|[\s\S]+$/gu) ?? []) {
    const last = clauses.at(-1);
    if (last !== undefined && (!SPEAKABLE.test(piece) || !SPEAKABLE.test(last))) {
      clauses[clauses.length - 1] = last + piece;
    } else {
      clauses.push(piece);
    }
  }
  return clauses.flatMap(cutLong);
}

function cutLong(clause: string): string[] {
  const pieces: string[] = [];
  let rest = clause;
  while (rest.length > MAX_CLAUSE_CHARS) {
    const space = rest.lastIndexOf(' ', MAX_CLAUSE_CHARS);
    const at = space > 0 ? space + 1 : MAX_CLAUSE_CHARS;
    pieces.push(rest.slice(0, at));
    rest = rest.slice(at);
  }
  return [...pieces, rest];
}

/** The synthesiser's voice for a text: English unless told, or plainly, Spanish. */
export function voiceFor(
  text: string,
  languageCode: string | undefined,
  settings: VoiceSettings,
): Voice {
  const spanish = languageCode === undefined ? looksSpanish(text) : languageCode.startsWith('es');
  const voice = spanish ? COMPANION_ES : COMPANION_EN;
  return { ...voice, wordsPerMinute: Math.round(voice.wordsPerMinute * settings.speed) };
}

function looksSpanish(text: string): boolean {
  return (
    /[¿¡ñ]/u.test(text) || /(?<!\p{L})(usted|está|cómo|qué|gracias|adiós|sí)(?!\p{L})/iu.test(text)
  );
}

/** Speaks one clause, its words embedded under a fresh utterance id. */
export async function renderUnit(
  text: string,
  voice: Voice,
  sound: ElevenLabsScript['sound'] = 'speech',
): Promise<Unit> {
  const utterance = nextUtteranceId();
  if (!SPEAKABLE.test(text)) {
    return { text, utterance, mulaw: new Uint8Array(), alignment: alignChars(text, [], 0) };
  }
  const made =
    sound === 'tone' ? toneSound(text, voice.wordsPerMinute) : await synthesiseSound(text, voice);
  const embedded = made.words.map((word, i) => ({
    ...word,
    finality: i === made.words.length - 1 ? ('complete' as const) : ('holding' as const),
  }));
  const speech = embedWords(made.mulaw, embedded, utterance);
  const words = fitWords(embedded, made.mulaw.length / BYTES_PER_MS);
  const mulaw = new Uint8Array(speech.length + pauseAfterMs(text) * BYTES_PER_MS);
  mulaw.fill(SILENCE_BYTE, speech.length);
  mulaw.set(speech);
  const alignment = alignChars(text, words, mulaw.length / BYTES_PER_MS);
  return { text, utterance, mulaw, alignment };
}

function pauseAfterMs(text: string): number {
  const end = text.trimEnd();
  if (/[.!?…]["'”’)]*$/u.test(end)) return SENTENCE_PAUSE_MS;
  return /[,;:—]["'”’)]*$/u.test(end) ? CLAUSE_PAUSE_MS : 0;
}

/** Spreads each word's span over its characters; what lies between words fills the gaps. */
export function alignChars(text: string, words: readonly SpokenWord[], totalMs: number): Alignment {
  const chars = Array.from(text);
  const starts: number[] = [];
  const durations: number[] = [];
  const spread = (count: number, fromMs: number, toMs: number): void => {
    const eachMs = count === 0 ? 0 : Math.max(0, toMs - fromMs) / count;
    for (let i = 0; i < count; i += 1) {
      starts.push(fromMs + i * eachMs);
      durations.push(eachMs);
    }
  };
  let at = 0;
  let endMs = 0;
  for (const word of words) {
    const span = findWord(chars, Array.from(word.text), at);
    if (!span) continue;
    spread(span.from - at, endMs, word.startMs);
    spread(span.to - span.from, word.startMs, word.endMs);
    at = span.to;
    endMs = word.endMs;
  }
  spread(chars.length - at, endMs, totalMs);
  return { chars, charStartTimesMs: starts, charDurationsMs: durations };
}

/** Where a word stands from `at` on; runs of white space inside it match each other. */
function findWord(
  chars: readonly string[],
  word: readonly string[],
  at: number,
): { from: number; to: number } | undefined {
  for (let from = at; from < chars.length; from += 1) {
    let i = from;
    let j = 0;
    while (j < word.length && i < chars.length) {
      if (chars[i] === word[j]) {
        i += 1;
        j += 1;
      } else if (/\s/.test(chars[i] ?? '') && i > from && /\s/.test(chars[i - 1] ?? '')) {
        i += 1;
      } else if (/\s/.test(chars[i] ?? '') && word[j] === ' ') {
        i += 1;
        j += 1;
      } else {
        break;
      }
    }
    if (j === word.length) return { from, to: i };
  }
  return undefined;
}

/** The characters that begin within `[fromMs, toMs)`, timed from `fromMs`; null when none do. */
export function sliceAlignment(
  alignment: Alignment,
  fromMs: number,
  toMs: number,
): Alignment | null {
  const chars: string[] = [];
  const charStartTimesMs: number[] = [];
  const charDurationsMs: number[] = [];
  for (const [i, char] of alignment.chars.entries()) {
    const startMs = alignment.charStartTimesMs[i] ?? 0;
    if (startMs < fromMs || startMs >= toMs) continue;
    chars.push(char);
    charStartTimesMs.push(Math.round(startMs - fromMs));
    charDurationsMs.push(Math.round(alignment.charDurationsMs[i] ?? 0));
  }
  return chars.length === 0 ? null : { chars, charStartTimesMs, charDurationsMs };
}
