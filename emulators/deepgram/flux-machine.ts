/**
 * Flux's turn-taking as a pure machine: audio bytes in, turn events out, no clock but the audio.
 *
 * A word is transcribed with its last byte. The audio is walked in steps of 20 ms at most, so the
 * events do not depend on how it was cut into chunks; they leave with the chunk that decided them.
 *
 * Onset (StartOfTurn, and TurnResumed in an eager end) needs `onsetMs` of a word, or a whole one:
 * real Flux needs some speech too. A noise opens a turn in the same way, with an empty transcript;
 * inside a turn noises change nothing.
 */
import { InbandDecoder, type DecodedWord } from '../speech/inband.ts';
import { BYTES_PER_MS, FRAME_BYTES } from '../speech/types.ts';
import { confidenceAt, silenceUntil } from './confidence.ts';
import type { FluxSettings } from './flux-settings.ts';
import type { Decision, DeepgramScript, FluxEventName } from './types.ts';

/** Updates come about each quarter of a second of audio. */
const UPDATE_BYTES = 250 * BYTES_PER_MS;
/** A turn of more words than this is a runaway; the oldest are let go. */
const MAX_TURN_WORDS = 5_000;

export type FluxWord = {
  readonly word: string;
  readonly confidence: number;
  readonly start: number;
  readonly end: number;
};

/** A TurnInfo without what belongs to the connection (type, request id, sequence id). */
export type FluxOutput = {
  readonly event: FluxEventName;
  readonly fields: {
    readonly event: FluxEventName;
    readonly turn_index: number;
    readonly audio_window_start: number;
    readonly audio_window_end: number;
    readonly transcript: string;
    readonly words: readonly FluxWord[];
    readonly end_of_turn_confidence: number;
    readonly trigger?: 'model' | 'manual' | 'timeout';
    readonly languages?: readonly string[];
    readonly languages_hinted?: readonly string[];
  };
  readonly decision: Decision;
};

type Phase = 'initial' | 'ongoing' | 'eager';
type Wanted = {
  readonly event: FluxEventName;
  readonly crossingByte: number;
  readonly trigger?: 'model' | 'manual' | 'timeout';
  readonly plain?: boolean;
};

const seconds = (bytes: number): number => Math.round(bytes / BYTES_PER_MS) / 1_000;
const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;

function rendered(word: DecodedWord, text: string): FluxWord {
  return {
    word: text,
    confidence: word.damaged ? 0.41 : 0.98,
    start: seconds(word.startByte),
    end: seconds(word.endByte),
  };
}

/** The same word in lower case and without punctuation. */
export function plainWord(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}'’~ -]/gu, '');
}

function looksSpanish(text: string): boolean {
  return (
    /[áéíóúñ¿¡]/iu.test(text) || /\b(el|la|los|que|muy|gracias|hola|estoy|por|sí)\b/iu.test(text)
  );
}

export class FluxMachine {
  #settings: FluxSettings;
  readonly #script: DeepgramScript;
  readonly #decoder = new InbandDecoder();
  readonly #onWord: (word: DecodedWord) => void;
  #phase: Phase = 'initial';
  #turnIndex = 0;
  #windowStartByte = 0;
  #words: DecodedWord[] = [];
  /** The same words as they are sent; made once, because every Update holds them all. */
  #rendered: FluxWord[] = [];
  #lastNoiseEndByte: number | undefined;
  #lastEventByte = 0;
  /** End of the chunk being taken. */
  #chunkEndByte = 0;
  #out: FluxOutput[] = [];

  /** @param onWord told of every word and noise as it is decoded. */
  constructor(
    settings: FluxSettings,
    script: DeepgramScript,
    onWord: (word: DecodedWord) => void = () => undefined,
  ) {
    this.#settings = settings;
    this.#script = script;
    this.#onWord = onWord;
  }

  get settings(): FluxSettings {
    return this.#settings;
  }

