/** One page's call: what its person does goes to the emulated phone, what they hear comes back. */
import { monotonicMs } from '../emulators/clock.ts';
import { CALLER_EN, CALLER_ES } from '../emulators/speech/voices.ts';
import { buildUtterance, type UtterancePiece } from '../emulators/speech/utterance.ts';
import { FRAME_BYTES, SILENCE_BYTE } from '../emulators/speech/types.ts';
import type { CallerLeg } from '../emulators/twilio/types.ts';
import type { FromPage, ToPage } from './web-messages.ts';

/** Lines typed ahead that wait to be spoken. */
const MAX_WAITING_LINES = 5;
/** Played sound goes to the page in messages of this many frames: 40 ms. */
const FRAMES_PER_MESSAGE = 2;
/** How often the words heard are looked at. */
const WORDS_POLL_MS = 60;
/** An answer that takes longer than this is none to these words. */
const ANSWER_TIMEOUT_MS = 8_000;
const DOTS_PAUSE_MS = 1_000;

export type PageSink = {
  readonly tell: (message: ToPage) => void;
  readonly play: (mulaw: Uint8Array) => void;
};

export class WebCall {
  readonly leg: CallerLeg;
  readonly #language: 'en' | 'es';
  readonly #page: PageSink;
  readonly #stopListening: () => void;
  readonly #timer: NodeJS.Timeout;
  #waitingLines = 0;
  #words = 0;
  #clears = 0;
  #parts: Uint8Array[] = [];

  /**
   * @param onEnd called once, when the call is over, with how it ended.
   */
  constructor(leg: CallerLeg, language: 'en' | 'es', page: PageSink, onEnd: (how: string) => void) {
    this.leg = leg;
    this.#language = language;
    this.#page = page;
    this.#stopListening = leg.onPlayed((frame) => this.#hear(frame));
    this.#timer = setInterval(() => this.#lookAtWords(), WORDS_POLL_MS);
    // The wait is the call's own length; a call lasts a quarter of an hour at most.
    leg.ended({ timeoutMs: 20 * 60_000 }).then(
      (end) => this.#over(end.how, onEnd),
      () => this.#over('lost', onEnd),
    );
  }

  async obey(message: Exclude<FromPage, { kind: 'call' }>): Promise<void> {
    switch (message.kind) {
      case 'say':
        return await this.#say(message.text, piecesOf(message.text));
      case 'cough':
        return await this.#say('(cough)', [{ cough: true }]);
      case 'press':
        return await this.leg.press(message.digits);
      case 'hang-up':
        return await this.hangUp();
    }
  }

  async hangUp(): Promise<void> {
    await this.leg.hangUp();
  }

  async #say(text: string, pieces: readonly UtterancePiece[]): Promise<void> {
    if (this.#waitingLines >= MAX_WAITING_LINES) {
      this.#page.tell({ kind: 'problem', text: 'Too many lines are waiting to be spoken.' });
      return;
    }
    this.#waitingLines += 1;
    try {
      const voice = this.#language === 'es' ? CALLER_ES : CALLER_EN;
      const speech = await buildUtterance(pieces, voice);
      if (speech.mulaw.length === 0) return;
      this.#page.tell({ kind: 'speaking', text, atMs: monotonicMs() });
      const { lastSpeechFrameAtMs: atMs, cut } = await this.leg.say(speech);
      this.#page.tell({ kind: 'spoke', text, atMs, cut });
      if (speech.words.length > 0 && !cut) await this.#awaitAnswer(atMs);
    } finally {
      this.#waitingLines -= 1;
    }
  }

  /** Measures the wait, where nothing was being played when the words ended. */
  async #awaitAnswer(spokeAtMs: number): Promise<void> {
    if (this.leg.playout.bufferedMs() > 0) return;
    try {
      const atMs = await this.leg.waitForMedia(spokeAtMs, { timeoutMs: ANSWER_TIMEOUT_MS });
      this.#page.tell({ kind: 'answered', waitMs: Math.round(atMs - spokeAtMs), atMs });
    } catch {
      // No answer came: there is nothing to measure.
    }
  }

  #hear(frame: Uint8Array | undefined): void {
    this.#parts.push(frame ?? SILENT_FRAME);
    if (this.#parts.length < FRAMES_PER_MESSAGE) return;
    const sound = new Uint8Array(FRAMES_PER_MESSAGE * FRAME_BYTES);
    for (const [i, part] of this.#parts.entries()) sound.set(part, i * FRAME_BYTES);
    this.#parts = [];
    this.#page.play(sound);
  }

  #lookAtWords(): void {
    const { playout } = this.leg;
    for (const word of playout.heardWords().slice(this.#words)) {
      this.#words += 1;
      const { text, utterance, startedAtMs: atMs } = word;
      this.#page.tell({ kind: 'heard', text, utterance, atMs });
    }
    for (const clear of playout.clears().slice(this.#clears)) {
      this.#clears += 1;
      if (clear.reason !== 'clear' || clear.flushedBytes === 0) continue;
      const cut = clear.cutWord ? [clear.cutWord.text] : [];
      const words = [...cut, ...clear.flushedWords].filter((word) => !word.includes('~'));
      this.#page.tell({ kind: 'cut', words, atMs: clear.atMs });
    }
  }

  #over(how: string, onEnd: (how: string) => void): void {
    clearInterval(this.#timer);
    this.#stopListening();
    this.#lookAtWords();
    onEnd(how);
  }
}

const SILENT_FRAME = new Uint8Array(FRAME_BYTES).fill(SILENCE_BYTE);

/** "Well ... I slept badly" → words, a pause, words. */
export function piecesOf(text: string): UtterancePiece[] {
  const parts = text
    .split(/\s*(?:\.{3,}|…)\s*/u)
    .map((part) => part.trim())
    .filter((part) => /[\p{L}\p{N}]/u.test(part));
  return parts.flatMap((part, i): UtterancePiece[] => {
    const isLast = i === parts.length - 1;
    const words: UtterancePiece = { say: part, finality: isLast ? 'complete' : 'holding' };
    return isLast ? [words] : [words, { pauseMs: DOTS_PAUSE_MS }];
  });
}
