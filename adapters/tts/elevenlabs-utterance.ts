import type { VendorFailure } from '../../src/errors.ts';
import { Watchdog } from '../watchdog.ts';
import { ChunkOrder } from './chunk-order.ts';
import type { ElevenLabsMessage } from './elevenlabs-messages.ts';
import type { TtsEvent } from './port.ts';
import { Pace } from './pace.ts';
import { markLength, spokenLength, WordTimings } from './word-timings.ts';

/** More text than one utterance can sensibly hold; what comes beyond it is refused. */
const MAX_TEXT_LENGTH = 20_000;
/** How long a chunk may wait to see whether it came too early. */
const ORDER_WAIT_MS = 300;
/** Nobody speaks a letter in less. */
const LEAST_LETTER_MS = 30;

type Chunk = Extract<ElevenLabsMessage, { kind: 'audio' }>;

export type UtteranceLimits = {
  readonly firstByteTimeoutMs: number;
  readonly stallTimeoutMs: number;
};

/** What an utterance says of itself to its session. */
export type UtteranceHooks = {
  readonly send: (message: Record<string, unknown>) => void;
  readonly report: (event: TtsEvent) => void;
  /** It will get no more audio; the session forgets it and closes its context. */
  readonly failed: (failure: VendorFailure) => void;
};

/**
 * One utterance in one context of the socket: what was asked for, what is owed, and the deadline
 * for it. Text said before the context may be opened waits here.
 */
export class Utterance {
  readonly id: number;
  readonly contextId: string;
  readonly #limits: UtteranceLimits;
  readonly #hooks: UtteranceHooks;
  readonly #words = new WordTimings();
  readonly #order = new ChunkOrder<Chunk>(({ timings }) => timings?.chars.join('') ?? '');
  readonly #orderWait: Watchdog;
  readonly #watchdog: Watchdog;
  #waiting: string[] = [];
  #opened = false;
  #finished = false;
  #textLength = 0;
  #dueLength = 0;
  #dueMarks = 0;
  #timed = false;
  #untimedBytes = 0;
  #stopped = false;
  readonly #pace = new Pace();

  constructor(id: number, contextId: string, limits: UtteranceLimits, hooks: UtteranceHooks) {
    this.id = id;
    this.contextId = contextId;
    this.#limits = limits;
    this.#hooks = hooks;
    this.#orderWait = new Watchdog(() => this.#pass(this.#order.giveUp()));
    this.#watchdog = new Watchdog(() =>
      hooks.failed(this.#words.audioBytes === 0 ? 'no-first-byte' : 'stalled'),
    );
  }

  get opened(): boolean {
    return this.#opened;
  }

  get isFinished(): boolean {
    return this.#finished;
  }

  /** Opens the context and sends what has waited for it. */
  open(voiceSettings: Record<string, unknown>): void {
    this.#opened = true;
    this.#hooks.send({ text: ' ', context_id: this.contextId, voice_settings: voiceSettings });
    for (const text of this.#waiting.splice(0)) this.#sendText(text);
    if (this.#finished) this.#sendClose();
  }

  say(text: string): void {
    if (this.#finished) return;
    this.#textLength += text.length;
    if (this.#textLength > MAX_TEXT_LENGTH) return this.#hooks.failed('bad-request');
    const length = spokenLength(text);
    // Punctuation alone makes no sound that could be waited for.
    if (!this.#owes && length > 0) {
      this.#watchdog.arm(this.#limits.firstByteTimeoutMs);
      this.#pace.restart();
    }
    this.#order.asked(padded(text));
    this.#dueLength += length;
    this.#dueMarks += markLength(text);
    if (this.#opened) this.#sendText(text);
    else this.#waiting.push(text);
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    // The closing of the context is now owed, if no audio is.
    if (!this.#watchdog.armed) this.#watchdog.arm(this.#limits.firstByteTimeoutMs);
    if (this.#opened) this.#sendClose();
  }

  keepAlive(): void {
    if (this.#opened && !this.#finished) this.#hooks.send({ text: '', context_id: this.contextId });
  }

  takeAudio(message: Chunk): void {
    const next = this.#order.add(message);
    if (next === 'broken') return this.#hooks.failed('garbage');
    if (!this.#order.isHolding) this.#orderWait.disarm();
    else if (!this.#orderWait.armed) this.#orderWait.arm(ORDER_WAIT_MS);
    this.#pass(next);
  }

  #pass(chunks: readonly Chunk[]): void {
    for (const chunk of chunks) if (!this.#stopped) this.#takeNext(chunk);
  }

  #takeNext(message: Chunk): void {
    if (message.timings !== undefined) this.#timed = true;
    else this.#untimedBytes += message.bytes;
    const words = this.#words.add(message.bytes, message.timings);
    if (this.#words.audioBytes > maxAudioBytes(this.#textLength)) {
      return this.#hooks.failed('garbage');
    }
    if (this.#pace.behindMs(message.bytes) > this.#limits.stallTimeoutMs) {
      return this.#hooks.failed('stalled');
    }
    if (this.#words.timedMarks >= this.#dueMarks) words.push(...this.#words.rest());
    if (this.#owes || this.#finished) this.#watchdog.arm(this.#limits.stallTimeoutMs);
    else this.#watchdog.disarm();
    this.#hooks.report({
      kind: 'audio',
      utterance: this.id,
      base64: message.base64,
      bytes: message.bytes,
      words,
    });
  }

  /** The context is closed: `done`, unless it closed on its own or with nothing spoken. */
  takeFinal(): void {
    this.#pass(this.#order.giveUp());
    if (this.#stopped) return;
    this.stop();
    if (!this.#finished) return this.#hooks.failed('cut');
    if (this.#words.audioBytes === 0 && this.#dueLength > 0) return this.#hooks.failed('empty');
    if (this.#isShort) return this.#hooks.failed('cut');
    // Timings that did not cover the text leave their last word here.
    const words = this.#words.rest();
    if (words.length > 0) {
      this.#hooks.report({ kind: 'audio', utterance: this.id, base64: '', bytes: 0, words });
    }
    this.#hooks.report({ kind: 'done', utterance: this.id });
  }

  stop(): void {
    this.#stopped = true;
    this.#watchdog.disarm();
    this.#orderWait.disarm();
    this.#waiting = [];
  }

  /**
   * Whether text was sent whose audio has not come. Timings tell; where there are none, only the
   * closing of the context does. Chunks of mere silence have none even where others have.
   */
  get #owes(): boolean {
    const unknown = this.#words.audioBytes > 0 && !this.#timed;
    return !unknown && this.#words.timedLength < this.#dueLength;
  }

  /** Letters are owed that cannot have been spoken in the sound that came without timings. */
  get #isShort(): boolean {
    const owed = this.#dueLength - this.#words.timedLength;
    return this.#timed && owed * LEAST_LETTER_MS > this.#untimedBytes / 8;
  }

  #sendText(text: string): void {
    this.#hooks.send({ text: padded(text), context_id: this.contextId, flush: true });
  }

  #sendClose(): void {
    this.#hooks.send({ context_id: this.contextId, flush: true });
    this.#hooks.send({ context_id: this.contextId, close_context: true });
  }
}

/**
 * More sound than any voice makes of so many characters: ten seconds and 0.4 s for each; slow speech
 * takes about 0.1 s.
 */
export function maxAudioBytes(textLength: number): number {
  return (10_000 + 400 * textLength) * 8;
}

/** The vendor asks for a space at the end of every text, even the last. */
function padded(text: string): string {
  return /\s$/.test(text) ? text : `${text} `;
}
