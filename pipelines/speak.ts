/**
 * The call's voice: text of utterances in, audio to the outlet and facts to the core out.
 *
 * One session with the best voice there is. When a voice fails in mid-utterance the next one goes on
 * from the first word that was not made, so that nothing is skipped and nothing said twice.
 */
import type { TtsEvent, TtsSession, TtsVendor } from '../adapters/tts/port.ts';
import type { Input, UtteranceId } from '../src/conversation/types.ts';
import { VendorError } from '../src/errors.ts';
import type { CallEvent } from '../src/events.ts';
import type { Outlet } from './outlet.ts';
import type { CachedSpeech, Manner, SpeechCache } from './speech-cache.ts';
import { isWhole, newSpoken, shifted, wordsOf, inClauses, type Spoken } from './spoken.ts';

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

type Open = { readonly session: TtsSession; readonly rung: number };

/**
 * The caller may be without a sound for two seconds at most, whatever breaks: so long may one voice
 * that does not open, and the next that does not speak, take together. First bytes take about 0.2 s.
 */
const OPEN_TIMEOUT_MS = 900;
const FIRST_BYTE_TIMEOUT_MS = 900;
/** The carrier holds a second of audio, which covers most of this. */
const STALL_TIMEOUT_MS = 1_200;
/** Replies have fillers; a line that is not at hand has this, and then an apology is played. */
const LINE_PATIENCE_MS = 1_500;
/** A connection that is lost twice within this is no good; once may happen to anybody. */
const LOST_AGAIN_MS = 10_000;
/** After a fall to a lesser voice, how long before the best is tried again. */
const CLIMB_AFTER_MS = 30_000;
/** The carrier's own voice costs a new stream for each reply: any other is better. */
const CLIMB_FROM_CARRIER_MS = 8_000;

export class Speaking {
  readonly #options: SpeakOptions;
  readonly #spoken = new Map<UtteranceId, Spoken>();
  readonly #byVoice = new Map<number, Spoken>();
  #open: Open | undefined;
  #opening = false;
  #rung = 0;
  #fellAt = 0;
  #lostAt = Number.NEGATIVE_INFINITY;
  #nextVoiceId = 1;
  #closed = false;

  constructor(options: SpeakOptions) {
    this.#options = options;
  }

