import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Engine } from './synth-types.ts';

function binaryIn(folder: string): string | undefined {
  if (folder === '') return undefined;
  const path = join(folder, 'espeak-ng');
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}

/**
 * The synthesiser of this machine: the first espeak-ng program in `searchPath` (as in PATH), which
 * is ten times as fast, else the npm package.
 *
 * @param resolveModule gives a module's URL, or throws when it is not installed.
 * @throws Error that says what is missing and how to get it.
 */
export function findEngine(searchPath: string, resolveModule: (name: string) => string): Engine {
  for (const folder of searchPath.split(delimiter)) {
    const path = binaryIn(folder);
    if (path !== undefined) return { kind: 'binary', path };
  }
  try {
    return { kind: 'wasm', moduleUrl: resolveModule('espeak-ng') };
  } catch (cause) {
    throw new Error(
      'No speech synthesiser: there is neither an espeak-ng program on the PATH ' +
        '(apt-get install espeak-ng) nor the npm package espeak-ng ' +
        '(npm install, without --omit=dev).',
      { cause },
    );
  }
}
