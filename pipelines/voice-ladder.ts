/**
 * Which voice speaks in a call: opens sessions, falls to the next voice when one fails, and tries
 * the best again when there is time for it. What is said, and where a new voice goes on, is
 * `speak.ts`'s.
 */
import type { TtsEvent, TtsSession, TtsVendor } from '../adapters/tts/port.ts';
import { VendorError } from '../src/errors.ts';
import type { CallEvent } from '../src/events.ts';
import type { Manner } from './speech-cache.ts';

export type Voice = { readonly session: TtsSession; readonly rung: number };

export type VoiceLadderOptions = {
  /** Best voice first. */
  readonly vendors: readonly TtsVendor[];
  readonly manner: Manner;
  readonly now: () => number;
  readonly onEvent: (event: CallEvent) => void;
  /** Of the present voice only. After `failed` it is not the present one any more. */
  readonly onVoice: (event: TtsEvent, voice: Voice) => void;
  readonly onOpened: () => void;
  /** A voice was asked for, and there is none. */
  readonly onVoiceless: () => void;
  /** Something waits to be spoken: a voice that did not open is followed by the next at once. */
  readonly isWanted: () => boolean;
};

/**
 * The caller may be without a sound for two seconds at most, whatever breaks: so long may one voice
 * that does not open, and the next that does not speak, take together. First bytes take about 0.2 s.
 */
const OPEN_TIMEOUT_MS = 900;
const FIRST_BYTE_TIMEOUT_MS = 900;
/** The carrier holds a second of audio, which covers most of this. */
const STALL_TIMEOUT_MS = 1_200;
/** A connection that is lost twice within this is no good; once may happen to anybody. */
const LOST_AGAIN_MS = 10_000;
/** After a fall to a lesser voice, how long before the best is tried again. */
const CLIMB_AFTER_MS = 30_000;
/** The carrier's own voice costs a new stream for each reply: any other is better. */
const CLIMB_FROM_CARRIER_MS = 8_000;

export class VoiceLadder {
  readonly #options: VoiceLadderOptions;
  #voice: Voice | undefined;
  #opening = false;
  #rung = 0;
  #fellAt = 0;
  #lostAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: VoiceLadderOptions) {
    this.#options = options;
  }

  /** Undefined while none is open. */
  get voice(): Voice | undefined {
    return this.#voice;
  }

  /** No voice is left: only the carrier's own. */
  get isVoiceless(): boolean {
    return this.#rung >= this.#options.vendors.length;
  }

  ensureOpen(): void {
    if (this.#voice || this.#opening || this.#closed) return;
    const rung = this.#rung;
    const vendor = this.#options.vendors[rung];
    if (!vendor) return this.#options.onVoiceless();
    this.#opening = true;
    this.#connect(vendor, rung).catch((error: unknown) => {
      this.#opening = false;
      if (this.#closed) return;
      this.#report(error, vendor);
      this.#fall(rung);
      if (this.#options.isWanted()) this.ensureOpen();
    });
  }

  /** With nothing being said, a better voice may be tried again after a while. */
  climbBack(): void {
    const waitMs = this.isVoiceless ? CLIMB_FROM_CARRIER_MS : CLIMB_AFTER_MS;
    if (this.#rung === 0 || this.#options.now() - this.#fellAt < waitMs) return;
    this.#voice?.session.close();
    this.#voice = undefined;
    this.#moveTo(0);
  }

  /** A voice has failed: it is left, for the next one or for a new session of its own. */
  leave(voice: Voice, error: VendorError): void {
    this.#voice = undefined;
    this.#report(error, this.#options.vendors[voice.rung]);
    const now = this.#options.now();
    const mayReturn = error.failure === 'cut' && now - this.#lostAt >= LOST_AGAIN_MS;
    if (error.failure === 'cut') this.#lostAt = now;
    if (!mayReturn) this.#fall(voice.rung);
  }

  close(): void {
    this.#closed = true;
    this.#voice?.session.close();
    this.#voice = undefined;
  }

  async #connect(vendor: TtsVendor, rung: number): Promise<void> {
    let voice: Voice | undefined;
    const session = await vendor.open({
      ...this.#options.manner,
      openTimeoutMs: OPEN_TIMEOUT_MS,
      firstByteTimeoutMs: FIRST_BYTE_TIMEOUT_MS,
      stallTimeoutMs: STALL_TIMEOUT_MS,
      onEvent: (event) => {
        if (voice && this.#voice === voice) this.#options.onVoice(event, voice);
      },
    });
    this.#opening = false;
    if (this.#closed) return session.close();
    voice = { session, rung };
    this.#voice = voice;
    this.#options.onOpened();
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

  #moveTo(rung: number): void {
    const { vendors, onEvent } = this.#options;
    const from = vendors[this.#rung]?.vendor ?? 'carrier';
    const to = vendors[rung]?.vendor ?? 'carrier';
    this.#rung = rung;
    if (from !== to) onEvent({ what: 'ladder-moved', service: 'tts', from, to });
  }
}
