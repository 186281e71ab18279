/**
 * The file `id` of a spool: the id under which its numbers count, and behind it, a line each, the
 * former ones under which older entries may still be sealed.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from './spool-file.ts';
import { isUuid, uuidv7 } from './uuid.ts';

export type SpoolIds = { readonly current: string; readonly former: readonly string[] };

/** Each is one journal that was lost or put back; entries of more than these are gone long ago. */
const MAX_FORMER = 3;

/** Undefined: there is none. */
export async function readIds(dir: string): Promise<SpoolIds | undefined> {
  const text = await readFile(join(dir, 'id'), 'utf8').catch(() => '');
  const [current, ...former] = text.split('\n').filter(isUuid);
  return current === undefined ? undefined : { current, former };
}

/** A new id before those that are known. @throws Error where it cannot be written; the old hold. */
export async function renewIds(dir: string, known: SpoolIds | undefined): Promise<SpoolIds> {
  const former = known === undefined ? [] : [known.current, ...known.former].slice(0, MAX_FORMER);
  const current = uuidv7();
  const path = join(dir, 'id');
  const text = [current, ...former].map((id) => `${id}\n`).join('');
  await writeFile(`${path}.new`, text, { mode: 0o600, flush: true });
  await rename(`${path}.new`, path);
  await syncDirectory(dir);
  return { current, former };
}
