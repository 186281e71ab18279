/**
 * Talks to the core before anybody calls. The first run of code is many times slower than the rest
 * (patterns are compiled, functions are interpreted); a caller's first words should not pay for it.
 *
 * It takes about 0.4 s, in slices between which whoever calls already has their turn: the words of
 * the first caller come seconds after the first webhook.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { linesFor } from '../src/companion/lines.ts';
import { observe, warmUpObserver } from '../src/companion/observer.ts';
import { defaultSettings } from '../src/conversation/settings.ts';
import { startCall, step } from '../src/conversation/step.ts';
import type { Effect, Input } from '../src/conversation/types.ts';
import { ClauseSplitter } from '../src/conversation/clauses.ts';
import { monotonicMs } from '../src/events.ts';

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

/** The event loop is never held for much longer than this. */
const SLICE_MS = 4;

/** Returns early when `isStopped`. */
export async function warmUpCore(isStopped: () => boolean): Promise<void> {
  let sliceEndsAt = monotonicMs() + SLICE_MS;
  for (const steps of [warmUpConversations(), warmUpObserver()]) {
    for (const _step of steps) {
      if (monotonicMs() < sliceEndsAt) continue;
      await nextTurn();
      if (isStopped()) return;
      sliceEndsAt = monotonicMs() + SLICE_MS;
    }
  }
}

function* warmUpConversations(): Generator<void, void, undefined> {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const language of ['en', 'es'] as const) yield* converse(language);
  }
}

/** One whole call; yields after every step. */
function* converse(language: 'en' | 'es'): Generator<void, void, undefined> {
  let now = 0;
  let state = startCall(defaultSettings(linesFor(language, SPEECH[language].reply), language), now);
  let asked = 0;
  for (const input of inputsOf(language, () => asked)) {
    now += 20;
    const result = step(state, input, now);
    state = result.state;
    for (const effect of result.effects) asked = askedFor(effect) ?? asked;
    yield;
  }
}

/** What happens in it. `asked`: the utterance that the model was last asked for. */
function* inputsOf(language: 'en' | 'es', asked: () => number): Generator<Input, void, undefined> {
  const { said, reply, nod, stop, bye } = SPEECH[language];
  yield { kind: 'stream-attached', resumed: false };
  yield* spoken(1);
  for (let turn = 0; turn < TURNS_PER_ROUND; turn += 1) {
    const sttTurn = turn * 3;
    yield* heard(sttTurn, turn === TURNS_PER_ROUND - 1 ? bye : said, language);
    const splitter = new ClauseSplitter();
    const clauses = reply.split(/(?= )/).flatMap((token) => splitter.push(token));
    for (const text of [...clauses, ...splitter.end()]) {
      yield { kind: 'reply-clause', utterance: asked(), text };
    }
    yield { kind: 'reply-done', utterance: asked() };
    yield* spoken(asked());
    yield* heard(sttTurn + 1, nod, language);
    yield* heard(sttTurn + 2, stop, language);
    yield { kind: 'tick' };
  }
  yield { kind: 'hung-up' };
}

function askedFor(effect: Effect): number | undefined {
  return effect.kind === 'ask-model' ? effect.utterance : undefined;
}

function* heard(
  sttTurn: number,
  text: string,
  language: 'en' | 'es',
): Generator<Input, void, undefined> {
  const words = text.split(' ');
  yield { kind: 'caller-started', sttTurn, text: '' };
  for (let count = 1; count <= words.length; count += 1) {
    yield { kind: 'caller-partial', sttTurn, text: words.slice(0, count).join(' ') };
  }
  const observed = observe(text, language);
  yield { kind: 'caller-eager-end', sttTurn, text, observed };
  yield { kind: 'caller-final', sttTurn, text, observed };
}

function* spoken(utterance: number): Generator<Input, void, undefined> {
  for (let toMs = 200; toMs <= 1_000; toMs += 200) {
    const words = [{ text: 'word', startMs: toMs - 200, endMs: toMs }];
    yield { kind: 'audio-ready', utterance, totalMs: toMs, words };
    yield { kind: 'audio-sent', utterance, toMs };
  }
  yield { kind: 'audio-ended', utterance, totalMs: 1_000 };
  for (let atMs = 200; atMs <= 800; atMs += 200) yield { kind: 'mark', utterance, atMs };
}
