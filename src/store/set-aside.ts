/**
 * Records that the database refuses for good, sealed, in the file `set-aside` beside the journal: for
 * a person to mend what is wrong and have them tried again. One line each: its id, the code of why,
 * and the record.
 */
import { appendFile, open, readFile, rename, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sealer } from './sealed-text.ts';
import { syncDirectory } from './spool-file.ts';
import { uuidv7 } from './uuid.ts';

export type SetAsideOptions = {
  readonly dir: string;
  readonly sealer: Sealer;
  readonly maxBytes: number;
};

/** 'full': `maxBytes`. 'disk': the file system refused. */
export type AsideResult = 'kept' | 'full' | 'disk';

/** As many are opened and handed over without a pause: a few milliseconds of the calls' thread. */
const REPLAYED_TOGETHER = 100;

export class SetAside {
  readonly #options: SetAsideOptions;
  readonly #path: string;
  /** One change of the file after another. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(options: SetAsideOptions) {
    this.#options = options;
    this.#path = join(options.dir, 'set-aside');
  }

  /** Never rejects. */
  async keep(text: string, code: string): Promise<AsideResult> {
    const row = uuidv7();
    const sealed = this.#options.sealer.seal(placeOf(row), text).toString('base64');
    const line = `${row} ${code.replaceAll(/\s/g, '_')} ${sealed}\n`;
    return await this.#change(async (): Promise<AsideResult> => {
      const bytes = await this.#bytes();
      if (bytes + line.length > this.#options.maxBytes) return 'full';
      try {
        await appendFile(this.#path, line, { mode: 0o600, flush: true });
        return 'kept';
      } catch {
        // Half a line would spoil the next one.
        await truncate(this.#path, bytes);
        return 'disk';
      }
    }).catch(() => 'disk' as const);
  }

  /**
   * Hands all of them to `again` in their order, many at a time so that one fsync serves them all;
   * it says whether it has made one safe, and those leave the file. An end in between leaves them in
   * both places.
   * @throws Error where the file cannot be read or written.
   */
  async replay(
    again: (text: string) => Promise<boolean>,
  ): Promise<{ readonly replayed: number; readonly left: number }> {
    return await this.#change(async () => {
      const lines = await this.#lines();
      const left: string[] = [];
      for (let from = 0; from < lines.length; from += REPLAYED_TOGETHER) {
        const some = lines.slice(from, from + REPLAYED_TOGETHER);
        const texts = some.map((line) => this.#open(line));
        const safe = await Promise.all(
          texts.map(async (text) => text !== undefined && again(text)),
        );
        left.push(...some.filter((_, i) => safe[i] !== true));
      }
      if (left.length < lines.length) await this.#rewrite(left);
      return { replayed: lines.length - left.length, left: left.length };
    });
  }

  /** Resolves when nothing changes the file any more. */
  async settled(): Promise<void> {
    await this.#changing;
  }

  async #bytes(): Promise<number> {
    return (await stat(this.#path).catch(noneYet))?.size ?? 0;
  }

  async #lines(): Promise<string[]> {
    const text = (await readFile(this.#path, 'latin1').catch(noneYet)) ?? '';
    return text.split('\n').filter((line) => line !== '');
  }

  /** Undefined: torn, or sealed under a key that is not in the ring. */
  #open(line: string): string | undefined {
    const [row = '', , sealed = ''] = line.split(' ');
    try {
      return this.#options.sealer.open(placeOf(row), Buffer.from(sealed, 'base64'));
    } catch {
      return undefined;
    }
  }

  async #rewrite(lines: readonly string[]): Promise<void> {
    const path = `${this.#path}.new`;
    const file = await open(path, 'w', 0o600);
    try {
      await file.writeFile(lines.map((line) => `${line}\n`).join(''), 'latin1');
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(path, this.#path);
    await syncDirectory(this.#options.dir);
  }

  async #change<T>(work: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(work);
    this.#changing = changed.catch(() => undefined);
    return await changed;
  }
}

function placeOf(row: string) {
  return { table: 'spool', row, column: 'aside' };
}

function noneYet(error: unknown): undefined {
  if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
}
