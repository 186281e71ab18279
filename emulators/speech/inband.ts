/**
 * The in-band codec: words carried in the lowest bit of their own sound.
 *
 * While a word sounds, each 20 ms of it carries one frame (inband-frame.ts) with a piece of the
 * word's text. A listener that has only the bytes can therefore say which words arrived whole,
 * which were cut or damaged, and which came twice. Frames lie on the 20 ms grid of their
 * utterance, so one lost telephone frame costs exactly one carrier frame when the two are aligned
 * and at most two when they are not.
 *
 * What an auditor may conclude from a `DecodedWord`:
 * - `damaged: false`: every frame went by once and in order: the word was **heard in full**.
 * - `damaged: true, cut: true`: the word began at its beginning and stopped: it was **begun**, as
 *   happens when playback is cleared in mid-word. Its text ends in '~'.
 * - `damaged: true, cut: false`: something in it was lost, repeated or out of order; '~' stands
 *   where pieces are missing.
 * - a word played twice is reported twice with the same `utterance` and `index`.
 */
import { CARRIER_BITS, MAGIC, unpackFrame, type CarrierFrame } from './inband-frame.ts';
import { FRAME_BYTES, type HeardWord } from './types.ts';

export { embedWords, fitWords, nextUtteranceId, type EmbeddedWord } from './inband-encode.ts';

/** A word, or a noise, that has gone by. */
export type DecodedWord = HeardWord & {
  /** 'noise' has no text. */
  readonly kind: 'word' | 'noise';
  /** True when it began whole and its tail never came. */
  readonly cut: boolean;
  /** Different frames of it that arrived, and how many it has. */
  readonly framesHeard: number;
  readonly frameCount: number;
  /** Foreign bytes inside its span: silence put in by an underrun, or wreckage of lost frames. */
  readonly insertedBytes: number;
  /** True on the last word of its utterance. */
  readonly lastOfUtterance: boolean;
};

/** A word that has begun and is not over. Positions are bytes since the decoder began. */
export type PartialWord = {
  readonly kind: 'word' | 'noise';
  readonly utterance: number;
  readonly index: number;
  readonly startByte: number;
  /** End of the last frame seen; exclusive. */
  readonly lastFrameEndByte: number;
  readonly framesHeard: number;
  readonly frameCount: number;
  /** What was received of its text, '~' where pieces are missing. */
  readonly text: string;
};

/** A word whose next frame is this late is taken for cut: 200 ms. */
const STALE_BYTES = 1_600;

/** Frames taken for one word before it is given up as wreckage, as a multiple of its length. */
const MAX_REPEATS = 4;

type OpenWord = {
  head: CarrierFrame;
  startByte: number;
  lastEndByte: number;
  lastIndex: number;
  /** The text in order of arrival, '~' at every jump. */
  text: string;
  seen: Uint8Array;
  framesHeard: number;
  framesSeen: number;
  inOrder: boolean;
};

function openWord(frame: CarrierFrame, endByte: number): OpenWord {
  const word: OpenWord = {
    head: frame,
    startByte: endByte - FRAME_BYTES,
    lastEndByte: endByte,
    lastIndex: -1,
    text: '',
    seen: new Uint8Array(frame.count),
    framesHeard: 0,
    framesSeen: 0,
    inOrder: true,
  };
  addFrame(word, frame, endByte);
  return word;
}

function addFrame(word: OpenWord, frame: CarrierFrame, endByte: number): void {
  if (frame.index !== word.lastIndex + 1) {
    word.inOrder = false;
    word.text += '~';
  }
  word.text += frame.text;
  if (word.seen[frame.index] === 0) word.framesHeard += 1;
  word.seen[frame.index] = 1;
  word.framesSeen += 1;
  word.lastIndex = frame.index;
  word.lastEndByte = endByte;
}

function textOf(word: OpenWord): string {
  if (word.head.noise) return '';
  return word.lastIndex === word.head.count - 1 ? word.text : `${word.text}~`;
}

function finish(word: OpenWord): DecodedWord {
  const { head } = word;
  const whole = word.inOrder && word.framesHeard === head.count;
  return {
    kind: head.noise ? 'noise' : 'word',
    text: textOf(word),
    startByte: word.startByte,
    endByte: word.lastEndByte,
    finality: head.finality,
    damaged: !whole,
    cut: !whole && word.inOrder,
    utterance: head.utterance,
    index: head.word,
    framesHeard: word.framesHeard,
    frameCount: head.count,
    insertedBytes: word.lastEndByte - word.startByte - word.framesSeen * FRAME_BYTES,
    lastOfUtterance: head.lastOfUtterance,
  };
}

