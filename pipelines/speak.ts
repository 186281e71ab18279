/**
 * The call's voice: text of utterances in, audio to the outlet and facts to the core out.
 *
 * One session with the best voice there is (`voice-ladder.ts`). When a voice fails in mid-utterance
 * the next one goes on from the first word that was not made, so that nothing is skipped and nothing
 * said twice.
 */
import type { TtsEvent, TtsVendor } from '../adapters/tts/port.ts';
import type { Input, UtteranceId } from '../src/conversation/types.ts';
import type { VendorError } from '../src/errors.ts';
import type { CallEvent } from '../src/events.ts';
import type { Outlet } from './outlet.ts';
import type { CachedSpeech, Manner, SpeechCache } from './speech-cache.ts';
import {
  beginAt,
  inClauses,
  isWhole,
  newSpoken,
  nextAttempt,
  shifted,
  type Spoken,
  wordsOf,
} from './spoken.ts';
import { VoiceLadder, type Voice } from './voice-ladder.ts';

export type SpeakOptions = {
  /** Best voice first. */
  readonly vendors: readonly TtsVendor[];
  readonly manner: Manner;
  readonly cache: SpeechCache;
  readonly outlet: Outlet;
  readonly now: () => number;
  readonly onInput: (input: Input) => void;
  readonly onEvent: (event: CallEvent) => void;
};

/** Replies have fillers; a line that is not at hand has this, and then an apology is played. */
const LINE_PATIENCE_MS = 1_500;

export class Speaking {
  readonly #options: SpeakOptions;
  readonly #spoken = new Map<UtteranceId, Spoken>();
  readonly #byVoice = new Map<number, Spoken>();
  readonly #ladder: VoiceLadder;
  #nextVoiceId = 1;

