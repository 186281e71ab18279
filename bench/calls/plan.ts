/**
 * What the callers say, and when: the same for every run of the same size. Every turn ends in a word
 * that no other turn has, so that what each process saw of it can be put together afterwards.
 */

/**
 * - `plain`: the listener gets no warning of the end, so nothing can be drafted.
 * - `eager`: it does, and the caller is silent after it.
 * - `resumed`: it does, and the caller goes on: the draft is wasted.
 * - `barge-early`, `barge-late`: said over the reply before, 250 ms or 2 s into it; then like `plain`.
 */
export type TurnKind = 'plain' | 'eager' | 'resumed' | 'barge-early' | 'barge-late';

const CYCLE: readonly TurnKind[] = [
  'plain',
  'eager',
  'plain',
  'eager',
  'barge-early',
  'plain',
  'eager',
  'plain',
  'resumed',
  'barge-late',
];

/** Every fifth turn is said over the reply; calls begin at different places of the cycle. */
export function turnKind(call: number, turn: number): TurnKind {
  // The first turn warms up, and there is nothing yet that could be spoken over.
  if (turn === 0) return 'plain';
  return CYCLE[(call * 3 + turn) % CYCLE.length] ?? 'plain';
}

/** Into the reply before the caller speaks over it, milliseconds. */
export const BARGE_AFTER_MS = { 'barge-early': 250, 'barge-late': 2_000 } as const;

/** At most nine bytes with its full stop: one frame of in-band text. */
export function tokenOf(call: number, turn: number): string {
  return `c${call}t${turn}`;
}

/** The name of a turn, as it stands in texts. */
export type Token = { readonly token: string; readonly call: number; readonly turn: number };

/** The last token in a text: an unanswered turn and its successor may come as one. */
export function lastToken(text: string): Token | undefined {
  const found = [...text.matchAll(/\bc(\d{1,5})t(\d{1,5})\b/g)].at(-1);
  if (!found) return undefined;
  return { token: found[0], call: Number(found[1]), turn: Number(found[2]) };
}

/** Sentences of a second or two; the token takes the place of the last word. */
export const SENTENCES: readonly string[] = [
  'I sat for a while with the roses.',
  'My tea is getting cold again today.',
  'There was such nice music on the radio.',
  'The neighbours have a new little dog.',
];
/** What a turn that resumes says before its pause. */
export const FIRST_HALF = 'I was out walking yesterday.';
/** What stops the companion; its first word is enough. */
export const INTERRUPTION = 'Wait, there is something about tomatoes.';
/** How the words that stop it begin in a transcript. */
export const STOPS = /^wait\b/i;

/**
 * The emulated model's answers, about four seconds of speech each. They begin with a small phrase of
 * its own, as the companion's prompt asks for; it stands with the second or third token.
 */
const REPLIES: readonly ((token: string) => string)[] = [
  (token) => `Oh, that does sound lovely. Tell me about ${token} then.`,
  (token) => `I see. Well ${token} sounds lovely to me, go on.`,
  (token) => `How nice, I would like to hear of ${token} again.`,
  (token) => `That's lovely, ${token} is something I never knew about.`,
];

export function replyTo({ token, call, turn }: Token): string {
  return (REPLIES[(call + turn) % REPLIES.length] ?? REPLIES[0])?.(token) ?? token;
}

/** The waits that the emulated vendors are told to have. */
export const SCRIPT = {
  firstTokenMs: 100,
  tokensPerSecond: 50,
  voiceFirstByteMs: 60,
  voiceRealTimeFactor: 20,
} as const;

/** Calls come in at this many a second. */
export const CALLS_PER_SECOND = 20;
