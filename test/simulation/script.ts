/**
 * What happens in one simulated call, as data: who says what and when, and which things go wrong.
 * A script is made from a seed alone; leaving parts of it out is how a failing one is shrunk.
 */
import { seeded } from '../helpers/seeded.ts';

/** Classes of mishap; each can be switched off on its own. */
export const FAULTS = [
  'partials-dropped',
  'events-doubled',
  'finals-late',
  'finals-empty',
  'ears-stall',
  'ears-fall-back',
  'mind-slow',
  'mind-stalls',
  'mind-fails',
  'mind-late',
  'tools',
  'tools-fail',
  'voice-slow',
  'voice-untimed',
  'voice-fails',
  'voice-late',
  'marks-late',
  'marks-lost',
  'hang-up-unconfirmed',
] as const;
export type Fault = (typeof FAULTS)[number];

/** When the caller acts: so long after the companion fell silent, began to speak, or the act before. */
export type Cue = { readonly on: 'silence' | 'speech' | 'time'; readonly ms: number };

export type Act =
  | {
      readonly kind: 'speak';
      readonly cue: Cue;
      /** Each with the pause before it. */
      readonly words: readonly { readonly word: string; readonly gapMs: number }[];
      readonly alarming: boolean;
    }
  | { readonly kind: 'noise'; readonly cue: Cue; readonly closes: boolean }
  | { readonly kind: 'digit'; readonly cue: Cue; readonly digit: string }
  | { readonly kind: 'hang-up'; readonly cue: Cue }
  | { readonly kind: 'lose-stream'; readonly cue: Cue; readonly backMs: number | undefined }
  /** The process dies; another goes on from the last snapshot. */
  | { readonly kind: 'die'; readonly cue: Cue; readonly backMs: number | undefined }
  | {
      readonly kind: 'drain';
      readonly cue: Cue;
      readonly how: 'move' | 'wind-up';
      readonly withinMs: number;
    }
  | { readonly kind: 'context-changed'; readonly cue: Cue }
  | { readonly kind: 'answered-by'; readonly cue: Cue; readonly who: 'human' | 'machine' | 'fax' };

export type Script = {
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly acts: readonly Act[];
  readonly endSilenceMs: number;
  readonly eager: boolean;
  readonly networkMs: number;
  readonly goodbyeNotBeforeMs: number;
  readonly endAfterMs: number;
  readonly longestTurnMs: number;
};

export type Chance = {
  readonly number: () => number;
  readonly between: (low: number, high: number) => number;
  readonly hit: (probability: number) => boolean;
  readonly pick: <T>(from: readonly T[]) => T;
};

export function chance(seed: number): Chance {
  const number = seeded(seed);
  return {
    number,
    between: (low, high) => Math.round(low + number() * (high - low)),
    hit: (probability) => number() < probability,
    pick: (from) => from[Math.floor(number() * from.length)]!,
  };
}

const NODS = ['mm-hm', 'yes dear', 'uh-huh', 'oh', 'right', 'hello?'];
const STOPS = ['wait', 'stop', 'no listen'];
const GOODBYES = ['good night', 'talk to you tomorrow', 'bye'];

export function makeScript(seed: number): Script {
  const luck = chance(seed);
  const acts: Act[] = [];
  const counter = { words: 0 };
  const count = luck.between(1, 11);
  if (luck.hit(0.08)) acts.push(pickUp(luck));
  for (let n = 0; n < count; n += 1) acts.push(makeAct(luck, counter));
  if (luck.hit(0.3)) acts.push(speak(luck, counter, luck.pick(GOODBYES)));
  if (luck.hit(0.4)) acts.push({ kind: 'hang-up', cue: cue(luck) });
  // Drawn from a chance of its own, so that every other part of a seed's script stays as it was.
  dieSometimes(chance(seed + 101), acts);
  return {
    seed,
    faults: FAULTS.filter(() => luck.hit(0.25)),
    acts,
    endSilenceMs: luck.pick([0, 0, 0, 800, 1200]),
    eager: luck.hit(0.7),
    networkMs: luck.pick([0, 20, 60]),
    goodbyeNotBeforeMs: luck.pick([0, 5000, 60_000]),
    endAfterMs: luck.pick([30_000, 90_000, 240_000]),
    longestTurnMs: luck.pick([4000, 60_000, 60_000]),
  };
}

function dieSometimes(luck: Chance, acts: Act[]): void {
  while (luck.hit(0.15) && acts.length > 0) {
    const backMs = luck.hit(0.9) ? luck.between(200, 9000) : undefined;
    acts.splice(luck.between(0, acts.length), 0, { kind: 'die', cue: cue(luck), backMs });
  }
}

function pickUp(luck: Chance): Act {
  const who = luck.pick(['human', 'machine', 'fax'] as const);
  return { kind: 'answered-by', cue: { on: 'time', ms: luck.between(300, 5000) }, who };
}

function makeAct(luck: Chance, counter: { words: number }): Act {
  const roll = luck.number();
  if (roll < 0.62) return speak(luck, counter, luck.hit(0.15) ? luck.pick(STOPS) : '');
  if (roll < 0.74) return nodding(luck);
  if (roll < 0.84) return { kind: 'noise', cue: cue(luck), closes: luck.hit(0.6) };
  if (roll < 0.87) return { kind: 'digit', cue: cue(luck), digit: luck.pick(['1', '2']) };
  if (roll < 0.92) return { kind: 'context-changed', cue: cue(luck) };
  if (roll < 0.96) {
    const backMs = luck.hit(0.75) ? luck.between(200, 9000) : undefined;
    return { kind: 'lose-stream', cue: cue(luck), backMs };
  }
  const how = luck.pick(['move', 'wind-up'] as const);
  return { kind: 'drain', cue: cue(luck), how, withinMs: luck.between(1000, 25_000) };
}

function cue(luck: Chance): Cue {
  const on = luck.pick(['silence', 'silence', 'speech', 'speech', 'time'] as const);
  const slow = luck.hit(0.1);
  return { on, ms: slow ? luck.between(3000, 14_000) : luck.between(0, 2500) };
}

/** Words that occur once in a call, so that a lost or a doubled one shows. */
function speak(luck: Chance, counter: { words: number }, opening: string): Act {
  const words: { word: string; gapMs: number }[] = [];
  for (const word of opening.split(' ')) if (word !== '') words.push({ word, gapMs: 60 });
  const length = luck.hit(0.3) ? luck.between(1, 2) : luck.between(3, 14);
  for (let n = 0; n < length; n += 1) {
    counter.words += 1;
    const pause = luck.hit(0.15) ? luck.between(300, 1500) : luck.between(20, 120);
    words.push({ word: `w${counter.words}`, gapMs: pause });
  }
  return { kind: 'speak', cue: cue(luck), words, alarming: luck.hit(0.05) };
}

function nodding(luck: Chance): Act {
  const words = luck
    .pick(NODS)
    .split(' ')
    .map((word) => ({ word, gapMs: 60 }));
  return {
    kind: 'speak',
    cue: { on: 'speech', ms: luck.between(0, 3000) },
    words,
    alarming: false,
  };
}
