/** The writing half of the in-band codec: where words go, and their bits in the sound. */
import {
  MAX_FRAMES_PER_WORD,
  packFrame,
  TEXT_BYTES_PER_FRAME,
  utf8Bytes,
  writeFrame,
} from './inband-frame.ts';
import { FRAME_BYTES, FRAME_MS, SILENCE_BYTE, type Finality } from './types.ts';

/** A word (or a noise: a cough, a door) to be embedded. Times are within the same sound. */
export type EmbeddedWord = {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly finality: Finality;
  /** 'noise' is sound without a word; its text is ignored and reported as ''. */
  readonly kind?: 'word' | 'noise';
};

type Span = { startFrame: number; frames: number; needed: number };

/**
 * The text cut at code points into exactly `frames` pieces of at most nine bytes each, spread
 * evenly, so that a lost frame usually takes a piece of the word with it.
 */
function cutText(text: string, frames: number): string[] | undefined {
  const points = [...text];
  const even = Array.from({ length: frames }, (_, i) =>
    points
      .slice(
        Math.floor((i * points.length) / frames),
        Math.floor(((i + 1) * points.length) / frames),
      )
      .join(''),
  );
  if (even.every((piece) => utf8Bytes(piece) <= TEXT_BYTES_PER_FRAME)) return even;
  const greedy: string[] = [''];
  for (const point of points) {
    const joined = (greedy.at(-1) ?? '') + point;
    if (utf8Bytes(joined) <= TEXT_BYTES_PER_FRAME) greedy[greedy.length - 1] = joined;
    else greedy.push(point);
  }
  if (greedy.length > frames) return undefined;
  while (greedy.length < frames) greedy.push('');
  return greedy;
}

function framesNeeded(text: string): number {
  let frames = Math.max(1, Math.ceil(utf8Bytes(text) / TEXT_BYTES_PER_FRAME));
  while (frames <= MAX_FRAMES_PER_WORD && cutText(text, frames) === undefined) frames += 1;
  if (frames > MAX_FRAMES_PER_WORD) {
    throw new RangeError(`a word of ${text.length} characters does not fit in-band`);
  }
  return frames;
}

function layOut(words: readonly EmbeddedWord[], totalFrames: number): Span[] {
  const spans: Span[] = [];
  let free = 0;
  for (const word of words) {
    const needed = word.kind === 'noise' ? 1 : framesNeeded(word.text);
    const startFrame = Math.max(free, Math.round(word.startMs / FRAME_MS));
    const wanted = Math.round(word.endMs / FRAME_MS) - startFrame;
    const frames = Math.min(MAX_FRAMES_PER_WORD, Math.max(needed, wanted));
    spans.push({ startFrame, frames, needed });
    free = startFrame + frames;
  }
  // What runs past the end is first squeezed, then pushed forward into earlier gaps.
  let limit = totalFrames;
  for (const span of spans.toReversed()) {
    if (span.startFrame + span.frames > limit) {
      span.frames = Math.max(span.needed, Math.min(span.frames, limit - span.startFrame));
      span.startFrame = limit - span.frames;
    }
    limit = span.startFrame;
  }
  // A sound too short for its words keeps them all and grows.
  const shiftFrames = Math.max(0, -(spans[0]?.startFrame ?? 0));
  for (const span of spans) span.startFrame += shiftFrames;
  return spans;
}

/**
 * Moves word spans to the 20 ms grid on which they can be embedded: a word gets at least the
 * frames its text needs (one per nine bytes), at the cost of the gap after it, else of its
 * neighbours. Words must be in order of time.
 *
 * @param soundMs length of the sound; when it cannot hold all words the spans run past it.
 */
export function fitWords<W extends EmbeddedWord>(words: readonly W[], soundMs: number): W[] {
  const spans = layOut(words, Math.floor(soundMs / FRAME_MS));
  return words.map((word, i) => {
    const span = spans[i] ?? { startFrame: 0, frames: 0 };
    return {
      ...word,
      startMs: span.startFrame * FRAME_MS,
      endMs: (span.startFrame + span.frames) * FRAME_MS,
    };
  });
}

/**
 * A copy of the sound with the words in its lowest bits, on the grid that `fitWords` gives. The
 * copy is longer than the sound (by silence) only where the sound could not hold its words.
 * Embedding again replaces what was there for the same spans; bits outside word spans are kept,
 * except that magic left over from words embedded earlier is not searched for.
 *
 * @param mulaw sound, 8 bytes a millisecond.
 * @param words in order of time, at most 65,536.
 * @param utterance id, 0–65,535; a listener tells repetitions apart by it.
 */
export function embedWords(
  mulaw: Uint8Array,
  words: readonly EmbeddedWord[],
  utterance: number,
): Uint8Array {
  const spans = layOut(words, Math.floor(mulaw.length / FRAME_BYTES));
  const last = spans.at(-1);
  const wordsEndByte = last === undefined ? 0 : (last.startFrame + last.frames) * FRAME_BYTES;
  const out = new Uint8Array(Math.max(mulaw.length, wordsEndByte)).fill(SILENCE_BYTE);
  out.set(mulaw);
  words.forEach((word, wordIndex) => {
    const span = spans[wordIndex];
    if (span === undefined) return;
    const noise = word.kind === 'noise';
    const pieces = (noise ? undefined : cutText(word.text, span.frames)) ?? [];
    for (let index = 0; index < span.frames; index += 1) {
      const packed = packFrame({
        utterance: utterance & 0xffff,
        index,
        count: span.frames,
        word: wordIndex & 0xffff,
        finality: word.finality,
        lastOfUtterance: wordIndex === words.length - 1,
        noise,
        text: pieces[index] ?? '',
      });
      writeFrame(out, (span.startFrame + index) * FRAME_BYTES, packed);
    }
  });
  return out;
}

let lastUtterance = 0;

/** The next utterance id of this process: 1–65,535, then round again. */
export function nextUtteranceId(): number {
  lastUtterance = (lastUtterance % 65_535) + 1;
  return lastUtterance;
}
