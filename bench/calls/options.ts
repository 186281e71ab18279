/** The command line of the load benchmark. */
import { parseArgs } from 'node:util';

export type Options = {
  /** Levels to run, ascending; undefined: climb until it is too much. */
  readonly calls: readonly number[] | undefined;
  /** Measured time at a level, after ramp and warm-up. */
  readonly seconds: number;
  readonly json: boolean;
  readonly profile: boolean;
  /** Seconds of calls coming and going. */
  readonly soak: number | undefined;
  readonly against: string | undefined;
  /** Pairs of runs with spans sent to a receiver and without. */
  readonly tracing: boolean;
  readonly rounds: number;
  /** The climb ends after so many minutes at the latest. */
  readonly minutes: number;
  /** What the server's environment has besides, by name. */
  readonly settings: Readonly<Record<string, string>>;
};

export const USAGE = `npm run bench -- [options]
  --calls 1,10,100   these levels only (default: 1, 10, 50, 100, 200, 300… until p99 lateness > 20 ms)
  --seconds 30       measured time at each level; levels below 50 calls take longer, for enough turns
  --minutes 12       the climb takes no longer; what was left out for it is said
  --json             one JSON object on standard output
  --profile          CPU profiles of the server, in out/bench/
  --soak 600         instead: 100 calls (or --calls N) coming and going for so many seconds
  --against REV      instead: this checkout and a commit in turns (--rounds 3), with ratios
  --setting N=V      the server runs with this variable (again for more)
  --tracing          instead: with spans sent to a receiver and without, in turns, with ratios
  NAME               instead: one of the small benchmarks, bench/NAME.bench.ts`;

/** @throws Error that says what is wrong with the arguments. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      calls: { type: 'string' },
      seconds: { type: 'string', default: '30' },
      json: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      soak: { type: 'string' },
      against: { type: 'string' },
      tracing: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '12' },
      rounds: { type: 'string', default: '3' },
      setting: { type: 'string', multiple: true, default: [] },
    },
  });
  const { calls, seconds, json, profile, soak, against, tracing, rounds, minutes } = values;
  const settings = values.setting.map((text) => {
    const [name = '', ...value] = text.split('=');
    if (!/^[A-Z][A-Z0-9_]*$/.test(name) || value.length === 0) {
      throw new Error(`--setting takes NAME=VALUE, not “${text}”`);
    }
    return [name, value.join('=')] as const;
  });
  return {
    calls: calls
      ?.split(',')
      .map((text) => count('--calls', text))
      .toSorted((a, b) => a - b),
    seconds: count('--seconds', seconds),
    json,
    profile,
    soak: soak === undefined ? undefined : count('--soak', soak),
    against,
    tracing,
    rounds: count('--rounds', rounds),
    minutes: count('--minutes', minutes),
    settings: Object.fromEntries(settings),
  };
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100_000) {
    throw new Error(`${name} takes whole numbers from 1, not “${text}”`);
  }
  return value;
}
