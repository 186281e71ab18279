/**
 * What a text message to the line means for being called. "STOP" and its like are the carriers' own
 * words (Twilio, "Support for opt-out keywords"); older people also write whole sentences, which
 * message-clauses.ts takes apart and message-stops-{en,es}.ts know.
 *
 * Where it is unclear, it is not a stop: nobody reads these words at once, but a person's family sees
 * the message. Where somebody says it in plain words, it holds, whatever else they say.
 */
import { clausesOf, type Clause } from './message-clauses.ts';
import { STOPS_EN } from './message-stops-en.ts';
import { STOPS_ES } from './message-stops-es.ts';

/** 'start': the carrier sends them text messages again; it gives us no leave to call. */
export type MessageMeaning = 'stop' | 'start' | 'other';

/**
 * How one language says stop. All over text in lower case, without accents, apostrophes and
 * punctuation. What may stand before and behind the words is part of the patterns, and nothing else
 * may: "if", "my children", "so early" or a nickname makes it another sentence.
 */
export type Stops = {
  /** "Stop calling me": over a whole clause. */
  readonly asked: RegExp;
  /** "Do not call me": the same, but it can also be said of others ("my children, … don't call me"). */
  readonly forbidden: RegExp;
  /** Beside `forbidden`: for ever. Without it, it may be meant for now. */
  readonly forEver: RegExp;
  /** Anywhere in the message: that of today or tomorrow is spoken. */
  readonly forNow: RegExp;
  /** Earlier in the sentence: somebody else of whom it may be said. */
  readonly others: RegExp;
  /** Earlier in the sentence: a condition, a fear, a report. */
  readonly doubt: RegExp;
  /** The clause behind it narrows it down: "…, before ten". */
  readonly narrowed: RegExp;
  /** In the clause: it is asked for, so that a question mark does not make it a question. */
  readonly request: RegExp;
  /** Anywhere in the message: the calls are wanted. */
  readonly wanted: RegExp;
};

const STOP_WORDS = new Set(
  `stop stopall stop-all unsubscribe cancel end quit optout opt-out revoke
   parar pare para alto basta baja cancelar cancele cancela detener detenga deten fin terminar`.split(
    /\s+/,
  ),
);
const START_WORDS = new Set(
  'start unstop yes si empezar comenzar inicio iniciar alta'.split(/\s+/),
);
/** May stand beside a word without changing it. */
const MANNERS = /\b(please|thank you|thanks|por favor|gracias|now|ya|ahora)\b/g;

/** A message is at most ten segments; a stop is said in few words. */
const MAX_CHARS = 1_600;

/** @param optOut what the carrier itself took the message for (`OptOutType`), where it says so. */
export function meaningOfMessage(text: string, optOut?: string): MessageMeaning {
  if (optOut === 'STOP') return 'stop';
  if (optOut === 'START') return 'start';
  const folded = fold(text);
  const plain = plainOf(folded);
  const word = plain.replaceAll(MANNERS, ' ').replaceAll(/\s+/g, ' ').trim();
  if (word.split(' ').every((each) => STOP_WORDS.has(each))) return 'stop';
  if (START_WORDS.has(word)) return 'start';
  const tongues = [STOPS_EN, STOPS_ES];
  if (tongues.some(({ wanted }) => wanted.test(plain))) return 'other';
  const isStop = clausesOf(folded).some((clause) =>
    tongues.some((stops) => saysStop(clause, stops, plain)),
  );
  return isStop ? 'stop' : 'other';
}

function saysStop(
  { text, before, after, isQuestion }: Clause,
  stops: Stops,
  plain: string,
): boolean {
  const isRequest = stops.request.test(text);
  if (isQuestion && !isRequest) return false;
  if (stops.doubt.test(before) || stops.narrowed.test(after)) return false;
  if (stops.asked.test(text)) return true;
  if (!stops.forbidden.test(text)) return false;
  if (stops.forEver.test(text)) return isRequest || !stops.others.test(before) || endsIt(text);
  return !stops.forNow.test(plain) && (isRequest || !stops.others.test(before));
}

/** "Again" is said to the one who calls: of others one says "any more". */
function endsIt(text: string): boolean {
  return /\b(again|otra vez|de nuevo|volver|vuelvan?)\b/.test(text);
}

function fold(text: string): string {
  return text
    .slice(0, MAX_CHARS)
    .normalize('NFKD')
    .replaceAll(/[\p{M}'’`´]/gu, '')
    .toLowerCase();
}

function plainOf(folded: string): string {
  return folded
    .replaceAll(/[^\p{L}\p{N}-]+/gu, ' ')
    .replaceAll(/(^|\s)-+|-+(?=\s|$)/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