  /** Bytes of audio taken so far. */
  get position(): number {
    return this.#decoder.position;
  }

  configure(settings: FluxSettings): void {
    this.#settings = settings;
  }

  /** Takes audio and returns the events it decided, in order. */
  push(chunk: Uint8Array): FluxOutput[] {
    this.#chunkEndByte = this.position + chunk.length;
    for (let at = 0; at < chunk.length;) {
      const step = Math.min(chunk.length - at, FRAME_BYTES - (this.position % FRAME_BYTES));
      this.#step(this.#decoder.push(chunk.subarray(at, at + step)));
      at += step;
    }
    return this.#taken();
  }

  /** ForceEndTurn: the turn, if one is open, ends here and now. */
  forceEndTurn(): FluxOutput[] {
    if (this.#phase !== 'initial') {
      this.#emit({ event: 'EndOfTurn', crossingByte: this.position, trigger: 'manual' });
    }
    return this.#taken();
  }

  /** CloseStream: what is left comes as an Update; there is no EndOfTurn. */
  finish(): FluxOutput[] {
    for (const word of this.#decoder.flush()) this.#hear(word);
    if (this.#phase !== 'initial') this.#emit({ event: 'Update', crossingByte: this.position });
    return this.#taken();
  }

  #taken(): FluxOutput[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #hear(word: DecodedWord): void {
    this.#onWord(word);
    if (word.kind === 'noise') {
      this.#lastNoiseEndByte = word.endByte;
      return;
    }
    this.#words.push(word);
    this.#rendered.push(rendered(word, word.text));
    if (this.#words.length <= MAX_TURN_WORDS) return;
    this.#words.shift();
    this.#rendered.shift();
  }

  #step(heard: readonly DecodedWord[]): void {
    const wordsBefore = this.#words.length;
    for (const word of heard) this.#hear(word);
    this.#checkOnset(heard, this.#words.length > wordsBefore);
    this.#checkSilence();
    if (this.position - this.#lastEventByte >= UPDATE_BYTES) this.#update();
  }

  #checkOnset(heard: readonly DecodedWord[], newWords: boolean): void {
    if (this.#phase === 'ongoing') return;
    const partial = this.#decoder.partial();
    const onsetBytes = this.#script.onsetMs * BYTES_PER_MS;
    const soundByte = partial ? partial.startByte + onsetBytes : Infinity;
    if (this.#phase === 'initial') {
      const whole = heard[0];
      if (whole || soundByte <= this.position) {
        const crossingByte = Math.min(soundByte, whole?.endByte ?? Infinity);
        if (this.#script.omitStartOfTurn) this.#phase = 'ongoing';
        else this.#emit({ event: 'StartOfTurn', crossingByte });
      }
    } else if (newWords || (partial?.kind === 'word' && soundByte <= this.position)) {
      const wordByte = newWords ? (this.#words.at(-1)?.endByte ?? Infinity) : Infinity;
      this.#emit({ event: 'TurnResumed', crossingByte: Math.min(soundByte, wordByte) });
    }
  }

  #checkSilence(): void {
    if (this.#phase === 'initial' || this.#decoder.partial()?.kind === 'word') return;
    const last = this.#words.at(-1);
    const { eotThreshold, eagerEotThreshold, eotTimeoutMs } = this.#settings;
    if (last === undefined) {
      if (this.#script.noise !== 'timeout' || this.#lastNoiseEndByte === undefined) return;
      const crossingByte = this.#lastNoiseEndByte + eotTimeoutMs * BYTES_PER_MS;
      if (this.position >= crossingByte) {
        this.#emit({ event: 'EndOfTurn', crossingByte, trigger: 'timeout' });
      }
      return;
    }
    const byteAfter = (silenceMs: number): number =>
      last.endByte + Math.ceil(silenceMs * BYTES_PER_MS);
    if (this.#phase === 'ongoing' && eagerEotThreshold !== undefined) {
      const eagerMs = silenceUntil(eagerEotThreshold, 'eager', last.finality, eotThreshold);
      const crossingByte = byteAfter(eagerMs);
      const plain = this.#script.formatDrift !== 'none';
      if (this.position >= crossingByte) {
        this.#emit({ event: 'EagerEndOfTurn', crossingByte, plain });
      }
    }
    const modelMs = silenceUntil(eotThreshold, 'end', last.finality, eotThreshold);
    const crossingByte = byteAfter(Math.min(modelMs, eotTimeoutMs));
    if (this.position < crossingByte) return;
    if (this.#phase === 'eager' && this.#script.formatDrift === 'announced') {
      this.#emit({ event: 'TurnResumed', crossingByte });
    }
    const trigger = modelMs <= eotTimeoutMs ? 'model' : 'timeout';
    this.#emit({ event: 'EndOfTurn', crossingByte, trigger });
  }

  #update(): void {
    const muted =
      this.#phase === 'initial'
        ? !this.#script.idleUpdates
        : this.#words.length === 0 && this.#script.noise === 'silent';
    if (muted) {
      this.#lastEventByte = this.position;
      return;
    }
    const plain = this.#phase === 'eager' && this.#script.formatDrift !== 'none';
    this.#emit({ event: 'Update', crossingByte: this.#lastEventByte + UPDATE_BYTES, plain });
  }

  #confidence(event: FluxEventName, crossingByte: number): number {
    const last = this.#words.at(-1);
    if (last === undefined || event === 'StartOfTurn' || event === 'TurnResumed') return 0.01;
    if (this.#decoder.partial()?.kind === 'word') return 0.02;
    const silenceMs = Math.max(0, crossingByte - last.endByte) / BYTES_PER_MS;
    return rounded(confidenceAt(silenceMs, last.finality, this.#settings.eotThreshold));
  }

  #decision(crossingByte: number): Decision {
    const decided = { decidedByByte: this.#chunkEndByte, crossingByte };
    const last = this.#words.at(-1);
    if (last === undefined) return decided;
    return {
      ...decided,
      lastWordEndByte: last.endByte,
      silenceMs: Math.max(0, crossingByte - last.endByte) / BYTES_PER_MS,
      lastWord: { utterance: last.utterance, index: last.index },
    };
  }

  #emit(wanted: Wanted): void {
    const { event, trigger } = wanted;
    const words =
      wanted.plain === true
        ? this.#words.map((word) => rendered(word, plainWord(word.text)))
        : [...this.#rendered];
    const transcript = words.map((word) => word.word).join(' ');
    const { model, languageHints } = this.#settings;
    const multi = model === 'flux-general-multi';
    this.#out.push({
      event,
      fields: {
        event,
        turn_index: this.#turnIndex,
        audio_window_start: seconds(this.#windowStartByte),
        audio_window_end: seconds(this.position),
        transcript,
        words,
        end_of_turn_confidence: this.#confidence(event, wanted.crossingByte),
        ...(trigger === undefined ? {} : { trigger }),
        ...(multi && transcript !== ''
          ? { languages: [looksSpanish(transcript) ? 'es' : 'en'] }
          : {}),
        ...(multi && languageHints.length > 0 ? { languages_hinted: languageHints } : {}),
      },
      decision: this.#decision(wanted.crossingByte),
    });
    this.#lastEventByte = this.position;
    this.#enter(event);
  }

  #enter(event: FluxEventName): void {
    if (event === 'StartOfTurn' || event === 'TurnResumed') this.#phase = 'ongoing';
    if (event === 'EagerEndOfTurn') this.#phase = 'eager';
    if (event !== 'EndOfTurn') return;
    this.#phase = 'initial';
    this.#turnIndex += 1;
    this.#windowStartByte = this.position;
    this.#words = [];
    this.#rendered = [];
    this.#lastNoiseEndByte = undefined;
  }
}
