/**
 * Calls made up from seeds, with everything going wrong that can, and every invariant checked after
 * every step. A failing seed is shrunk and printed so that it can be pinned.
 */
import { describe, expect, it } from 'vitest';
import { PINNED } from './pinned.ts';
import { makeScript } from './script.ts';
import { shrink, without } from './shrink.ts';
import { simulate } from './world.ts';

const SEEDS = 500;

describe('simulated calls', () => {
  it(`${SEEDS} seeds keep every promise`, () => {
    let steps = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const script = makeScript(seed);
      const outcome = simulate(script);
      steps += outcome.steps;
      const [violation] = outcome.violations;
      if (!violation) continue;
      const omit = JSON.stringify(shrink(script, violation.invariant));
      expect.fail(`${violation.invariant} at ${violation.at}: ${violation.what}
        pin it as { name: '…', seed: ${seed}, omit: ${omit} }`);
    }
    // A world in which nothing happens would keep every promise too.
    expect(steps).toBeGreaterThan(SEEDS * 100);
  });

  it('the same seed gives the same call', () => {
    for (const seed of [3, 42, 271]) {
      const script = makeScript(seed);
      expect(makeScript(seed)).toEqual(script);
      expect(simulate(script, undefined, true)).toEqual(simulate(script, undefined, true));
    }
  });

  for (const { name, seed, omit } of PINNED) {
    it(`pinned: ${name}`, () => {
      expect(simulate(without(makeScript(seed), omit)).violations).toEqual([]);
    });
  }
});
