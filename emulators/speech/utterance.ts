/** Caller speech from a script: spoken pieces, pauses and coughs in one stretch of sound. */
import { embedWords, nextUtteranceId, type EmbeddedWord } from './inband-encode.ts';
import { encodeMulaw } from './mulaw.ts';
import { CALLER_EN, synthesiseSound } from './synth.ts';
import {
  BYTES_PER_MS,
  FRAME_BYTES,
  SAMPLE_RATE,
  SILENCE_BYTE,
  type Finality,
  type Speech,
  type Voice,
} from './types.ts';

export type UtterancePiece =
  /** Words. `finality` is that of the piece's last word. */
  | { readonly say: string; readonly voice?: Voice; readonly finality?: Finality }
  /** Silence (0xff), rounded to 20 ms. */
  | { readonly pauseMs: number }
  /** A sound without words, of `coughMs` (default 300). */
  | { readonly cough: true; readonly coughMs?: number };

/** Speech with what a harness wants to know about it. */
export type Utterance = Speech & {
  /** The in-band utterance id. */
  readonly utterance: number;
  /** The words joined by spaces: what a perfect transcript says. */
  readonly text: string;
  /** Where the last word ends; 0 without words. */
  readonly lastWordEndMs: number;
  readonly durationMs: number;
};

const MAX_PAUSE_MS = 120_000;
const COUGH_MS = 300;

/** Two bursts of filtered noise, always the same ones. */
function coughSound(coughMs: number): Uint8Array {
  const frames = Math.max(1, Math.round((coughMs * BYTES_PER_MS) / FRAME_BYTES));
  const samples = new Int16Array(frames * FRAME_BYTES);
  let seed = 12_345;
  let smooth = 0;
  for (let i = 0; i < samples.length; i += 1) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    smooth += 0.35 * (seed / 0x3fffffff - 1 - smooth);
    const within = (2 * i) / samples.length;
    const burstSeconds = ((within % 1) * samples.length) / 2 / SAMPLE_RATE;
    samples[i] = Math.round(
      smooth * 26_000 * Math.exp(-burstSeconds * 18) * (within < 1 ? 1 : 0.6),
    );
  }
  return encodeMulaw(samples);
}

type Part = { readonly mulaw: Uint8Array; readonly words: readonly EmbeddedWord[] };

async function makePart(piece: UtterancePiece, voice: Voice): Promise<Part> {
  if ('pauseMs' in piece) {
    if (!(piece.pauseMs >= 0 && piece.pauseMs <= MAX_PAUSE_MS)) {
      throw new RangeError(`a pause of ${piece.pauseMs} ms is not between 0 and ${MAX_PAUSE_MS}`);
    }
    const frames = Math.round((piece.pauseMs * BYTES_PER_MS) / FRAME_BYTES);
    return { mulaw: new Uint8Array(frames * FRAME_BYTES).fill(SILENCE_BYTE), words: [] };
  }
  if ('cough' in piece) {
    const mulaw = coughSound(piece.coughMs ?? COUGH_MS);
    const endMs = mulaw.length / BYTES_PER_MS;
    const noise = { kind: 'noise', text: '', startMs: 0, endMs, finality: 'holding' } as const;
    return { mulaw, words: [noise] };
  }
  const sound = await synthesiseSound(piece.say, piece.voice ?? voice);
  return {
    mulaw: sound.mulaw,
    words: sound.words.map((word, i) => ({
      ...word,
      finality: (i === sound.words.length - 1 ? piece.finality : undefined) ?? 'holding',
    })),
  };
}

/** Whether the script says how its last spoken piece ends. */
function saysFinality(pieces: readonly UtterancePiece[]): boolean {
  const lastSpoken = pieces.findLast((piece) => 'say' in piece);
  return lastSpoken?.finality !== undefined;
}

/**
 * Builds one utterance. Its last word is `complete` unless its piece says otherwise; every other
 * word is `holding`, so that a pause in mid-sentence looks unfinished, unless the piece that it
 * ends says otherwise. Spoken pieces follow each other without a gap: put pauses where you want
 * them.
 *
 * @param voice for pieces without one; an older woman's, English, when left out.
 */
export async function buildUtterance(
  pieces: readonly UtterancePiece[],
  voice: Voice = CALLER_EN,
): Promise<Utterance> {
  const parts = await Promise.all(pieces.map(async (piece) => await makePart(piece, voice)));
  const words: EmbeddedWord[] = [];
  let offsetMs = 0;
  for (const part of parts) {
    for (const word of part.words) {
      words.push({ ...word, startMs: word.startMs + offsetMs, endMs: word.endMs + offsetMs });
    }
    offsetMs += part.mulaw.length / BYTES_PER_MS;
  }
  const lastWord = words.findLastIndex((word) => word.kind !== 'noise');
  const last = words[lastWord];
  if (last && !saysFinality(pieces)) words[lastWord] = { ...last, finality: 'complete' };

  const plain = new Uint8Array(offsetMs * BYTES_PER_MS);
  let at = 0;
  for (const part of parts) {
    plain.set(part.mulaw, at);
    at += part.mulaw.length;
  }
  const utterance = nextUtteranceId();
  const mulaw = embedWords(plain, words, utterance);
  const spoken = words.filter((word) => word.kind !== 'noise');
  return {
    mulaw,
    words: spoken.map(({ text, startMs, endMs }) => ({ text, startMs, endMs })),
    utterance,
    text: spoken.map((word) => word.text).join(' '),
    lastWordEndMs: last?.endMs ?? 0,
    durationMs: mulaw.length / BYTES_PER_MS,
  };
}
