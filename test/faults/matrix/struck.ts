/**
 * Judges whether a cell was played at all: the fault came at the moment the cell is named after, and
 * was committed where the call could meet it. Pure, over the emulators' logs, the wires and the
 * caller's earpiece. A cell of which this is not known says nothing, however well its call went.
 */
import { cellName, mayBeSpared, notAsked, type Cell, type Moment } from './cells.ts';
import type { CallEvidence, Phrase, Span } from './evidence.ts';
import { phrasesHeard } from './heard.ts';

/**
 * What a cell's call met of its fault. `itself`: on a connection or request of its own. `together`:
 * it was committed while the call lived, and whose connection it was cannot be told. `spared`: only
 * other calls on the same server met it, and their breaker kept this one from it.
 */
export type Met = 'itself' | 'together' | 'spared' | 'not-asked';

/** One thing that an emulator, a wire or the names did because of the fault. */
export type Act = {
  /** Monotonic. */
  readonly atMs: number;
  /** Whose call it was, where that can be told: the model's request as it came, or a CallSid. */
  readonly about?: string;
};

export type StrikeEvidence = {
  readonly acts: readonly Act[];
  /** From the fault, or from the call's beginning if that came later, to the call's end; monotonic. */
  readonly fromMs: number;
  readonly toMs: number;
  /** What tells this call from others: the caller's name, as a model is told it, and the CallSid. */
  readonly signs: readonly string[];
  /** Calls that share the server, and its breakers, with this one; itself among them. */
  readonly callsOfServer: number;
  /** Requests of this call to the model in question that were not answered whole at the strike. */
  readonly openRequests: number | undefined;
  /** Whether the wire did anything to answers that were on their way at the strike. */
  readonly wireFelt: boolean;
};

/** None: the fault came when the cell says. */
export function momentFindings(
  moment: Moment,
  evidence: CallEvidence,
  vocabulary: readonly Phrase[],
): string[] {
  const { faultMs, arrivedMs } = evidence;
  if (moment === 'before') {
    return faultMs <= 0 ? [] : [`the fault came ${Math.round(faultMs)} ms into the call`];
  }
  if (arrivedMs === undefined) return ['the call never came to its moment'];
  if (arrivedMs > faultMs) {
    return [`the call came to its moment ${Math.round(arrivedMs - faultMs)} ms after the fault`];
  }
  const spoke = evidence.speaking.find((span) => isIn(span, faultMs));
  if (moment !== 'mid-sentence' && spoke === undefined) {
    return ['the caller was not speaking when the fault came'];
  }
  if (moment === 'first-turn') return [];
  const atMs = moment === 'barge-in' ? (spoke?.fromMs ?? faultMs) : faultMs;
  return isUnderWay(evidence, vocabulary, atMs) ? [] : [`nothing was being said ${AT[moment]}`];
}

const AT = {
  'mid-sentence': 'when the fault came',
  'barge-in': 'when the caller began to speak',
} as const;

function isIn({ fromMs, toMs }: Span, atMs: number): boolean {
  return fromMs <= atMs && atMs <= toMs;
}

/** Whether the reply had begun to sound and was not over. */
function isUnderWay(evidence: CallEvidence, vocabulary: readonly Phrase[], atMs: number): boolean {
  const { phrases } = phrasesHeard(evidence.words, vocabulary);
  const parts = phrases.filter(({ phrase }) => phrase.text === evidence.underWay);
  const begun = parts.some(({ startMs }) => startMs <= atMs);
  return begun && !parts.some(({ complete, endMs }) => complete && endMs <= atMs);
}

/** What the call met of the fault; a string says why it met nothing, which is a finding. */
export function met(cell: Cell, strike: StrikeEvidence): Met | { readonly finding: string } {
  const { acts, fromMs, toMs, signs, callsOfServer, openRequests, wireFelt } = strike;
  if (openRequests !== undefined && openRequests > 0 && wireFelt) return 'itself';
  if (openRequests !== undefined) {
    return { finding: `no request to ${cell.vendor} was under way when the fault came` };
  }
  const inTime = acts.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  const isOwn = ({ about }: Act): boolean => signs.some((sign) => about?.includes(sign));
  if (inTime.some(isOwn)) return 'itself';
  if (inTime.some(({ about }) => about === undefined)) {
    return callsOfServer === 1 ? 'itself' : 'together';
  }
  if (notAsked(cell) !== undefined) return 'not-asked';
  const others = acts.some(({ atMs }) => atMs <= toMs);
  if (others && callsOfServer > 1 && mayBeSpared(cell)) return 'spared';
  return { finding: `the fault was never committed in ${cellName(cell)}` };
}
