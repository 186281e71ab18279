import { describe, expect, it } from 'vitest';
import { playAll, SCENARIOS, type Result } from './scenarios.ts';

const LIMIT_MS = 240_000;
/** Moments of kills are the same in every run; `npm run reliability` draws new ones. */
const SEED = 20_261_122;
const SIDE_BY_SIDE = [['kill'], ['drain', 'webhook'], ['both-down']];

describe('reliability, short form', () => {
  it('what matters survives a kill, a deploy and an outage', { timeout: LIMIT_MS }, async () => {
    const lists = SIDE_BY_SIDE.map((names) => SCENARIOS.filter(({ name }) => names.includes(name)));
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    const results = await playAll(lists, { short: true, kills: 2, seed: SEED, say });
    const broken = results.flatMap(({ name, findings }: Result) =>
      findings.map((finding) => `${name}: ${finding}`),
    );
    // The findings first: a sum of many tests shows the beginning of a message only.
    expect(broken, [...broken, ...said].join('\n')).toEqual([]);
    expect(results).toHaveLength(SIDE_BY_SIDE.flat().length);
  });
});