  /** Opens the voice before it is needed. */
  prewarm(): void {
    this.#ensureOpen();
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
    if (this.#isVoiceless) return this.#leaveToCarrier(spoken);
    if (spoken.pending.length > 0) return;
    if (spoken.voiceId !== undefined) this.#open?.session.finish(spoken.voiceId);
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
    spoken.madeMs += totalMs;
    spoken.baseMs = spoken.madeMs;
    spoken.timedToMs = spoken.madeMs;
    const { id: utterance, madeMs } = spoken;
    this.#options.onInput({ kind: 'audio-ready', utterance, totalMs: madeMs, words: undefined });
  }

  cancel(id: UtteranceId): void {
    const spoken = this.#spoken.get(id);
    if (spoken?.voiceId !== undefined) {
      this.#open?.session.cancel(spoken.voiceId);
      this.#tellEnd(spoken, 'cancelled', this.#open);
    }
    this.#drop(id);
    this.#options.outlet.forget(id);
  }

  close(): void {
    this.#closed = true;
    for (const spoken of this.#byVoice.values()) this.#tellEnd(spoken, 'cancelled', this.#open);
    this.#open?.session.close();
    this.#open = undefined;
    for (const spoken of this.#spoken.values()) clearTimeout(spoken.patience);
    this.#spoken.clear();
    this.#byVoice.clear();
  }

  #begin(id: UtteranceId): Spoken {
    const spoken = newSpoken(id);
    if (this.#spoken.size === 0) this.#climbBack();
    this.#spoken.set(id, spoken);
    return spoken;
  }

  /** With nothing being said, a better voice may be tried again after a while. */
  #climbBack(): void {
    const waitMs = this.#isVoiceless ? CLIMB_FROM_CARRIER_MS : CLIMB_AFTER_MS;
    if (this.#rung === 0 || this.#options.now() - this.#fellAt < waitMs) return;
    this.#open?.session.close();
    this.#open = undefined;
    this.#moveTo(0);
  }

  #moveTo(rung: number): void {
    const { vendors, onEvent } = this.#options;
    const from = vendors[this.#rung]?.vendor ?? 'carrier';
    const to = vendors[rung]?.vendor ?? 'carrier';
    this.#rung = rung;
    if (from !== to) onEvent({ what: 'ladder-moved', service: 'tts', from, to });
  }

  #speak(spoken: Spoken, text: string): void {
    const open = this.#open;
    if (!open) {
      spoken.pending.push(text);
      this.#ensureOpen();
      return;
    }
    if (spoken.voiceId === undefined) {
      spoken.voiceId = this.#nextVoiceId;
      this.#nextVoiceId += 1;
      this.#byVoice.set(spoken.voiceId, spoken);
      spoken.characters = 0;
      const { vendor } = open.session;
      this.#options.onEvent({ what: 'voice-asked', utterance: spoken.id, vendor });
    }
    spoken.characters += text.length;
    spoken.asked.push(text);
    open.session.say(spoken.voiceId, text);
  }

  #ensureOpen(): void {
    if (this.#open || this.#opening || this.#closed) return;
    const rung = this.#rung;
    const vendor = this.#options.vendors[rung];
    if (!vendor) return this.#allFailed();
    this.#opening = true;
    this.#connect(vendor, rung).catch((error: unknown) => {
      this.#opening = false;
      if (this.#closed) return;
      this.#report(error, vendor);
      this.#fall(rung);
      if (this.#spoken.size > 0) this.#ensureOpen();
    });
  }

  async #connect(vendor: TtsVendor, rung: number): Promise<void> {
    let open: Open | undefined;
    const session = await vendor.open({
      ...this.#options.manner,
      openTimeoutMs: OPEN_TIMEOUT_MS,
      firstByteTimeoutMs: FIRST_BYTE_TIMEOUT_MS,
      stallTimeoutMs: STALL_TIMEOUT_MS,
      onEvent: (event) => {
        if (open && this.#open === open) this.#take(event, open);
      },
    });
    this.#opening = false;
    if (this.#closed) return session.close();
    open = { session, rung };
    this.#open = open;
    for (const spoken of this.#spoken.values()) this.#flushPending(spoken);
  }

  #flushPending(spoken: Spoken): void {
    const texts = spoken.pending.splice(0);
    for (const text of texts) this.#speak(spoken, text);
    if (spoken.finished && spoken.voiceId !== undefined) {
      this.#open?.session.finish(spoken.voiceId);
    }
  }

  #take(event: TtsEvent, open: Open): void {
    if (event.kind === 'failed') return this.#sessionFailed(event.error, open);
    const spoken = this.#byVoice.get(event.utterance);
    if (!spoken) return;
    switch (event.kind) {
      case 'audio':
        return this.#takeAudio(spoken, event, open);
      case 'said':
        return this.#takeClause(spoken);
      case 'done':
        this.#takeClause(spoken);
        this.#tellEnd(spoken, 'done', open);
        this.#drop(spoken.id);
        return this.#complete(spoken.id, spoken.madeMs);
      case 'utterance-failed':
        // All of it is here, and only the vendor's own end of it is missing.
        if (spoken.finished && isWhole(spoken)) {
          open.session.cancel(event.utterance);
          this.#tellEnd(spoken, 'done', open);
          this.#drop(spoken.id);
          return this.#complete(spoken.id, spoken.madeMs);
        }
        // The caller has waited for it once; they shall not wait for the same voice twice.
        open.session.close();
        return this.#sessionFailed(event.error, open);
    }
  }

  #takeAudio(spoken: Spoken, event: Extract<TtsEvent, { kind: 'audio' }>, open: Open): void {
    const { outlet, onInput, onEvent } = this.#options;
    if (spoken.madeMs === spoken.baseMs && spoken.held.length === 0) {
      const { vendor } = open.session;
      onEvent({ what: 'voice-first-byte', utterance: spoken.id, vendor });
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
    if (!outlet.add(spoken.id, piece)) this.#tooLong(spoken, open);
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
      if (!outlet.add(spoken.id, piece)) return this.#tooLong(spoken, this.#open);
    }
  }

  #tooLong(spoken: Spoken, open: Open | undefined): void {
    if (spoken.voiceId !== undefined) open?.session.cancel(spoken.voiceId);
    this.#tellEnd(spoken, 'cancelled', open);
    this.#drop(spoken.id);
    this.#complete(spoken.id, spoken.madeMs);
  }

