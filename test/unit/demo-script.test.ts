import { describe, expect, test } from 'vitest';
import { parseOptions, USAGE } from '../../demo/options.ts';
import { SCENARIOS } from '../../demo/scenarios/index.ts';
import { scenarioClauses } from '../../demo/world.ts';
import { judgeOverlap } from '../../src/conversation/lexicon.ts';
import type { Scenario, SpeechStep } from '../../demo/script.ts';

function textOf(step: SpeechStep): string {
  return step.pieces.flatMap((piece) => ('say' in piece ? [piece.say] : [])).join(' ');
}

function speech(scenario: Scenario): SpeechStep[] {
  return scenario.steps.filter((step) => step.kind !== 'hang-up');
}

describe.each(SCENARIOS)('scenario $name', (scenario) => {
  test('has a scripted reply for every turn, and each reply has its turn', () => {
    const used = new Set<number>();
    for (const step of speech(scenario)) {
      if (step.kind === 'backchannel') continue;
      const index = scenario.replies.findIndex(({ match }) => match.test(textOf(step)));
      expect(index, textOf(step)).toBeGreaterThanOrEqual(0);
      expect(used.has(index), textOf(step)).toBe(false);
      used.add(index);
    }
    expect(used.size).toBeLessThanOrEqual(scenario.replies.length);
  });

  test('interrupts only replies that are long enough to be interrupted', () => {
    const steps = speech(scenario);
    for (const [i, step] of steps.entries()) {
      if (step.kind === 'turn') continue;
      const asked = steps.slice(0, i).findLast((each) => each.kind !== 'backchannel');
      const reply = scenario.replies.find(({ match }) => asked && match.test(textOf(asked)))?.reply;
      expect(typeof reply === 'string' ? reply.split(' ').length : 0).toBeGreaterThan(
        step.afterWords + 4,
      );
    }
  });

  test('means what it says: interruptions interrupt by their trigger word, nods do not', () => {
    const { language } = scenario.person;
    for (const step of speech(scenario)) {
      const words = textOf(step).split(' ');
      if (step.kind === 'backchannel') {
        expect(judgeOverlap(textOf(step), language)).toBe('backchannel');
      } else if (step.kind === 'interruption') {
        const before = words.slice(0, step.triggerWord).join(' ');
        const upTo = words.slice(0, step.triggerWord + 1).join(' ');
        expect(['stop', 'content']).not.toContain(judgeOverlap(before, language));
        expect(['stop', 'content']).toContain(judgeOverlap(upTo, language));
      }
    }
  });

  test('its clauses are its replies, cut for answers and again for drafts', () => {
    const replies = scenario.replies.flatMap(({ reply }) =>
      typeof reply === 'string' ? [reply, reply] : [],
    );
    const spaceless = (text: string): string => text.replaceAll(/\s+/g, '');
    expect(spaceless(scenarioClauses(scenario).join(''))).toBe(spaceless(replies.join('')));
  });
});

test('the main scenario is the call that was asked for', () => {
  const margaret = SCENARIOS.find(({ name }) => name === 'margaret')!;
  const steps = speech(margaret);
  expect(steps.filter((step) => step.kind !== 'backchannel').length).toBeGreaterThanOrEqual(8);
  expect(steps.filter((step) => step.kind === 'backchannel')).toHaveLength(1);
  expect(steps.filter((step) => step.kind === 'interruption')).toHaveLength(1);
  const pauses = steps.flatMap((s) => s.pieces.flatMap((p) => ('pauseMs' in p ? [p.pauseMs] : [])));
  expect(pauses.filter((ms) => ms === 1_000).length).toBeGreaterThanOrEqual(2);
  expect(pauses).toContain(1_500);
  expect(margaret.expect.alert).toBe('fall');
});

test('the impatient caller interrupts six times', () => {
  const impatient = SCENARIOS.find(({ name }) => name === 'impatient')!;
  expect(impatient.steps.filter((step) => step.kind === 'interruption')).toHaveLength(6);
});

describe('options', () => {
  test('without arguments: the main scenario, once', () => {
    expect(parseOptions([])).toEqual({
      scenario: 'margaret',
      json: false,
      live: false,
      untimed: false,
      repeat: 1,
      help: false,
    });
  });

  test('everything given', () => {
    expect(
      parseOptions(['--json', '--live', '--repeat', '3', '--scenario', 'silent']),
    ).toMatchObject({
      scenario: 'silent',
      json: true,
      live: true,
      repeat: 3,
    });
    expect(parseOptions(['--once', '--json']).repeat).toBe(1);
  });

  test.each([
    [['--scenario', 'nobody']],
    [['--repeat', '0']],
    [['--repeat', '1e9']],
    [['--once', '--repeat', '2']],
    [['--unknown']],
    [['stray']],
  ])('refuses %j', (args) => {
    expect(() => parseOptions(args)).toThrow();
  });

  test('the usage names every scenario', () => {
    for (const { name } of SCENARIOS) expect(USAGE).toContain(name);
  });
});
