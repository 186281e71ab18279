/**
 * Has the carrier speak what no voice of ours can: a redirect of the live call to TwiML that says the
 * words and then asks for a new stream. The words are kept here until the carrier comes for them.
 */
import type { Input, UtteranceId } from '../src/conversation/types.ts';
import { VendorError } from '../src/errors.ts';
import type { CallEvent } from '../src/events.ts';

export type CarrierVoiceOptions = {
  /** Sends the carrier to the words. */
  readonly redirect: () => Promise<void>;
  readonly onInput: (input: Input) => void;
  readonly onEvent: (event: CallEvent) => void;
};

/** The caller hears nothing meanwhile; beyond this an apology of ours is better than its words. */
const REDIRECT_TIMEOUT_MS = 2_000;
/** A reply is a few sentences; more would keep the line away from the caller for too long. */
const MAX_CHARS = 1_200;

export class CarrierVoice {
  readonly #options: CarrierVoiceOptions;
  #words: string | undefined;
  #taken = false;
  #timer: NodeJS.Timeout | undefined;
  #turns = 0;

  constructor(options: CarrierVoiceOptions) {
    this.#options = options;
  }

  /** How often it has spoken: each time costs the call its stream. */
  get turns(): number {
    return this.#turns;
  }

  /** Answers with `line-lent` or `audio-failed`. */
  speak(utterance: UtteranceId, text: string): void {
    const words = text.length > MAX_CHARS ? upToSentence(text) : text;
    this.#words = words;
    this.#taken = false;
    const { redirect, onInput, onEvent } = this.#options;
    const fail = (error: unknown): void => {
      // An answer that was lost: the carrier does what it was asked all the same.
      if (this.#words !== words || this.#taken) return;
      this.#words = undefined;
      clearTimeout(this.#timer);
      const failure = error instanceof VendorError ? error.failure : 'unreachable';
      onEvent({ what: 'vendor-failed', vendor: 'twilio', failure, utterance });
      onInput({ kind: 'audio-failed', utterance });
    };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => fail(new VendorError('twilio', 'no-first-byte')),
      REDIRECT_TIMEOUT_MS,
    );
    const lent = (): void => {
      clearTimeout(this.#timer);
      onInput({ kind: 'line-lent', utterance });
    };
    redirect().then(lent, fail);
  }

  /** The carrier has come for the words, perhaps a second time: its requests may be repeated. */
  take(): string | undefined {
    if (this.#words === undefined) return undefined;
    if (!this.#taken) this.#turns += 1;
    this.#taken = true;
    clearTimeout(this.#timer);
    return this.#words;
  }

  /** The call has a stream again. */
  ended(): void {
    clearTimeout(this.#timer);
    this.#words = undefined;
  }
}

function upToSentence(text: string): string {
  const cut = text.slice(0, MAX_CHARS);
  const end = Math.max(cut.lastIndexOf('. '), cut.lastIndexOf('? '), cut.lastIndexOf('! '));
  return end > 0 ? cut.slice(0, end + 1) : cut;
}