  #tellEnd(spoken: Spoken, how: 'done' | 'cancelled' | 'failed', open: Open | undefined): void {
    if (!open) return;
    const { id: utterance, characters, madeMs, baseMs } = spoken;
    const { vendor } = open.session;
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

  #sessionFailed(error: VendorError, open: Open): void {
    this.#open = undefined;
    this.#report(error, this.#options.vendors[open.rung]);
    const now = this.#options.now();
    const mayReturn = error.failure === 'cut' && now - this.#lostAt >= LOST_AGAIN_MS;
    if (error.failure === 'cut') this.#lostAt = now;
    if (!mayReturn) this.#fall(open.rung);
    for (const spoken of [...this.#spoken.values()]) {
      if (spoken.voiceId !== undefined) this.#tellEnd(spoken, 'failed', open);
      this.#retry(spoken);
    }
    // Not left for the next reply, which would have to wait for it.
    this.#ensureOpen();
  }

  #report(error: unknown, vendor: TtsVendor | undefined): void {
    const failure = error instanceof VendorError ? error.failure : 'unreachable';
    if (vendor) this.#options.onEvent({ what: 'vendor-failed', vendor: vendor.vendor, failure });
  }

  #fall(from: number): void {
    if (this.#rung !== from) return;
    this.#fellAt = this.#options.now();
    this.#moveTo(from + 1);
  }

  /** Goes on with the next voice, or a new session of this one, at the first word not made. */
  #retry(spoken: Spoken): void {
    if (spoken.voiceId !== undefined) this.#byVoice.delete(spoken.voiceId);
    spoken.voiceId = undefined;
    spoken.attempts += 1;
    if (spoken.attempts > 2 * this.#options.vendors.length) return this.#giveUp(spoken);
    const rest = this.#keepWholeWords(spoken);
    spoken.pending = inClauses(rest);
    spoken.asked = [];
    spoken.held = [];
    if (rest === '' && spoken.finished) {
      this.#drop(spoken.id);
      return this.#complete(spoken.id, spoken.madeMs);
    }
    if (this.#open) this.#flushPending(spoken);
    else this.#ensureOpen();
  }

  /** Drops what was made of an unfinished word; returns the text that is still to be spoken. */
  #keepWholeWords(spoken: Spoken): string {
    const words = wordsOf(spoken.text);
    if (spoken.timedToMs < spoken.madeMs && spoken.timedToMs > spoken.baseMs) {
      spoken.madeMs = this.#options.outlet.trim(spoken.id, spoken.timedToMs);
    }
    spoken.baseMs = spoken.madeMs;
    spoken.timedToMs = spoken.madeMs;
    const rest = words.slice(spoken.wordsMade).join(' ');
    return rest === '' ? '' : `${rest} `;
  }

  #giveUp(spoken: Spoken): void {
    this.#drop(spoken.id);
    this.#options.onInput({ kind: 'audio-failed', utterance: spoken.id });
    this.#options.outlet.end(spoken.id);
  }

  get #isVoiceless(): boolean {
    return this.#rung >= this.#options.vendors.length;
  }

  /** No voice is left: the carrier speaks, once it can be told the whole of it. */
  #allFailed(): void {
    for (const spoken of [...this.#spoken.values()]) {
      if (spoken.finished) this.#leaveToCarrier(spoken);
    }
  }

  #leaveToCarrier(spoken: Spoken): void {
    const rest = spoken.pending.join('').trim();
    this.#drop(spoken.id);
    if (rest === '') return this.#complete(spoken.id, spoken.madeMs);
    this.#options.onInput({ kind: 'voices-failed', utterance: spoken.id, rest });
    this.#options.outlet.end(spoken.id);
  }
}
