/** The caller's part of a cell: when to speak, what to wait for, what to do about what is heard. */
import { setTimeout as sleep } from 'node:timers/promises';
import { buildUtterance, type Utterance } from '../../../emulators/speech/utterance.ts';
import type { CallerLeg } from '../../../emulators/twilio/types.ts';
import type { Moment } from './cells.ts';
import type { Phrase } from './evidence.ts';
import { phrasesHeard, type HeardPhrase } from './heard.ts';
import type { Member } from './meeting.ts';
import { EXCHANGES, STORY, type ExchangeName } from './phrases.ts';

export type Said = {
  readonly exchange: ExchangeName;
  readonly text: string;
  readonly repetition: number;
  readonly firstFrameAtMs: number;
  readonly lastWordAtMs: number;
};

export type Part = {
  readonly said: readonly Said[];
  readonly underWay: string | undefined;
  readonly trouble: string | undefined;
};

/** Longer than any promise, so that a late answer is seen to be late. */
const PATIENCE_MS = 16_000;
const POLL_MS = 50;
const MOST_REPETITIONS = 1;
const QUIET_MS = 700;
/** The story takes ten seconds; with every silence that may be in it, and what may follow it, so long. */
const STORY_WITHIN_MS = 40_000;
/** Above the longest silence there may be, so that one that is too long is seen to be. */
const NOBODY_WAITS_MS = 6_000;
/** The caller has begun to speak when the fault comes. */
const STORY_WORDS = 4;

const OWNING_UP: ReadonlySet<Phrase['means']> = new Set<Phrase['means']>([
  'apology',
  'lost',
  'keypad',
  'goodbye',
]);
const ASKS_AGAIN = /say that again|once more|what were you saying|please say hello/i;

let utterances: Promise<Record<ExchangeName, Utterance>> | undefined;

/** The caller's lines as sound; made once for the process. */
export async function callerLines(): Promise<Record<ExchangeName, Utterance>> {
  utterances ??= (async () => {
    const made = await Promise.all(
      Object.entries(EXCHANGES).map(async ([name, { say }]) => {
        return [name, await buildUtterance([{ say, finality: 'complete' }])] as const;
      }),
    );
    return Object.fromEntries(made) as Record<ExchangeName, Utterance>;
  })();
  return await utterances;
}

export class Caller {
  readonly #leg: CallerLeg;
  readonly #vocabulary: readonly Phrase[];
  readonly #said: Said[] = [];
  #underWay: string | undefined;

  constructor(leg: CallerLeg, vocabulary: readonly Phrase[]) {
    this.#leg = leg;
    this.#vocabulary = vocabulary;
  }

  /** Plays the part and puts the phone down. Never rejects: what goes wrong is a finding. */
  async play(moment: Moment, endsWith: 'hang-up' | 'goodbye', member: Member): Promise<Part> {
    try {
      await this.#leg.waitForStream({ timeoutMs: PATIENCE_MS });
      await this.#play(moment, member);
      if (endsWith === 'goodbye' && this.#isOn) await this.#sayGoodbye();
    } catch (error) {
      return this.#part(`the caller got no further: ${String(error)}`);
    } finally {
      member.leave();
      if (this.#isOn) await this.#leg.hangUp();
    }
    return this.#part(undefined);
  }

  get #isOn(): boolean {
    return this.#leg.status === 'in-progress';
  }

  #part(trouble: string | undefined): Part {
    return { said: this.#said, underWay: this.#underWay, trouble };
  }

  async #play(moment: Moment, member: Member): Promise<void> {
    await this.#greeted();
    switch (moment) {
      case 'before':
        await this.#ask('roses');
        await this.#ask('sister');
        return;
      case 'first-turn':
        await member.arrive();
        await this.#ask('roses');
        await this.#ask('sister');
        return;
      case 'mid-sentence':
        await this.#beginStory();
        this.#underWay = STORY;
        await member.arrive();
        await this.#storyOver();
        await this.#ask('sister');
        return;
      case 'barge-in':
        await this.#beginStory();
        this.#underWay = STORY;
        await member.arrive();
        await this.#ask('kettle');
        await this.#ask('sister');
        return;
    }
  }

