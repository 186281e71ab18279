/** The command line of our own commands: options as `node:util` reads them, and a usage. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<O extends Options> = ReturnType<typeof parseArgs<{ options: O }>>['values'];

/**
 * What this process was asked for. `--help` prints the usage and ends with 0; what is no option of
 * ours says so, prints the usage and ends with 2.
 */
export function readArguments<const O extends Options>(usage: string, options: O): Values<O> {
  const args = process.argv.slice(2);
  if (args.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    refuse(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  }
}

/** The value of `--name` as a whole number, or the end with 2. */
export function wholeNumber(name: string, text: string, least = 1): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value;
  return refuse(`--${name} must be a whole number from ${least}, not "${text}"`);
}

/** Says what was wrong with what was asked for, and ends with 2. */
export function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}
