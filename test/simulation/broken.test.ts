/** The simulation can fail: a core that is broken in one way is caught by the matching invariant. */
import { describe, expect, it } from 'vitest';
import { step, type StepResult } from '../../src/conversation/step.ts';
import type { Effect, HistoryEntry } from '../../src/conversation/types.ts';
import type { Invariant } from './invariants.ts';
import { makeScript } from './script.ts';
import { simulate, type Step } from './world.ts';
import type { Resume } from './afterlife.ts';
import { resumeCall } from '../../src/conversation/resume.ts';

/** Every mistake shows within this many calls. */
const SEEDS = 120;

/** A core whose orders are tampered with. */
function tampered(change: (effect: Effect) => readonly Effect[]): Step {
  return (state, input, now) => {
    const result = step(state, input, now);
    return { ...result, effects: result.effects.flatMap(change) };
  };
}

function without(kind: Effect['kind']): Step {
  return tampered((effect) => (effect.kind === kind ? [] : [effect]));
}

function twice(kind: Effect['kind']): Step {
  return tampered((effect) => (effect.kind === kind ? [effect, effect] : [effect]));
}

function waking(wake: (result: StepResult, now: number) => number | undefined): Step {
  return (state, input, now) => {
    const result = step(state, input, now);
    return result.wakeAt === undefined ? result : { ...result, wakeAt: wake(result, now) };
  };
}

function unsaid(history: readonly HistoryEntry[]): readonly HistoryEntry[] {
  const first = history.find((entry) => entry.role === 'caller');
  return history.filter((entry) => entry !== first || history.at(-1) === first);
}

let calls = 0;

const MISTAKES: readonly { name: string; breaks: Invariant; core: Step }[] = [
  {
    name: 'it ignores every third turn of the recogniser',
    breaks: 'words-lost',
    core: (state, input, now) =>
      input.kind === 'caller-final' && input.sttTurn % 3 === 0
        ? { ...step(state, { kind: 'tick' }, now) }
        : step(state, input, now),
  },
  {
    name: 'it does not show the model the first thing the caller said',
    breaks: 'words-lost',
    core: tampered((e) => [e.kind === 'ask-model' ? { ...e, history: unsaid(e.history) } : e]),
  },
  {
    name: 'it shows the model the last turn twice',
    breaks: 'words-doubled',
    core: tampered((e) => [
      e.kind === 'ask-model' ? { ...e, history: [...e.history, ...e.history.slice(-1)] } : e,
    ]),
  },
  {
    name: 'it records what the caller said under two turns',
    breaks: 'words-doubled',
    core: tampered((e) =>
      e.kind === 'record-caller' ? [e, { ...e, turnId: `${e.turnId}-again` }] : [e],
    ),
  },
  {
    name: 'it remembers less than was heard',
    breaks: 'heard-text',
    core: tampered((e) => [
      e.kind === 'record-companion'
        ? { ...e, heard: e.heard.split(' ').slice(0, -4).join(' ') }
        : e,
    ]),
  },
  { name: 'it does not empty the carrier', breaks: 'one-mouth', core: without('clear') },
  { name: 'it does not call off the model', breaks: 'bounded', core: without('cancel-model') },
  {
    name: 'it makes drafts without end',
    breaks: 'bounded',
    core: (state, input, now) =>
      step({ ...state, settings: { ...state.settings, draftsPerTurn: 99 } }, input, now),
  },
  { name: 'it never says that it has finished', breaks: 'ends', core: without('finish') },
  { name: 'it finishes twice', breaks: 'ends', core: twice('finish') },
  { name: 'it lets nothing out', breaks: 'silence', core: without('release') },
  {
    name: 'it sleeps through its deadlines',
    breaks: 'silence',
    core: waking(({ wakeAt }) => (wakeAt ?? 0) + 9000),
  },
  { name: 'it never sleeps', breaks: 'busy-loop', core: waking((_, now) => now) },
  {
    name: 'it remembers something outside its state',
    breaks: 'pure',
    core: waking(({ wakeAt }) => (wakeAt ?? 0) + ((calls += 1) % 2)),
  },
  { name: 'it releases everything twice', breaks: 'protocol', core: twice('release') },
  { name: 'it goes on holding', breaks: 'protocol', core: without('unpause') },
  { name: 'it runs each tool twice', breaks: 'protocol', core: twice('run-tool') },
  { name: 'it does not hear a cry for help', breaks: 'alerts', core: without('raise-alert') },
  { name: 'it raises each alert twice', breaks: 'alerts', core: twice('raise-alert') },
];

const FORGETFUL: readonly { name: string; breaks: Invariant; resume: Resume }[] = [
  {
    name: 'it does not remember the conversation',
    breaks: 'words-lost',
    resume: (settings, snapshot, now) => resumeCall(settings, { ...snapshot, history: [] }, now),
  },
  {
    name: 'it believes that what was being said was heard',
    breaks: 'heard-text',
    resume: (settings, snapshot, now) => {
      const said = { role: 'companion', utterance: 999, text: 'all of it' } as const;
      const history = [...snapshot.history, { ...said, interrupted: false, open: false }];
      return resumeCall(settings, { ...snapshot, history }, now);
    },
  },
  {
    name: 'it begins its time anew and numbers its words as before',
    breaks: 'protocol',
    resume: (settings, snapshot, now) =>
      resumeCall(settings, { ...snapshot, nextUtterance: 1, nextTurn: 1 }, now),
  },
];

describe('a broken takeover is caught', () => {
  for (const { name, breaks, resume } of FORGETFUL) {
    it(`${name}: ${breaks}`, () => {
      const caught = Array.from({ length: SEEDS * 4 }, (_, seed) => seed + 1).some((seed) =>
        simulate(makeScript(seed), undefined, false, resume).violations.some(
          (violation) => violation.invariant === breaks,
        ),
      );
      expect(caught, `${SEEDS * 4} seeds`).toBe(true);
    });
  }
});

describe('a broken core is caught', () => {
  for (const { name, breaks, core } of MISTAKES) {
    it(`${name}: ${breaks}`, () => {
      let seed = 1;
      let caught = false;
      for (; seed <= SEEDS && !caught; seed += 1) {
        const { violations } = simulate(makeScript(seed), core);
        caught = violations.some((violation) => violation.invariant === breaks);
      }
      expect(caught, `${SEEDS} seeds`).toBe(true);
    });
  }
});
