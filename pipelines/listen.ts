/**
 * The call's ears: caller audio in, facts for the core out.
 *
 * Audio that has not been understood yet is kept, so that a session that breaks in mid-word is
 * replaced and told everything again: the transcript is whole. Ears that go deaf although somebody
 * speaks are replaced too. When no recogniser is left the call goes on by keypad. A lesser recogniser
 * gives way to the best one in a quiet moment, once that one is there.
 */
import type { EndOfTurnSettings, SttEvent, SttSession, SttVendor } from '../adapters/stt/port.ts';
import type { Input } from '../src/conversation/types.ts';
import { VendorError, type VendorFailure } from '../src/errors.ts';
import type { CallEvent } from '../src/events.ts';
import { AudioMemory } from './audio-memory.ts';
import { EarLadder } from './ear-ladder.ts';
import { heardFact } from './heard-fact.ts';
import { SpeechEnergy } from './speech-energy.ts';
import { isLeftUnjudged, UnheardSpeech, type Unheard } from './unheard-speech.ts';

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
/** While no recogniser works, how often the best is tried again. */
const RETRY_MS = 5_000;
/** Loud speech that brings no event for this long means that the session is deaf. */
const DEAF_AFTER_MS = 2_500;
/** Without audio from the carrier for this long, silence is fed instead. */
const FEED_AFTER_MS = 400;
const CHECK_EVERY_MS = 200;
/** Nobody has spoken for so long: ears may be changed. */
const CALM_MS = 1_500;
/** The first sound of a word is softer than the loudness meter's beginning of speech. */
const LEAD_IN_MS = 200;
const BYTES_PER_MS = 8;
const SILENCE = new Uint8Array(CHECK_EVERY_MS * BYTES_PER_MS).fill(0xff);

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
  readonly #unheard = new UnheardSpeech();
  readonly #ladder: EarLadder;
  #ear: Ear | undefined;
  #opening = false;
  #climbing = false;
  #askedAt = 0;
  #keypad = false;
  #nextTurn = 0;
  /** The turn that has begun and not ended. */
  #openTurn: number | undefined;
  #lastAudioAt = 0;
  /** Call audio up to here was judged by some recogniser. */
  #judgedMs = 0;
  #isUnjudged = false;
  /** Call audio up to here is in some event that the core has had. */
  #reportedMs = 0;
  /** The last turn had no words: another recogniser may find some in it. */
  #keepsWordless = false;
  #started = false;
  #retryTimer: NodeJS.Timeout | undefined;
  #checkTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#ladder = new EarLadder(options);
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
    this.#energy.add(mulaw);
    this.#hear(mulaw);
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
    const isInTurn = this.#openTurn !== undefined || this.#keepsWordless;
    this.#memory.add(mulaw, isInTurn ? 'turn' : this.#isUnjudged ? 'unjudged' : 'pause');
    this.#ear?.session.sendAudio(mulaw, this.#energy.inPause);
  }

  #connect(): void {
    if (this.#opening || this.#ear || this.#closed) return;
    const { vendor } = this.#ladder;
    if (!vendor) return this.#goDeaf();
    this.#opening = true;
    this.#askedAt = this.#options.now();
    const mayUse = (): boolean => {
      this.#opening = false;
      return !this.#closed;
    };
    this.#open(vendor, mayUse).catch((error: unknown) => {
      this.#opening = false;
      // Who let us wait for the whole time once will do so again.
      const late = this.#options.now() - this.#askedAt >= OPEN_TIMEOUT_MS;
      this.#failed(vendor, failureOf(error), late);
    });
  }

  /** In a quiet moment, the best recogniser beside the one that listens, which it then replaces. */
  #climb(): void {
    const { better } = this.#ladder;
    if (!better || this.#climbing || !this.#isCalm) return;
    this.#climbing = true;
    const mayUse = (): boolean => {
      this.#climbing = false;
      // Somebody may have begun to speak meanwhile, or it is all different now: another time.
      if (this.#closed || !this.#isCalm || this.#ladder.better !== better) return false;
      this.#ear?.session.close();
      this.#ladder.climbed();
      return true;
    };
    this.#open(better, mayUse).catch((error: unknown) => {
      this.#climbing = false;
      if (!this.#closed) this.#ladder.climbFailed(better, failureOf(error));
    });
  }

  get #isCalm(): boolean {
    const { run, nowMs } = this.#energy;
    const isQuiet = run === undefined || nowMs - run.endMs >= CALM_MS;
    return this.#ear !== undefined && this.#openTurn === undefined && isQuiet;
  }

  /** Opens a session; whether it is the call's ear from then on is asked when it is open. */
  async #open(vendor: SttVendor, mayUse: () => boolean): Promise<void> {
    const askedAt = this.#options.now();
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
    if (!mayUse()) return session.close();
    // A turn that was cut in the middle goes on under its own name: it is told again from its start.
    ear = {
      session,
      baseMs: this.#memory.startMs,
      firstTurn: this.#openTurn ?? this.#nextTurn,
    };
    this.#ear = ear;
    this.#unheard.newEar();
    const openMs = this.#options.now() - askedAt;
    this.#options.onEvent({ what: 'stt-opened', vendor: vendor.vendor, openMs });
    this.#energy.heardSomething();
    for (const chunk of this.#memory.chunks()) session.sendAudio(chunk);
  }

  /** A recogniser that has judged something is one; an open connection proves nothing yet. */
  #leaveKeypad(): void {
    if (!this.#keypad) return;
    this.#keypad = false;
    this.#ladder.heard();
    this.#options.onInput({ kind: 'listening', state: 'voice' });
  }

  #take(event: SttEvent, ear: Ear, vendor: SttVendor): void {
    if (event.kind === 'failed') {
      this.#ear = undefined;
      return this.#failed(vendor, event.error.failure);
    }
    this.#leaveKeypad();
    this.#energy.heardSomething();
    const sttTurn = ear.firstTurn + event.turn;
    this.#nextTurn = Math.max(this.#nextTurn, sttTurn + 1);
    this.#openTurn = event.kind === 'end' ? undefined : sttTurn;
    // A recogniser's clock may run ahead after a reconnect; nobody has heard the future.
    const heardMs = Math.min(ear.baseMs + event.audioMs, this.#memory.endMs);
    this.#reportedMs = Math.max(this.#reportedMs, heardMs);
    this.#unheard.heard(event, heardMs);
    if (event.text !== '') this.#keepsWordless = false;
    if (event.kind === 'end' || event.kind === 'eager-end') {
      const state = event.kind === 'end' ? 'final' : 'eager-end';
      const lagMs = this.#memory.endMs - heardMs;
      const { vendor: name } = vendor;
      this.#options.onEvent({ what: 'stt-answered', vendor: name, state, sttTurn, lagMs });
    }
    if (event.kind === 'end') {
      if (event.text === '') this.#keepsWordless = true;
      else this.#memory.understood(heardMs);
    }
    this.#options.onInput(heardFact(event, sttTurn, this.#options.language));
  }

  #failed(vendor: SttVendor, failure: VendorFailure, forGood = false): void {
    if (this.#closed) return;
    this.#ladder.failed(vendor, failure, forGood);
    this.#connect();
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
      this.#forgetJudged();
      this.#ladder.startOver();
      this.#connect();
    }, RETRY_MS);
  }

  /**
   * What was said on the keypad had an answer there, but a danger in it has not been noticed: what no
   * recogniser has judged, and speech that goes on, are told to the next one.
   */
  #forgetJudged(): void {
    const { run, nowMs } = this.#energy;
    const { endMs } = this.#memory;
    const fromMs = this.#unheard.pendingFromMs(run, nowMs);
    const goesOnMs = fromMs === undefined ? 0 : nowMs - fromMs;
    const unjudgedMs = this.#isUnjudged ? endMs - this.#judgedMs : 0;
    const keptMs = Math.max(goesOnMs, unjudgedMs);
    this.#memory.understood(keptMs === 0 ? endMs : endMs - keptMs - LEAD_IN_MS);
  }

  #replace(failure: VendorFailure, forGood = false): void {
    const ear = this.#ear;
    const { vendor } = this.#ladder;
    if (!ear || !vendor) return;
    this.#ear = undefined;
    ear.session.close(failure);
    this.#failed(vendor, failure, forGood);
  }

  /** Speech that nobody made out: the caller hears so, or another recogniser is told it again. */
  #tellUnheard(what: Unheard | undefined): void {
    if (what === undefined) return;
    if (what === 'wordless') {
      this.#openTurn = undefined;
      this.#keepsWordless = false;
    }
    const why = what === 'wordless' ? 'wordless' : 'late';
    this.#options.onInput({ kind: 'caller-unheard', why });
    if (what === 'hopeless') this.#replace('empty', true);
  }

  #check(): void {
    const nowMs = this.#options.now();
    if (nowMs - this.#lastAudioAt >= FEED_AFTER_MS) this.#hear(SILENCE);
    if (this.#ear && this.#energy.unansweredMs >= DEAF_AFTER_MS) this.#replace('stalled');
    if (this.#ear && this.#ear.session.judgedMs > 0) this.#leaveKeypad();
    const line = {
      run: this.#energy.run,
      meterMs: this.#energy.nowMs,
      endMs: this.#memory.endMs,
      judgedMs: this.#ear ? this.#ear.baseMs + this.#ear.session.judgedMs : 0,
      hasOpenTurn: this.#openTurn !== undefined,
      nowMs,
    };
    this.#judgedMs = Math.max(this.#judgedMs, Math.min(line.judgedMs, line.endMs));
    this.#isUnjudged = isLeftUnjudged({ ...line, judgedMs: this.#judgedMs });
    this.#tellUnheard(this.#unheard.look(line));
    if (!this.#keypad) this.#tellUnheard(this.#unheard.overdue(nowMs));
    this.#climb();
  }
}

function failureOf(error: unknown): VendorFailure {
  return error instanceof VendorError ? error.failure : 'unreachable';
}
