/**
 * Talks to the core before anybody calls. The first run of code is many times slower than the rest
 * (patterns are compiled, functions are interpreted); a caller's first words should not pay for it.
 */
import { linesFor } from '../src/companion/lines.ts';
import { observe } from '../src/companion/observer.ts';
import { defaultSettings } from '../src/conversation/settings.ts';
import { startCall, step } from '../src/conversation/step.ts';
import type { Effect, Input } from '../src/conversation/types.ts';
import { ClauseSplitter } from '../src/conversation/clauses.ts';

const SPEECH = {
  en: {
    said: 'I was out in the garden, and my knee is a little sore, but I did not fall.',
    reply: 'Oh, I see. How is the garden doing? I hope that you will rest for a while.',
    nod: 'Mm-hm.',
    stop: 'Wait, no, listen.',
    bye: 'I had better let you go. Talk to you tomorrow, bye.',
  },
  es: {
    said: 'Estuve en el jardín y me duele un poco la rodilla, pero no me caí.',
    reply: 'Ay, ya veo. ¿Cómo está el jardín? Espero que descanse un rato.',
    nod: 'Ajá.',
    stop: 'Espere, escuche.',
    bye: 'Bueno, le dejo. Hablamos mañana, adiós.',
  },
} as const;

/** The first round costs the most by far; after a few, a step takes what it takes in a call. */
const ROUNDS = 4;
const TURNS_PER_ROUND = 4;

export function warmUpCore(): void {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const language of ['en', 'es'] as const) converse(language);
  }
}

function converse(language: 'en' | 'es'): void {
  const { said, reply, nod, stop, bye } = SPEECH[language];
  const lines = linesFor(language, reply);
  let now = 0;
  let state = startCall(defaultSettings(lines, language), now);
  let asked = 0;
  const put = (input: Input): void => {
    now += 20;
    const result = step(state, input, now);
    state = result.state;
    for (const effect of result.effects) asked = askedFor(effect) ?? asked;
  };
  put({ kind: 'stream-attached', resumed: false });
  speak(put, 1);
  for (let turn = 0; turn < TURNS_PER_ROUND; turn += 1) {
    const sttTurn = turn * 3;
    hear(put, sttTurn, turn === TURNS_PER_ROUND - 1 ? bye : said, language);
    const splitter = new ClauseSplitter();
    const clauses = reply.split(/(?= )/).flatMap((token) => splitter.push(token));
    for (const text of [...clauses, ...splitter.end()]) {
      put({ kind: 'reply-clause', utterance: asked, text });
    }
    put({ kind: 'reply-done', utterance: asked });
    speak(put, asked);
    hear(put, sttTurn + 1, nod, language);
    hear(put, sttTurn + 2, stop, language);
    put({ kind: 'tick' });
  }
  put({ kind: 'hung-up' });
}

function askedFor(effect: Effect): number | undefined {
  return effect.kind === 'ask-model' ? effect.utterance : undefined;
}

function hear(
  put: (input: Input) => void,
  sttTurn: number,
  text: string,
  language: 'en' | 'es',
): void {
  const words = text.split(' ');
  put({ kind: 'caller-started', sttTurn, text: '' });
  for (let count = 1; count <= words.length; count += 1) {
    put({ kind: 'caller-partial', sttTurn, text: words.slice(0, count).join(' ') });
  }
  const observed = observe(text, language);
  put({ kind: 'caller-eager-end', sttTurn, text, observed });
  put({ kind: 'caller-final', sttTurn, text, observed });
}

function speak(put: (input: Input) => void, utterance: number): void {
  for (let toMs = 200; toMs <= 1_000; toMs += 200) {
    const words = [{ text: 'word', startMs: toMs - 200, endMs: toMs }];
    put({ kind: 'audio-ready', utterance, totalMs: toMs, words });
    put({ kind: 'audio-sent', utterance, toMs });
  }
  put({ kind: 'audio-ended', utterance, totalMs: 1_000 });
  for (let atMs = 200; atMs <= 800; atMs += 200) put({ kind: 'mark', utterance, atMs });
}
