/**
 * nova-3's streaming results as a pure machine: audio bytes in, messages out, no clock but the
 * audio. A window of words stays interim until a pause of `endpointing` (is_final and speech_final)
 * or five seconds (is_final only); then the next window begins.
 */
import { InbandDecoder, type DecodedWord } from '../speech/inband.ts';
import { BYTES_PER_MS, FRAME_BYTES } from '../speech/types.ts';
import { plainWord } from './flux-machine.ts';
import type { NovaSettings } from './nova-settings.ts';
import type { Decision, DeepgramScript } from './types.ts';

/** Interim results come with every word, but not more often than this… */
const MIN_INTERIM_BYTES = 200 * BYTES_PER_MS;
/** …and without words about once a second. */
const IDLE_INTERIM_BYTES = 1_000 * BYTES_PER_MS;
/** A window that sees no pause is closed after this. */
const MAX_WINDOW_BYTES = 5_000 * BYTES_PER_MS;
/** The next word shows itself within 20 ms; a shorter pause cannot be told from none. */
const MIN_PAUSE_MS = 40;

export type NovaOutput = {
  readonly name: 'Results' | 'SpeechStarted' | 'UtteranceEnd';
  /** The message without `metadata`, which belongs to the connection. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly decision: Decision;
};

const seconds = (bytes: number): number => Math.round(bytes / BYTES_PER_MS) / 1_000;

export class NovaMachine {
  readonly #settings: NovaSettings;
  readonly #script: DeepgramScript;
  readonly #decoder = new InbandDecoder();
  readonly #onWord: (word: DecodedWord) => void;
  #pending: DecodedWord[] = [];
  #lastWord: DecodedWord | undefined;
  #windowStartByte = 0;
  #lastResultByte = 0;
  #pendingShown = 0;
  #speaking = false;
  #utteranceEndDue = false;
  #chunkEndByte = 0;
  #out: NovaOutput[] = [];

  constructor(
    settings: NovaSettings,
    script: DeepgramScript,
    onWord: (word: DecodedWord) => void = () => undefined,
  ) {
    this.#settings = settings;
    this.#script = script;
    this.#onWord = onWord;
  }

  /** Bytes of audio taken so far. */
  get position(): number {
    return this.#decoder.position;
  }

  /** Takes audio and returns the messages it decided, in order. */
  push(chunk: Uint8Array): NovaOutput[] {
    this.#chunkEndByte = this.position + chunk.length;
    for (let at = 0; at < chunk.length;) {
      const step = Math.min(chunk.length - at, FRAME_BYTES - (this.position % FRAME_BYTES));
      for (const word of this.#decoder.push(chunk.subarray(at, at + step))) this.#hear(word);
      this.#checkOnset();
      this.#checkPause();
      this.#checkInterim();
      at += step;
    }
    return this.#taken();
  }

  /** Finalize: what is pending becomes final at once. */
  finalize(): NovaOutput[] {
    this.#result({ isFinal: true, speechFinal: true, fromFinalize: true }, this.position);
    return this.#taken();
  }

  /** CloseStream: the last result. Metadata is the connection's affair. */
  finish(): NovaOutput[] {
    for (const word of this.#decoder.flush()) this.#hear(word);
    this.#result({ isFinal: true, speechFinal: true, fromFinalize: false }, this.position);
    return this.#taken();
  }

  #taken(): NovaOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #hear(word: DecodedWord): void {
    this.#onWord(word);
    if (word.kind === 'noise') return;
    this.#pending.push(word);
    this.#lastWord = word;
    this.#utteranceEndDue = true;
  }

  #checkOnset(): void {
    if (this.#speaking || !this.#settings.vadEvents) return;
    const partial = this.#decoder.partial();
    const soundByte = partial ? partial.startByte + this.#script.onsetMs * BYTES_PER_MS : Infinity;
    const whole = this.#pending[0];
    if (soundByte > this.position && whole === undefined) return;
    this.#speaking = true;
    const startByte = whole?.startByte ?? partial?.startByte ?? this.position;
    this.#emit(
      'SpeechStarted',
      { type: 'SpeechStarted', channel: [0], timestamp: seconds(startByte) },
      Math.min(soundByte, whole?.endByte ?? Infinity),
    );
  }

  #checkPause(): void {
    const last = this.#lastWord;
    if (last === undefined || this.#decoder.partial()?.kind === 'word') return;
    const { endpointingMs, utteranceEndMs } = this.#settings;
    if (endpointingMs !== undefined && this.#pending.length > 0) {
      const crossing = last.endByte + Math.max(MIN_PAUSE_MS, endpointingMs) * BYTES_PER_MS;
      if (this.position >= crossing) {
        this.#result({ isFinal: true, speechFinal: true, fromFinalize: false }, crossing);
      }
    }
    if (utteranceEndMs === undefined || !this.#utteranceEndDue) return;
    const crossing = last.endByte + utteranceEndMs * BYTES_PER_MS;
    if (this.position < crossing) return;
    this.#utteranceEndDue = false;
    this.#speaking = false;
    const fields = { type: 'UtteranceEnd', channel: [0, 1], last_word_end: seconds(last.endByte) };
    this.#emit('UtteranceEnd', fields, crossing);
  }

  #checkInterim(): void {
    if (this.position - this.#windowStartByte >= MAX_WINDOW_BYTES) {
      this.#result({ isFinal: true, speechFinal: false, fromFinalize: false }, this.position);
      return;
    }
    if (!this.#settings.interimResults) return;
    const quietBytes = this.position - this.#lastResultByte;
    const hasNews = this.#pending.length > this.#pendingShown;
    if (quietBytes >= (hasNews ? MIN_INTERIM_BYTES : IDLE_INTERIM_BYTES)) {
      this.#result({ isFinal: false, speechFinal: false, fromFinalize: false }, this.position);
    }
  }

  #result(
    flags: { isFinal: boolean; speechFinal: boolean; fromFinalize: boolean },
    crossingByte: number,
  ): void {
    const { punctuated } = this.#settings;
    const words = this.#pending.map((word) => ({
      word: plainWord(word.text),
      start: seconds(word.startByte),
      end: seconds(word.endByte),
      confidence: word.damaged ? 0.41 : 0.98,
      ...(punctuated ? { punctuated_word: word.text } : {}),
    }));
    const transcript = words.map((word) => word.punctuated_word ?? word.word).join(' ');
    const fields = {
      type: 'Results',
      channel_index: [0, 1],
      start: seconds(this.#windowStartByte),
      duration: seconds(this.position - this.#windowStartByte),
      is_final: flags.isFinal,
      speech_final: flags.speechFinal,
      from_finalize: flags.fromFinalize,
      channel: {
        alternatives: [{ transcript, confidence: words.length > 0 ? 0.97 : 0, words }],
      },
    };
    this.#emit('Results', fields, crossingByte);
    this.#lastResultByte = this.position;
    this.#pendingShown = this.#pending.length;
    if (flags.speechFinal) this.#speaking = false;
    if (!flags.isFinal) return;
    this.#pending = [];
    this.#pendingShown = 0;
    this.#windowStartByte = this.position;
  }

  #emit(name: NovaOutput['name'], fields: NovaOutput['fields'], crossingByte: number): void {
    const last = this.#lastWord;
    this.#out.push({
      name,
      fields,
      decision: {
        decidedByByte: Math.max(this.#chunkEndByte, this.position),
        crossingByte,
        ...(last === undefined
          ? {}
          : {
              lastWordEndByte: last.endByte,
              silenceMs: Math.max(0, crossingByte - last.endByte) / BYTES_PER_MS,
              lastWord: { utterance: last.utterance, index: last.index },
            }),
      },
    });
  }
}
