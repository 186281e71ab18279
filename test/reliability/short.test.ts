import { describe, it } from 'vitest';
import { playAll, SCENARIOS, type Result } from './scenarios.ts';

const LIMIT_MS = 240_000;
/** Moments of kills are the same in every run; `npm run reliability` draws new ones. */
const SEED = 20_261_122;

describe.concurrent('reliability, short form', { timeout: LIMIT_MS }, () => {
  it.for([
    [['kill'], 'a kill'],
    [['drain', 'webhook'], 'a deploy, and a webhook that comes twenty times'],
    [['both-down'], 'an outage of both stores'],
  ] as const)('what matters survives: $1', async ([names], { expect }) => {
    const wanted: readonly string[] = names;
    const list = SCENARIOS.filter(({ name }) => wanted.includes(name));
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    const results = await playAll([list], { short: true, kills: 2, seed: SEED, say });
    const broken = results.flatMap(({ name, findings }: Result) =>
      findings.map((finding) => `${name}: ${finding}`),
    );
    // The findings first: a sum of many tests shows the beginning of a message only.
    expect(broken, [...broken, ...said].join('\n')).toEqual([]);
    expect(results).toHaveLength(names.length);
  });
});
