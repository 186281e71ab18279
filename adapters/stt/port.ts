import type { VendorError, VendorFailure, Vendor } from '../../src/errors.ts';

/** Turn-taking knobs, per person. Units: probabilities 0–1 and milliseconds. */
export type EndOfTurnSettings = {
  readonly eotThreshold: number;
  /** Undefined: no eager ends are offered. */
  readonly eagerEotThreshold: number | undefined;
  readonly eotTimeoutMs: number;
};

/**
 * What a speech-to-text session reports. `turn` counts the session's turns from 0; `audioMs` is how
 * much of the audio sent on this session the event covers; `text` is the whole turn so far.
 */
export type SttEvent =
  | { kind: 'started'; turn: number; text: string; audioMs: number }
  | { kind: 'partial'; turn: number; text: string; audioMs: number }
  | { kind: 'eager-end'; turn: number; text: string; audioMs: number; confidence: number }
  | { kind: 'resumed'; turn: number; text: string; audioMs: number }
  | {
      kind: 'end';
      turn: number;
      text: string;
      audioMs: number;
      trigger: 'model' | 'timeout' | 'manual' | 'other';
    }
  /** The session is over through no wish of ours. Always the last event, at most once. */
  | { kind: 'failed'; error: VendorError };

export type SttOptions = {
  /** BCP 47: 'en-US', 'es-US'. */
  readonly language: string;
  readonly endOfTurn: EndOfTurnSettings;
  /** Names and words worth listening for. */
  readonly keyterms: readonly string[];
  readonly onEvent: (event: SttEvent) => void;
  /** Longest wait for the socket to open. */
  readonly openTimeoutMs: number;
};

export interface SttSession {
  readonly vendor: Vendor;
  /** Audio sent on this session that the vendor has judged, words or silence, milliseconds. */
  readonly judgedMs: number;
  /**
   * μ-law 8 kHz, any length above 0. `inPause`: speech stopped a moment ago, so that this audio may
   * decide that a turn is over; what is gathered into messages then goes out sooner. Never throws; a
   * session that cannot take the audio fails by event.
   */
  sendAudio(mulaw: Uint8Array, inPause?: boolean): void;
  /** Applies new turn-taking settings where the vendor can; otherwise does nothing. */
  configure(settings: EndOfTurnSettings): void;
  /**
   * Ends the session; no event follows. Idempotent. `because`: the listener found it useless, for
   * those who keep count of a vendor's failures.
   */
  close(because?: VendorFailure): void;
}

export interface SttVendor {
  readonly vendor: Vendor;
  /** Opens a session; rejects with VendorError. */
  open(options: SttOptions): Promise<SttSession>;
}
