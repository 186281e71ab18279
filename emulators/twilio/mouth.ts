import { monotonicMs } from '../clock.ts';
import { BYTES_PER_MS, FRAME_BYTES, FRAME_MS, SILENCE_BYTE, type Speech } from '../speech/types.ts';
import type { SayResult } from './types.ts';

/** Ten minutes of unspoken speech is a script gone wrong. */
const MAX_QUEUED_FRAMES = (10 * 60 * 1000) / FRAME_MS;

export type MouthEvents = {
  speechStarted(text: string, lineMs: number): void;
  speechLastWord(text: string, lineMs: number): void;
  speechEnded(lineMs: number, cut: boolean): void;
};

type Utterance = {
  speech: Speech;
  text: string;
  frames: number;
  /** Index of the frame in which the last word ends (the last frame when there are no words). */
  lastWordFrame: number;
  sent: number;
  lost: number;
  lineMs: number;
  firstFrameAtMs: number;
  lastSpeechFrameAtMs: number;
  settle: (result: SayResult) => void;
};

/** What the person says, cut into 20 ms frames and spoken in order. */
export class Mouth {
  readonly #queue: Utterance[] = [];
  readonly #events: MouthEvents;
  #queuedFrames = 0;

  constructor(events: MouthEvents) {
    this.#events = events;
  }

  get speaking(): boolean {
    return this.#queue.length > 0;
  }

  say(speech: Speech): Promise<SayResult> {
    const frames = Math.ceil(speech.mulaw.length / FRAME_BYTES);
    if (frames === 0) return Promise.reject(new Error('there is no sound in this speech'));
    if (this.#queuedFrames + frames > MAX_QUEUED_FRAMES) {
      return Promise.reject(new Error('more than ten minutes of speech are queued'));
    }
    this.#queuedFrames += frames;
    const lastWordEndMs = speech.words.at(-1)?.endMs;
    const lastWordFrame =
      lastWordEndMs === undefined
        ? frames - 1
        : Math.floor((lastWordEndMs * BYTES_PER_MS - 1) / FRAME_BYTES);
    return new Promise((settle) => {
      this.#queue.push({
        speech,
        text: speech.words.map((word) => word.text).join(' '),
        frames,
        lastWordFrame: Math.min(frames - 1, Math.max(0, lastWordFrame)),
        sent: 0,
        lost: 0,
        lineMs: 0,
        firstFrameAtMs: 0,
        lastSpeechFrameAtMs: 0,
        settle,
      });
    });
  }

  /**
   * The next frame to leave, or `undefined` for silence. `send` puts it on the wire and says
   * whether it left; stamps are taken after it did.
   */
  frame(lineMs: number, send: (frame: Uint8Array) => boolean): Uint8Array | undefined {
    const utterance = this.#queue[0];
    if (!utterance) return undefined;
    const frame = frameOf(utterance.speech.mulaw, utterance.sent);
    if (!send(frame)) utterance.lost += 1;
    if (utterance.sent === 0) {
      utterance.firstFrameAtMs = monotonicMs();
      utterance.lineMs = lineMs;
      this.#events.speechStarted(utterance.text, lineMs);
    }
    if (utterance.sent === utterance.lastWordFrame) {
      utterance.lastSpeechFrameAtMs = monotonicMs();
      this.#events.speechLastWord(utterance.text, lineMs);
    }
    utterance.sent += 1;
    this.#queuedFrames -= 1;
    if (utterance.sent === utterance.frames) {
      this.#queue.shift();
      this.#finish(utterance, lineMs, false);
    }
    return frame;
  }

  /** Stops at once; everything queued is dropped. */
  stop(lineMs: number): void {
    this.#queuedFrames = 0;
    for (const utterance of this.#queue.splice(0)) this.#finish(utterance, lineMs, true);
  }

  #finish(utterance: Utterance, lineMs: number, cut: boolean): void {
    const endedAtMs = monotonicMs();
    if (utterance.sent > 0) this.#events.speechEnded(lineMs, cut);
    utterance.settle({
      firstFrameAtMs: utterance.firstFrameAtMs || endedAtMs,
      lastSpeechFrameAtMs: utterance.lastSpeechFrameAtMs || endedAtMs,
      endedAtMs,
      lineMs: utterance.sent > 0 ? utterance.lineMs : lineMs,
      frames: utterance.sent,
      framesLost: utterance.lost,
      cut,
    });
  }
}

function frameOf(mulaw: Uint8Array, index: number): Uint8Array {
  const frame = mulaw.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES);
  if (frame.length === FRAME_BYTES) return frame;
  const padded = new Uint8Array(FRAME_BYTES).fill(SILENCE_BYTE);
  padded.set(frame);
  return padded;
}