  constructor(options: SpeakOptions) {
    this.#options = options;
    const { vendors, manner, now, onEvent } = options;
    this.#ladder = new VoiceLadder({
      vendors,
      manner,
      now,
      onEvent,
      onVoice: (event, voice) => this.#take(event, voice),
      onOpened: () => {
        for (const spoken of this.#spoken.values()) this.#flushPending(spoken);
      },
      onVoiceless: () => this.#allFailed(),
      isWanted: () => this.#spoken.size > 0,
    });
  }

  /** Opens the voice before it is needed. */
  prewarm(): void {
    this.#ladder.ensureOpen();
  }

  say(id: UtteranceId, text: string): void {
    const spoken = this.#spoken.get(id) ?? this.#begin(id);
    spoken.text += text;
    this.#speak(spoken, text);
  }

  finish(id: UtteranceId): void {
    const spoken = this.#spoken.get(id);
    if (!spoken) {
      this.#complete(id, 0);
      return;
    }
    spoken.finished = true;
    if (this.#ladder.isVoiceless) return this.#leaveToCarrier(spoken);
    if (spoken.pending.length > 0) return;
    if (spoken.voiceId !== undefined) this.#ladder.voice?.session.finish(spoken.voiceId);
    else {
      // A voice failed just when it had said everything there was.
      this.#drop(id);
      this.#complete(id, spoken.madeMs);
    }
  }

  /** Speaks a whole line, from the cache where it is known. */
  sayLine(id: UtteranceId, text: string): void {
    const cached = this.#options.cache.get(this.#options.manner, text);
    if (cached) return this.#play(id, cached);
    // By clauses: a voice without timings is heard as soon as its first one is whole.
    for (const clause of inClauses(text)) this.say(id, clause);
    this.finish(id);
    const spoken = this.#spoken.get(id);
    if (spoken) spoken.patience = setTimeout(() => this.#apologise(spoken), LINE_PATIENCE_MS);
  }

  #play(id: UtteranceId, { pieces, words, totalMs }: CachedSpeech): void {
    for (const piece of pieces) this.#options.outlet.add(id, piece);
    this.#options.onInput({ kind: 'audio-ready', utterance: id, totalMs, words });
    this.#complete(id, totalMs);
  }

  /** No voice has begun a line in time, and nothing else fills the silence before it. */
  #apologise(spoken: Spoken): void {
    const { cache, manner } = this.#options;
    const apology = cache.apology(manner.language);
    if (spoken.madeMs > 0 || !apology || this.#spoken.get(spoken.id) !== spoken) return;
    const { pieces, totalMs } = apology;
    for (const piece of pieces) this.#options.outlet.add(spoken.id, piece);
    // The line itself begins behind it, with whichever voice or the carrier's.
    beginAt(spoken, spoken.madeMs + totalMs);
    const { id: utterance, madeMs } = spoken;
    this.#options.onInput({ kind: 'audio-ready', utterance, totalMs: madeMs, words: undefined });
  }

  cancel(id: UtteranceId): void {
    const spoken = this.#spoken.get(id);
    if (spoken?.voiceId !== undefined) {
      this.#ladder.voice?.session.cancel(spoken.voiceId);
      this.#tellEnd(spoken, 'cancelled', this.#ladder.voice);
    }
    this.#drop(id);
    this.#options.outlet.forget(id);
  }

  close(): void {
    for (const spoken of this.#byVoice.values())
      this.#tellEnd(spoken, 'cancelled', this.#ladder.voice);
    this.#ladder.close();
    for (const spoken of this.#spoken.values()) clearTimeout(spoken.patience);
    this.#spoken.clear();
    this.#byVoice.clear();
  }

  #begin(id: UtteranceId): Spoken {
    const spoken = newSpoken(id);
    if (this.#spoken.size === 0) this.#ladder.climbBack();
    this.#spoken.set(id, spoken);
    return spoken;
  }

  #speak(spoken: Spoken, text: string): void {
    const voice = this.#ladder.voice;
    if (!voice) {
      spoken.pending.push(text);
      this.#ladder.ensureOpen();
      return;
    }
    if (spoken.voiceId === undefined) {
      spoken.voiceId = this.#nextVoiceId;
      this.#nextVoiceId += 1;
      this.#byVoice.set(spoken.voiceId, spoken);
      spoken.characters = 0;
      const { vendor } = voice.session;
      this.#options.onEvent({ what: 'voice-asked', utterance: spoken.id, vendor });
    }
    spoken.characters += text.length;
    spoken.asked.push(text);
    voice.session.say(spoken.voiceId, text);
  }

  #flushPending(spoken: Spoken): void {
    const texts = spoken.pending.splice(0);
    for (const text of texts) this.#speak(spoken, text);
    if (spoken.finished && spoken.voiceId !== undefined) {
      this.#ladder.voice?.session.finish(spoken.voiceId);
    }
  }

  #take(event: TtsEvent, voice: Voice): void {
    if (event.kind === 'failed') return this.#sessionFailed(event.error, voice);
    const spoken = this.#byVoice.get(event.utterance);
    if (!spoken) return;
    switch (event.kind) {
      case 'audio':
        return this.#takeAudio(spoken, event, voice);
      case 'said':
        return this.#takeClause(spoken);
      case 'done':
        this.#takeClause(spoken);
        this.#tellEnd(spoken, 'done', voice);
        this.#drop(spoken.id);
        return this.#complete(spoken.id, spoken.madeMs);
      case 'utterance-failed':
        // All of it is here, and only the vendor's own end of it is missing.
        if (spoken.finished && isWhole(spoken)) {
          voice.session.cancel(event.utterance);
          this.#tellEnd(spoken, 'done', voice);
          this.#drop(spoken.id);
          return this.#complete(spoken.id, spoken.madeMs);
        }
        // The caller has waited for it once; they shall not wait for the same voice twice.
        voice.session.close();
        return this.#sessionFailed(event.error, voice);
    }
  }

  #takeAudio(spoken: Spoken, event: Extract<TtsEvent, { kind: 'audio' }>, voice: Voice): void {
    const { outlet, onInput, onEvent } = this.#options;
    if (spoken.madeMs === spoken.baseMs && spoken.held.length === 0) {
      onEvent({ what: 'voice-first-byte', utterance: spoken.id, vendor: voice.session.vendor });
    }
    const piece = { base64: event.base64, bytes: event.bytes };
    if (!event.words) {
      spoken.held.push(piece);
      return;
    }
    spoken.madeMs += event.bytes / 8;
    const words = event.words.map((word) => shifted(word, spoken.baseMs));
    spoken.wordsMade += words.length;
    spoken.timedToMs = words.at(-1)?.endMs ?? spoken.timedToMs;
    const { id: utterance, madeMs: totalMs } = spoken;
    onInput({ kind: 'audio-ready', utterance, totalMs, words });
    if (!outlet.add(spoken.id, piece)) this.#tooLong(spoken, voice);
  }

  /**
   * A clause of a voice without timings is whole. Only then is it sent: if that voice fails in the
   * middle of one, nobody could tell from which word the next has to go on.
   */
  #takeClause(spoken: Spoken): void {
    const { outlet, onInput } = this.#options;
    const pieces = spoken.held.splice(0);
    spoken.wordsMade += pieces.length === 0 ? 0 : wordsOf(spoken.asked.shift() ?? '').length;
    for (const piece of pieces) {
      spoken.madeMs += piece.bytes / 8;
      const { id: utterance, madeMs: totalMs } = spoken;
      onInput({ kind: 'audio-ready', utterance, totalMs, words: undefined });
      if (!outlet.add(spoken.id, piece)) return this.#tooLong(spoken, this.#ladder.voice);
    }
  }

  #tooLong(spoken: Spoken, voice: Voice | undefined): void {
    if (spoken.voiceId !== undefined) voice?.session.cancel(spoken.voiceId);
    this.#tellEnd(spoken, 'cancelled', voice);
    this.#drop(spoken.id);
    this.#complete(spoken.id, spoken.madeMs);
  }

  #tellEnd(spoken: Spoken, how: 'done' | 'cancelled' | 'failed', voice: Voice | undefined): void {
    if (!voice) return;
    const { id: utterance, characters, madeMs, baseMs } = spoken;
    const { vendor } = voice.session;
    const audioMs = madeMs - baseMs;
    this.#options.onEvent({ what: 'voice-ended', utterance, vendor, how, characters, audioMs });
  }

  #complete(utterance: UtteranceId, totalMs: number): void {
    this.#options.onInput({ kind: 'audio-ended', utterance, totalMs });
    this.#options.outlet.end(utterance);
  }

  #drop(id: UtteranceId): void {
    const spoken = this.#spoken.get(id);
    if (spoken?.voiceId !== undefined) this.#byVoice.delete(spoken.voiceId);
    clearTimeout(spoken?.patience);
    this.#spoken.delete(id);
  }

  #sessionFailed(error: VendorError, voice: Voice): void {
    this.#ladder.leave(voice, error);
    for (const spoken of [...this.#spoken.values()]) {
      if (spoken.voiceId !== undefined) this.#tellEnd(spoken, 'failed', voice);
      this.#retry(spoken);
    }
    // Not left for the next reply, which would have to wait for it.
    this.#ladder.ensureOpen();
  }

  /** Goes on with the next voice, or a new session of this one, at the first word not made. */
  #retry(spoken: Spoken): void {
    if (spoken.voiceId !== undefined) this.#byVoice.delete(spoken.voiceId);
    const { vendors, outlet } = this.#options;
    if (spoken.attempts >= 2 * vendors.length) return this.#giveUp(spoken);
    const rest = nextAttempt(spoken, (toMs) => outlet.trim(spoken.id, toMs));
    if (rest === '' && spoken.finished) {
      this.#drop(spoken.id);
      return this.#complete(spoken.id, spoken.madeMs);
    }
    if (this.#ladder.voice) this.#flushPending(spoken);
    else this.#ladder.ensureOpen();
  }

  #giveUp(spoken: Spoken): void {
    this.#drop(spoken.id);
    this.#options.onInput({ kind: 'audio-failed', utterance: spoken.id });
    this.#options.outlet.end(spoken.id);
  }

  /** No voice is left: the carrier speaks, once it can be told the whole of it. */
  #allFailed(): void {
    for (const spoken of [...this.#spoken.values()]) {
      if (spoken.finished) this.#leaveToCarrier(spoken);
    }
  }

  #leaveToCarrier(spoken: Spoken): void {
    const { id: utterance, madeMs: totalMs } = spoken;
    const rest = spoken.pending.join('').trim();
    this.#drop(spoken.id);
    if (rest === '') return this.#complete(utterance, totalMs);
    this.#options.onInput({ kind: 'voices-failed', utterance, rest, totalMs });
    this.#options.outlet.end(spoken.id);
  }
}
