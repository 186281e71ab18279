/**
 * The call's ears: caller audio in, facts for the core out.
 *
 * Audio that has not been understood yet is kept, so that a session that breaks in mid-word is
 * replaced and told everything again: the transcript is whole. Ears that go deaf although somebody
 * speaks are replaced too. When no recogniser is left the call goes on by keypad.
 */
import type { EndOfTurnSettings, SttEvent, SttSession, SttVendor } from '../adapters/stt/port.ts';
import { observe } from '../src/companion/observer.ts';
import { goodbye } from '../src/conversation/lexicon.ts';
import type { Input, Observation } from '../src/conversation/types.ts';
import { VendorError, type VendorFailure } from '../src/errors.ts';
import type { CallEvent } from '../src/events.ts';
import { AudioMemory } from './audio-memory.ts';
import { SpeechEnergy } from './speech-energy.ts';

export type ListenOptions = {
  /** Best recogniser first. */
  readonly vendors: readonly SttVendor[];
  readonly language: 'en' | 'es';
  readonly endOfTurn: EndOfTurnSettings;
  readonly keyterms: readonly string[];
  readonly now: () => number;
  readonly onInput: (input: Input) => void;
  readonly onEvent: (event: CallEvent) => void;
};

/** Nobody listens meanwhile; what was said is told later, but the answer is late by so much. */
const OPEN_TIMEOUT_MS = 1_500;
/** A recogniser that fails this often within a minute is left for the next. */
const MAX_FAILURES = 3;
const FAILURE_WINDOW_MS = 60_000;
/** While no recogniser works, how often the best is tried again. */
const RETRY_MS = 5_000;
/** Loud speech that brings no event for this long means that the session is deaf. */
const DEAF_AFTER_MS = 2_500;
/** So much loudness is speech, and so much quiet behind it is its end, whoever listens. */
const LEAST_SPEECH_MS = 240;
const SPEECH_OVER_MS = 1_100;
/** Older speech is no longer waited for. */
const SPEECH_FORGOTTEN_MS = 5_000;
/** Words that are late by more will not come: the caller has waited in silence long enough. */
const OWED_MS = 3_500;
/** So much unjudged audio is more than any healthy recogniser leaves in a turn. */
const BEHIND_MS = 700;
/** Speech of this length has words in it. */
const WORDY_SPEECH_MS = 700;
/** A recogniser that finds no words in what it takes for speech so many times running is no good. */
const MAX_WORDLESS = 3;
/** Without audio from the carrier for this long, silence is fed instead. */
const FEED_AFTER_MS = 400;
const CHECK_EVERY_MS = 200;
const BYTES_PER_MS = 8;
const SILENCE = new Uint8Array(CHECK_EVERY_MS * BYTES_PER_MS).fill(0xff);

/** Failures that a new attempt at the same vendor will not cure. */
const HOPELESS: ReadonlySet<VendorFailure> = new Set<VendorFailure>([
  'auth',
  'bad-request',
  'rate-limited',
  'breaker-open',
]);

type Ear = {
  readonly session: SttSession;
  /** Call audio, in milliseconds, before the first byte this session was given. */
  readonly baseMs: number;
  /** What this session's turn 0 is called in the call. */
  readonly firstTurn: number;
};

