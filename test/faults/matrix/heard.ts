/** Takes what was heard apart into the phrases the line knows; what fits nowhere is a finding. */
import { wordsOf } from '../../../demo/audit/words.ts';
import type { HeardWord, Phrase } from './evidence.ts';

export type HeardPhrase = {
  readonly phrase: Phrase;
  readonly startMs: number;
  readonly endMs: number;
  /** Words of the phrase that were heard, from its beginning. */
  readonly words: number;
  readonly complete: boolean;
};

export type Heard = {
  readonly phrases: readonly HeardPhrase[];
  /** Words in no phrase's place: skipped to, said twice, or never written. */
  readonly strays: readonly HeardWord[];
};

type Token = { readonly text: string; readonly word: HeardWord };
type Known = { readonly phrase: Phrase; readonly tokens: readonly string[] };

/**
 * The longest phrase that begins at each place. A phrase that was cut short may go on later where it
 * stopped: a word that was cut was not heard, and is said again.
 */
export function phrasesHeard(words: readonly HeardWord[], vocabulary: readonly Phrase[]): Heard {
  const known = vocabulary.map((phrase) => ({ phrase, tokens: wordsOf(phrase.text) }));
  const tokens = words.flatMap((word) => wordsOf(word.text).map((text) => ({ text, word })));
  const phrases: HeardPhrase[] = [];
  const strays: HeardWord[] = [];
  for (let at = 0; at < tokens.length;) {
    const resumed = resumedAt(tokens, at, phrases, known);
    const begun = bestAt(tokens, at, known);
    const best = resumed !== undefined && resumed.length > begun.length ? resumed : begun;
    const first = tokens[at];
    const last = tokens[at + best.length - 1];
    if (best.known === undefined || !first || !last) {
      if (first && strays.at(-1) !== first.word) strays.push(first.word);
      at += 1;
      continue;
    }
    const heardTo = best.fromToken + best.length;
    phrases.push({
      phrase: best.known.phrase,
      startMs: first.word.startMs,
      endMs: last.word.endMs,
      words: heardTo,
      complete: heardTo === best.known.tokens.length,
    });
    at += best.length;
  }
  return { phrases, strays };
}

type Match = {
  readonly known: Known | undefined;
  /** Where in the phrase it begins. */
  readonly fromToken: number;
  readonly length: number;
};

function bestAt(tokens: readonly Token[], at: number, known: readonly Known[]): Match {
  let best: Match = { known: undefined, fromToken: 0, length: 0 };
  for (const each of known) {
    const length = commonLength(tokens, at, each.tokens, 0);
    if (length > best.length) best = { known: each, fromToken: 0, length };
  }
  return best;
}

function resumedAt(
  tokens: readonly Token[],
  at: number,
  phrases: readonly HeardPhrase[],
  known: readonly Known[],
): Match | undefined {
  const cut = phrases.findLast((each) => !each.complete);
  const whole = known.find(({ phrase }) => phrase === cut?.phrase);
  if (!cut || !whole) return undefined;
  const fromToken = cut.words;
  const length = commonLength(tokens, at, whole.tokens, fromToken);
  if (length >= Math.min(2, whole.tokens.length - fromToken)) {
    return { known: whole, fromToken, length };
  }
  return undefined;
}

function commonLength(
  tokens: readonly Token[],
  at: number,
  wanted: readonly string[],
  from: number,
): number {
  let length = 0;
  while (from + length < wanted.length && tokens[at + length]?.text === wanted[from + length]) {
    length += 1;
  }
  return length;
}