  async #greeted(): Promise<void> {
    await this.#leg.waitForWords(/\?|hold on/, { timeoutMs: PATIENCE_MS }).catch(() => undefined);
    await this.#quiet(PATIENCE_MS);
  }

  async #beginStory(): Promise<void> {
    const fromWord = this.#leg.playout.heardWords().length;
    await this.#say('story', 0);
    await this.#leg.waitForWords((_text, words) => words.length >= STORY_WORDS, {
      fromWord,
      timeoutMs: PATIENCE_MS,
    });
  }

  /**
   * Listens to the story: to its end, or to what is said in its place, or until it has been silent
   * for so long that nobody would wait any more. A pause in it is no reason to speak.
   */
  async #storyOver(): Promise<void> {
    const deadline = performance.now() + STORY_WITHIN_MS;
    let heardWords = -1;
    let heardAt = 0;
    while (performance.now() < deadline && this.#isOn) {
      const phrases = this.#phrasesFrom(0);
      const isOver = phrases.some(
        ({ phrase, complete }) =>
          complete && (phrase.text === STORY || OWNING_UP.has(phrase.means)),
      );
      if (isOver) break;
      const words = this.#leg.playout.heardWords().length;
      if (words !== heardWords) heardAt = performance.now();
      heardWords = words;
      if (performance.now() - heardAt > NOBODY_WAITS_MS) break;
      await sleep(POLL_MS);
    }
    await this.#quiet(PATIENCE_MS);
  }

  /** Waits for the end of whatever is being said; at most so long. */
  async #quiet(forMs: number): Promise<void> {
    if (!this.#isOn) return;
    await this.#leg
      .waitForSilence({ afterMs: QUIET_MS, timeoutMs: forMs + PATIENCE_MS })
      .catch(() => undefined);
  }

  /** Says something, waits for the outcome, and says it again if the line asks for it. */
  async #ask(exchange: ExchangeName): Promise<void> {
    for (let repetition = 0; repetition <= MOST_REPETITIONS; repetition += 1) {
      if (!this.#isOn) return;
      const fromMs = await this.#say(exchange, repetition);
      const outcome = await this.#outcome(exchange, fromMs);
      if (outcome === 'keypad') await this.#leg.press('1');
      await this.#quiet(PATIENCE_MS);
      if (outcome !== 'asks-again') return;
    }
  }

  async #say(exchange: ExchangeName, repetition: number): Promise<number> {
    const line = (await callerLines())[exchange];
    const { firstFrameAtMs, lastSpeechFrameAtMs } = await this.#leg.say(line);
    this.#said.push({
      exchange,
      text: line.text,
      repetition,
      firstFrameAtMs,
      lastWordAtMs: lastSpeechFrameAtMs,
    });
    return firstFrameAtMs - (this.#leg.answeredAtMs ?? 0);
  }

  async #outcome(
    exchange: ExchangeName,
    fromMs: number,
  ): Promise<'answered' | 'asks-again' | 'keypad' | 'none'> {
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline && this.#isOn) {
      const phrases = this.#phrasesFrom(fromMs);
      for (const { phrase, complete } of phrases) {
        if (phrase.text === EXCHANGES[exchange].reply) return 'answered';
        if (!complete) continue;
        if (phrase.means === 'keypad') return 'keypad';
        if (phrase.means === 'goodbye') return 'answered';
        if (phrase.means === 'apology') return ASKS_AGAIN.test(phrase.text) ? 'asks-again' : 'none';
      }
      // The line was lost: what was understood before that is answered now, or not at all.
      if (phrases.some(({ phrase, complete }) => complete && phrase.means === 'lost')) {
        const heard = this.#leg.playout.heardWords().length;
        await this.#quiet(PATIENCE_MS);
        if (this.#leg.playout.heardWords().length === heard) return 'asks-again';
      }
      await sleep(POLL_MS);
    }
    return 'none';
  }

  #phrasesFrom(fromMs: number): readonly HeardPhrase[] {
    const words = this.#leg.playout
      .heardWords()
      .filter(({ lineStartMs }) => lineStartMs >= fromMs)
      .map(({ text, lineStartMs, lineEndMs, damaged }) => {
        return { text, startMs: lineStartMs, endMs: lineEndMs, damaged };
      });
    return phrasesHeard(words, this.#vocabulary).phrases;
  }

  async #sayGoodbye(): Promise<void> {
    await this.#say('goodbye', 0);
    await this.#leg.ended({ timeoutMs: 30_000 });
  }
}
