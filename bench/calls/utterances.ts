/** The callers' sound: synthesised once, given its own last word for every turn. */
import {
  embedWords,
  nextUtteranceId,
  type EmbeddedWord,
} from '../../emulators/speech/inband-encode.ts';
import { CALLER_EN, synthesiseSound } from '../../emulators/speech/synth.ts';
import type { Sound } from '../../emulators/speech/synth-types.ts';
import {
  BYTES_PER_MS,
  SILENCE_BYTE,
  type Finality,
  type Speech,
} from '../../emulators/speech/types.ts';
import { FIRST_HALF, INTERRUPTION, SENTENCES, type TurnKind } from './plan.ts';

/** Long enough for an eager end (133 ms of silence), too short for an end of turn (333 ms). */
const PAUSE_MS = 240;

export type Sounds = {
  readonly sentences: readonly Sound[];
  readonly firstHalf: Sound;
  readonly interruption: Sound;
};

/** Synthesises, or takes from the cache on disk, everything that callers say. */
export async function loadSounds(): Promise<Sounds> {
  const sound = async (text: string): Promise<Sound> => await synthesiseSound(text, CALLER_EN);
  return {
    sentences: await Promise.all(SENTENCES.map(sound)),
    firstHalf: await sound(FIRST_HALF),
    interruption: await sound(INTERRUPTION),
  };
}

/** Speech of one turn, with `token` for its last word. */
export function utteranceOf(sounds: Sounds, kind: TurnKind, token: string, index: number): Speech {
  const sentence = sounds.sentences[index % sounds.sentences.length] ?? sounds.interruption;
  switch (kind) {
    case 'plain':
      return assemble(wordsOf(sentence, 'abrupt', token, 0), [sentence.mulaw]);
    case 'eager':
      return assemble(wordsOf(sentence, 'complete', token, 0), [sentence.mulaw]);
    case 'resumed': {
      const { firstHalf } = sounds;
      const pause = new Uint8Array(PAUSE_MS * BYTES_PER_MS).fill(SILENCE_BYTE);
      const fromMs = firstHalf.mulaw.length / BYTES_PER_MS + PAUSE_MS;
      const words = [
        ...wordsOf(firstHalf, 'complete', token, 0),
        ...wordsOf(sentence, 'abrupt', token, fromMs),
      ];
      return assemble(words, [firstHalf.mulaw, pause, sentence.mulaw]);
    }
    case 'barge-early':
    case 'barge-late': {
      const { interruption } = sounds;
      return assemble(wordsOf(interruption, 'abrupt', token, 0), [interruption.mulaw]);
    }
  }
}

function wordsOf(
  sound: Sound,
  finality: Finality,
  lastWord: string,
  fromMs: number,
): EmbeddedWord[] {
  const last = sound.words.length - 1;
  return sound.words.map((word, i) => ({
    text: i === last ? `${lastWord}.` : word.text,
    startMs: word.startMs + fromMs,
    endMs: word.endMs + fromMs,
    finality: i === last ? finality : 'holding',
  }));
}

function assemble(words: readonly EmbeddedWord[], parts: readonly Uint8Array[]): Speech {
  const mulaw = new Uint8Array(Buffer.concat(parts));
  return { mulaw: embedWords(mulaw, words, nextUtteranceId()), words };
}
