import type { Vendor, VendorError } from '../../src/errors.ts';

/** A word of the spoken text; times are milliseconds from the first byte of its utterance. */
export type TimedWord = { readonly text: string; readonly startMs: number; readonly endMs: number };

/** Utterance ids are the caller's own; events of a cancelled utterance are never reported. */
export type TtsEvent =
  | {
      kind: 'audio';
      utterance: number;
      /** μ-law 8 kHz, base64 as it goes to the carrier. */
      base64: string;
      bytes: number;
      /**
       * Words whose timing became known with this chunk, in order. Undefined where the vendor
       * gives no timings at all.
       */
      words: readonly TimedWord[] | undefined;
    }
  /**
   * Everything of the oldest `say` that was not reported so far has been. Only voices that give no
   * word timings tell; it is the one thing by which their words can be counted.
   */
  | { kind: 'said'; utterance: number }
  /** Every byte of the utterance has been reported. */
  | { kind: 'done'; utterance: number }
  /** This utterance will get no more audio. What was reported before stays good. */
  | { kind: 'utterance-failed'; utterance: number; error: VendorError }
  /** The session is over through no wish of ours; all its utterances have failed. Last event. */
  | { kind: 'failed'; error: VendorError };

export type TtsOptions = {
  readonly voiceId: string;
  readonly language: string;
  /** 1 is the voice's own pace; about 0.9 suits older listeners. */
  readonly speed: number;
  readonly onEvent: (event: TtsEvent) => void;
  readonly openTimeoutMs: number;
  /** From text that must produce sound to its first byte. */
  readonly firstByteTimeoutMs: number;
  /** Longest pause inside an utterance while audio is owed. */
  readonly stallTimeoutMs: number;
};

export interface TtsSession {
  readonly vendor: Vendor;
  /**
   * Adds text to an utterance, opening it on first use. Each call is a clause or sentence that
   * shall be spoken at once; it ends in white space or is the utterance's last.
   */
  say(utterance: number, text: string): void;
  /** No more text for this utterance; `done` follows when its audio is complete. */
  finish(utterance: number): void;
  /** Stops and forgets an utterance. Idempotent; unknown ids are ignored. */
  cancel(utterance: number): void;
  close(): void;
}

export interface TtsVendor {
  readonly vendor: Vendor;
  /** Opens a session; rejects with VendorError. */
  open(options: TtsOptions): Promise<TtsSession>;
}