/**
 * Reads words out of a μ-law stream, in any chunking, hunting for frames at every byte. Costs a
 * few tens of microseconds a second of audio.
 */
export class InbandDecoder {
  readonly #bits = new Uint8Array(CARRIER_BITS);
  readonly #packed = new Uint8Array(CARRIER_BITS / 8);
  /** Sixteen bits at the front of the window of the last 160. */
  #front = 0;
  /** Consecutive ones up to here: silence is all ones. */
  #ones = 0;
  #position = 0;
  #open: OpenWord | undefined;

  /** Bytes received so far. */
  get position(): number {
    return this.#position;
  }

  /**
   * Takes the next bytes of the stream and returns the words that ended in them. A whole word is
   * returned with the byte that completes it; a cut one when something else follows, 200 ms after
   * its last frame, or at `flush`.
   */
  push(bytes: Uint8Array): DecodedWord[] {
    const heard: DecodedWord[] = [];
    const bits = this.#bits;
    let front = this.#front;
    let position = this.#position;
    let slot = position % CARRIER_BITS;
    // The bit that enters the front register now came 144 bytes ago.
    let entering = (position + 16) % CARRIER_BITS;
    let staleAt = this.#staleAt();
    let ones = this.#ones;
    for (let i = 0; i < bytes.length; i += 1) {
      const bit = (bytes[i] ?? 0) & 1;
      ones = bit === 0 ? 0 : ones + 1;
      if (ones > CARRIER_BITS && staleAt === Infinity) {
        // The window holds nothing but ones: further ones change only the position.
        const from = i;
        while (i < bytes.length && ((bytes[i] ?? 0) & 1) === 1) i += 1;
        position += i - from;
        slot = position % CARRIER_BITS;
        entering = (position + 16) % CARRIER_BITS;
        i -= 1;
        continue;
      }
      bits[slot] = bit;
      front = ((front << 1) | (bits[entering] ?? 0)) & 0xffff;
      position += 1;
      slot = slot === CARRIER_BITS - 1 ? 0 : slot + 1;
      entering = entering === CARRIER_BITS - 1 ? 0 : entering + 1;
      if (front === MAGIC && position >= CARRIER_BITS) {
        this.#readFrame(slot, position, heard);
        staleAt = this.#staleAt();
      }
      if (position >= staleAt) {
        heard.push(...this.flush());
        staleAt = Infinity;
      }
    }
    this.#front = front;
    this.#ones = ones;
    this.#position = position;
    return heard;
  }

  /** The word that has begun and is not over, if any. */
  partial(): PartialWord | undefined {
    const open = this.#open;
    if (open === undefined) return undefined;
    return {
      kind: open.head.noise ? 'noise' : 'word',
      utterance: open.head.utterance,
      index: open.head.word,
      startByte: open.startByte,
      lastFrameEndByte: open.lastEndByte,
      framesHeard: open.framesHeard,
      frameCount: open.head.count,
      text: textOf(open),
    };
  }

  /** Ends the stream: the word under way, if any, as the damaged word it is. */
  flush(): DecodedWord[] {
    const open = this.#open;
    this.#open = undefined;
    return open === undefined ? [] : [finish(open)];
  }

  #staleAt(): number {
    return this.#open === undefined ? Infinity : this.#open.lastEndByte + STALE_BYTES;
  }

  #readFrame(slot: number, endByte: number, heard: DecodedWord[]): void {
    const packed = this.#packed;
    packed.fill(0);
    for (let bit = 0, at = slot; bit < CARRIER_BITS; bit += 1) {
      packed[bit >> 3] = (packed[bit >> 3] ?? 0) | ((this.#bits[at] ?? 0) << (7 - (bit & 7)));
      at = at === CARRIER_BITS - 1 ? 0 : at + 1;
    }
    const frame = unpackFrame(packed);
    if (frame) this.#take(frame, endByte, heard);
  }

  #take(frame: CarrierFrame, endByte: number, heard: DecodedWord[]): void {
    let open = this.#open;
    const sameWord =
      open !== undefined &&
      open.head.utterance === frame.utterance &&
      open.head.word === frame.word &&
      open.head.count === frame.count &&
      // Its first frame again is the word played again.
      frame.index !== 0;
    if (open !== undefined && sameWord) {
      addFrame(open, frame, endByte);
    } else {
      if (open !== undefined) heard.push(finish(open));
      open = openWord(frame, endByte);
      this.#open = open;
    }
    if (frame.index === frame.count - 1 || open.framesSeen >= MAX_REPEATS * frame.count) {
      heard.push(finish(open));
      this.#open = undefined;
    }
  }
}