export class Listening {
  readonly #options: ListenOptions;
  readonly #memory = new AudioMemory();
  readonly #energy = new SpeechEnergy();
  #ear: Ear | undefined;
  #opening = false;
  #askedAt = 0;
  #rung = 0;
  #failures: number[] = [];
  #keypad = false;
  #nextTurn = 0;
  /** The turn that has begun and not ended. */
  #openTurn: number | undefined;
  #lastAudioAt = 0;
  /** Call audio up to here is in some event that the core has had. */
  #reportedMs = 0;
  /** Call audio up to here is in some event with words. */
  #wordsMs = 0;
  /** Where the newest speech began that was told to be unheard, as the loudness meter counts. */
  #unheardFromMs = -1;
  #wordlessRuns = 0;
  /** Since when words of the caller are late, of which nothing has come yet. */
  #owedSince: number | undefined;
  /** The recogniser has a turn open, whatever became of it here. */
  #inTurn = false;
  /** Call audio up to here is in some event of a turn, with words or without. */
  #speechMs = 0;
  #started = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #checkTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ListenOptions) {
    this.#options = options;
  }

  /** Opens a session ahead of the audio, and keeps one open until `close`. */
  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    this.#lastAudioAt = this.#options.now();
    this.#checkTimer = setInterval(() => this.#check(), CHECK_EVERY_MS);
    this.#connect();
  }

  audio(mulaw: Uint8Array): void {
    this.#lastAudioAt = this.#options.now();
    this.#hear(mulaw);
    this.#energy.add(mulaw);
  }

  /** The present session is stuck: take another and tell it what the core has not had. */
  restart(): void {
    // The core has closed the turn itself, with the words so far: they must not come twice.
    this.#openTurn = undefined;
    this.#memory.understood(this.#reportedMs);
    this.#replace('stalled');
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#checkTimer);
    clearTimeout(this.#retryTimer);
    this.#ear?.session.close();
    this.#ear = undefined;
  }

  #hear(mulaw: Uint8Array): void {
    this.#memory.add(mulaw, this.#openTurn !== undefined);
    this.#ear?.session.sendAudio(mulaw);
  }

  #connect(): void {
    if (this.#opening || this.#ear || this.#closed) return;
    const vendor = this.#options.vendors[this.#rung];
    if (!vendor) return this.#goDeaf();
    this.#opening = true;
    this.#askedAt = this.#options.now();
    this.#open(vendor).catch((error: unknown) => {
      this.#opening = false;
      const failure = error instanceof VendorError ? error.failure : 'unreachable';
      // Who let us wait for the whole time once will do so again.
      const late = this.#options.now() - this.#askedAt >= OPEN_TIMEOUT_MS;
      this.#failed(vendor, failure, late);
    });
  }

  async #open(vendor: SttVendor): Promise<void> {
    let ear: Ear | undefined;
    const session = await vendor.open({
      language: this.#options.language === 'es' ? 'es-US' : 'en-US',
      endOfTurn: this.#options.endOfTurn,
      keyterms: this.#options.keyterms,
      openTimeoutMs: OPEN_TIMEOUT_MS,
      onEvent: (event) => {
        if (ear && this.#ear === ear) this.#take(event, ear, vendor);
      },
    });
    this.#opening = false;
    if (this.#closed) return session.close();
    // A turn that was cut in the middle goes on under its own name: it is told again from its start.
    ear = {
      session,
      baseMs: this.#memory.startMs,
      firstTurn: this.#openTurn ?? this.#nextTurn,
    };
    this.#ear = ear;
    this.#inTurn = false;
    const openMs = this.#options.now() - this.#askedAt;
    this.#options.onEvent({ what: 'stt-opened', vendor: vendor.vendor, openMs });
    this.#energy.heardSomething();
    for (const chunk of this.#memory.chunks()) session.sendAudio(chunk);
    if (this.#keypad) {
      this.#keypad = false;
      this.#options.onInput({ kind: 'listening', state: 'voice' });
    }
  }

  #take(event: SttEvent, ear: Ear, vendor: SttVendor): void {
    if (event.kind === 'failed') {
      this.#ear = undefined;
      return this.#failed(vendor, event.error.failure);
    }
    this.#energy.heardSomething();
    const sttTurn = ear.firstTurn + event.turn;
    this.#nextTurn = Math.max(this.#nextTurn, sttTurn + 1);
    this.#openTurn = event.kind === 'end' ? undefined : sttTurn;
    // A recogniser's clock may run ahead after a reconnect; nobody has heard the future.
    const heardMs = Math.min(ear.baseMs + event.audioMs, this.#memory.endMs);
    this.#reportedMs = Math.max(this.#reportedMs, heardMs);
    this.#speechMs = Math.max(this.#speechMs, heardMs);
    this.#inTurn = event.kind !== 'end';
    if (event.text !== '') {
      this.#wordsMs = Math.max(this.#wordsMs, heardMs);
      this.#wordlessRuns = 0;
      this.#owedSince = undefined;
    }
    if (event.kind === 'end' || event.kind === 'eager-end') {
      const state = event.kind === 'end' ? 'final' : 'eager-end';
      const lagMs = this.#memory.endMs - heardMs;
      const { vendor: name } = vendor;
      this.#options.onEvent({ what: 'stt-answered', vendor: name, state, sttTurn, lagMs });
    }
    if (event.kind === 'end') this.#memory.understood(heardMs);
    this.#options.onInput(this.#factOf(event, sttTurn));
  }

  #factOf(event: Exclude<SttEvent, { kind: 'failed' }>, sttTurn: number): Input {
    const { text } = event;
    switch (event.kind) {
      case 'started':
        return { kind: 'caller-started', sttTurn, text };
      case 'partial':
        return { kind: 'caller-partial', sttTurn, text };
      case 'resumed':
        return { kind: 'caller-resumed', sttTurn, text };
      case 'eager-end': {
        const observed = this.#observe(text);
        return { kind: 'caller-eager-end', sttTurn, text, observed };
      }
      case 'end': {
        const observed = this.#observe(text);
        return { kind: 'caller-final', sttTurn, text, observed };
      }
    }
  }

  #observe(text: string): Observation {
    const { language } = this.#options;
    return observe(text, language, goodbye(text, language));
  }

  #failed(vendor: SttVendor, failure: VendorFailure, late = false): void {
    if (this.#closed) return;
    this.#options.onEvent({ what: 'vendor-failed', vendor: vendor.vendor, failure });
    const now = this.#options.now();
    this.#failures = [...this.#failures.filter((at) => now - at < FAILURE_WINDOW_MS), now];
    if (late || HOPELESS.has(failure) || this.#failures.length >= MAX_FAILURES) {
      this.#failures = [];
      this.#moveTo(this.#rung + 1);
    }
    this.#connect();
  }

  #moveTo(rung: number): void {
    const { vendors, onEvent } = this.#options;
    const from = vendors[this.#rung]?.vendor ?? 'keypad';
    const to = vendors[rung]?.vendor ?? 'keypad';
    this.#rung = Math.min(rung, vendors.length);
    if (from !== to) onEvent({ what: 'ladder-moved', service: 'stt', from, to });
  }

  /** No recogniser is left: the keypad, and from time to time another try from the top. */
  #goDeaf(): void {
    if (!this.#keypad) {
      this.#keypad = true;
      this.#openTurn = undefined;
      this.#options.onInput({ kind: 'listening', state: 'keypad' });
    }
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => {
      this.#memory.understood(this.#memory.endMs);
      this.#rung = 0;
      this.#connect();
    }, RETRY_MS);
  }

  #replace(failure: VendorFailure, forGood = false): void {
    const ear = this.#ear;
    const vendor = this.#options.vendors[this.#rung];
    if (!ear || !vendor) return;
    this.#ear = undefined;
    ear.session.close();
    this.#failed(vendor, failure, forGood);
  }

  /**
   * The caller has stopped speaking, and nobody could make out what they said: the recogniser is
   * gone, late, or finds no words. They must not be left waiting for an answer in silence.
   */
  #noticeUnheard(): void {
    const { run, nowMs } = this.#energy;
    if (!run || run.startMs === this.#unheardFromMs || run.loudMs < LEAST_SPEECH_MS) return;
    const quietMs = nowMs - run.endMs;
    if (quietMs < SPEECH_OVER_MS || quietMs > SPEECH_FORGOTTEN_MS) return;
    const endMs = this.#memory.endMs - quietMs;
    const startMs = endMs - (run.endMs - run.startMs);
    const judgedMs = this.#ear ? this.#ear.baseMs + this.#ear.session.judgedMs : 0;
    // An open turn may be a pause in a sentence, but not if its recogniser has fallen behind.
    const isBehind = this.#openTurn !== undefined && this.#memory.endMs - judgedMs > BEHIND_MS;
    const tookForSpeech = this.#inTurn || this.#speechMs > startMs;
    const foundSpeech = tookForSpeech && run.loudMs >= WORDY_SPEECH_MS;
    const foundWords = this.#wordsMs > startMs;
    const isWordless = foundSpeech && !foundWords && judgedMs >= endMs;
    if (!isWordless && judgedMs >= endMs && !isBehind) return;
    this.#unheardFromMs = run.startMs;
    if (isWordless) return this.#foundNoWords();
    if (!foundWords) this.#owedSince = this.#options.now();
    this.#options.onInput({ kind: 'caller-unheard', why: 'late' });
  }

  /** The caller is asked again; a recogniser that goes on like this is left for the next. */
  #foundNoWords(): void {
    this.#owedSince = undefined;
    this.#wordlessRuns += 1;
    const isHopeless = this.#wordlessRuns >= MAX_WORDLESS;
    if (!isHopeless) {
      this.#openTurn = undefined;
      this.#options.onInput({ kind: 'caller-unheard', why: 'wordless' });
      return;
    }
    // The next recogniser will be told the same speech again.
    this.#wordlessRuns = 0;
    this.#owedSince = this.#options.now();
    this.#options.onInput({ kind: 'caller-unheard', why: 'late' });
    this.#replace('empty', true);
  }

  #check(): void {
    if (this.#options.now() - this.#lastAudioAt >= FEED_AFTER_MS) this.#hear(SILENCE);
    if (this.#ear && this.#energy.unansweredMs >= DEAF_AFTER_MS) this.#replace('stalled');
    this.#noticeUnheard();
    const isOwed = this.#owedSince !== undefined && !this.#keypad;
    if (isOwed && this.#options.now() - (this.#owedSince ?? 0) >= OWED_MS) this.#foundNoWords();
  }
}
