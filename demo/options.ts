import { parseArgs } from 'node:util';
import { SCENARIOS } from './scenarios/index.ts';

export type DemoOptions = {
  readonly scenario: string;
  readonly json: boolean;
  readonly live: boolean;
  /** Latencies are measured and shown, and do not decide. */
  readonly untimed: boolean;
  /** Calls made one after the other; their turns are pooled. */
  readonly repeat: number;
  readonly help: boolean;
};

const MAX_REPEAT = 50;

export const USAGE = `Usage: npm run demo -- [options]

Places one scripted call against the real server, over real sockets, and judges what happened.

  --scenario NAME   which call (default margaret):
${SCENARIOS.map(({ name, about }) => `                      ${name.padEnd(11)}${about}`).join('\n')}
  --once            one call (the default; kept for scripts)
  --repeat N        N calls, their turns pooled, at most ${MAX_REPEAT}
  --json            one JSON summary on standard output and nothing else
  --live            real vendors where their keys are in the environment; Twilio stays emulated
  --untimed         latencies are shown and do not decide: for machines busy with other work
  --help

Exits with 0 only if every promise was kept.
`;

/** Throws an Error that says what is wrong with the arguments. */
export function parseOptions(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string', default: 'margaret' },
      once: { type: 'boolean', default: false },
      repeat: { type: 'string' },
      json: { type: 'boolean', default: false },
      live: { type: 'boolean', default: false },
      untimed: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (!SCENARIOS.some((scenario) => scenario.name === values.scenario)) {
    const names = SCENARIOS.map((scenario) => scenario.name).join(', ');
    throw new Error(`there is no scenario '${values.scenario}'; choose one of ${names}`);
  }
  const repeat = values.repeat === undefined ? 1 : Number(values.repeat);
  if (!Number.isInteger(repeat) || repeat < 1 || repeat > MAX_REPEAT) {
    throw new Error(`--repeat takes a number from 1 to ${MAX_REPEAT}`);
  }
  if (values.once && repeat > 1) throw new Error('--once and --repeat exclude each other');
  const { scenario, json, live, untimed, help } = values;
  return { scenario, json, live, untimed, repeat, help };
}
