import type { SpokenWord, Voice } from './types.ts';

/** A synthesis that takes longer than this has gone wrong. */
export const MAX_SYNTH_MS = 30_000;

export type Engine =
  | { readonly kind: 'binary'; readonly path: string }
  | { readonly kind: 'wasm'; readonly moduleUrl: string };

/** What the worker is asked. */
export type SynthRequest = {
  readonly text: string;
  readonly voice: Voice;
  readonly engine: Engine;
};

/** What it answers: sound without in-band words yet, and where its words are. */
export type Sound = { readonly mulaw: Uint8Array; readonly words: readonly SpokenWord[] };

export type SynthReply =
  ({ readonly ok: true } & Sound) | { readonly ok: false; readonly message: string };
