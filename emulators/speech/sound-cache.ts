/** Sounds once made, kept: the latest in memory, all of them (to a limit) on disk. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Sound } from './synth-types.ts';
import type { Voice } from './types.ts';

/** Raised whenever shaping or word placement changes, so that old files are not used. */
const VERSION = 1;
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;
const MAX_DISK_FILES = 4_000;
const FOLDER = fileURLToPath(new URL('../../.cache/speech/', import.meta.url));

function packSound(sound: Sound): Uint8Array {
  const head = Buffer.from(JSON.stringify(sound.words), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, sound.mulaw]);
}

function unpackSound(file: Buffer): Sound {
  const bytes = file.readUInt32LE(0);
  return {
    words: JSON.parse(file.toString('utf8', 4, 4 + bytes)) as Sound['words'],
    mulaw: new Uint8Array(file.subarray(4 + bytes)),
  };
}

/** Single-flight, bounded, two-level. A disk that cannot be used costs time, never a result. */
export class SoundCache {
  readonly #make: (text: string, voice: Voice) => Promise<Sound>;
  readonly #memory = new Map<string, Sound>();
  readonly #flights = new Map<string, Promise<Sound>>();
  #memoryBytes = 0;
  #filesLeft: number | undefined;

  constructor(make: (text: string, voice: Voice) => Promise<Sound>) {
    this.#make = make;
  }

  async get(text: string, voice: Voice): Promise<Sound> {
    const key = createHash('sha256')
      .update(JSON.stringify([VERSION, voice.name, voice.wordsPerMinute, voice.pitch, text]))
      .digest('hex');
    const kept = this.#memory.get(key);
    if (kept) {
      this.#memory.delete(key);
      this.#memory.set(key, kept);
      return kept;
    }
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      flight = this.#load(key, text, voice).finally(() => this.#flights.delete(key));
      this.#flights.set(key, flight);
    }
    return await flight;
  }

  async #load(key: string, text: string, voice: Voice): Promise<Sound> {
    const path = join(FOLDER, `${key}.speech`);
    let sound: Sound;
    try {
      sound = unpackSound(await readFile(path));
    } catch {
      sound = await this.#make(text, voice);
      await this.#store(path, sound);
    }
    this.#memory.set(key, sound);
    this.#memoryBytes += sound.mulaw.length;
    for (const [oldKey, old] of this.#memory) {
      if (this.#memoryBytes <= MAX_MEMORY_BYTES) break;
      this.#memory.delete(oldKey);
      this.#memoryBytes -= old.mulaw.length;
    }
    return sound;
  }

  async #store(path: string, sound: Sound): Promise<void> {
    try {
      await mkdir(FOLDER, { recursive: true });
      this.#filesLeft ??= MAX_DISK_FILES - (await readdir(FOLDER)).length;
      if (this.#filesLeft <= 0) this.#filesLeft = await deleteOldest();
      const unfinished = `${path}.${process.pid}.tmp`;
      await writeFile(unfinished, packSound(sound));
      await rename(unfinished, path);
      this.#filesLeft -= 1;
    } catch {
      // A read-only or full disk: the memory still has it.
    }
  }
}

/** Deletes the older half of the files and returns how many more may be written. */
async function deleteOldest(): Promise<number> {
  const names = await readdir(FOLDER);
  const dated = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(FOLDER, name))).mtimeMs })),
  );
  const oldest = dated.toSorted((a, b) => a.at - b.at).slice(0, Math.ceil(dated.length / 2));
  for (const { name } of oldest) await rm(join(FOLDER, name), { force: true });
  return MAX_DISK_FILES - (names.length - oldest.length);
}
