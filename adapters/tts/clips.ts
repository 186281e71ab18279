import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VendorError } from '../../src/errors.ts';
import type { TimedWord, TtsEvent, TtsOptions, TtsSession, TtsVendor } from './port.ts';

/** One recorded line, as `clips/clips.jsonl` lists it. Spans are bytes of the language's `.ulaw`. */
export type ClipEntry = {
  readonly language: 'en' | 'es';
  readonly text: string;
  readonly startByte: number;
  readonly bytes: number;
  readonly words: readonly TimedWord[];
};

/** What is said in place of a line that was never recorded. */
export const APOLOGY = {
  en: "I'm sorry, I'm having some trouble. Please hold on.",
  es: 'Perdone, tengo un pequeño problema. Espere un momento, por favor.',
} as const;

type Clip = { readonly mulaw: Buffer; readonly words: readonly TimedWord[] };
type Clips = Readonly<Record<'en' | 'es', ReadonlyMap<string, Clip>>>;

const BYTES_PER_MS = 8;
/** 200 ms, as the vendors send it. */
const CHUNK_BYTES = 1_600;
const MAX_ENDED = 256;

/**
 * The voice of last resort: recorded lines, no network. It can say only what was recorded. In place
 * of anything else it apologises, once per session; after that, or always where `unknown` says so,
 * such utterances fail as `empty`.
 */
export async function createClips(
  folder: string = join(import.meta.dirname, 'clips'),
  unknown: 'apologise' | 'fail' = 'apologise',
): Promise<TtsVendor> {
  const clips = await loadClips(folder);
  return {
    vendor: 'clips',
    open: (options) => {
      const language = options.language.toLowerCase().startsWith('es') ? 'es' : 'en';
      const apology = unknown === 'apologise' ? APOLOGY[language] : '';
      return Promise.resolve(new ClipSession(clips[language], apology, options));
    },
  };
}

async function loadClips(folder: string): Promise<Clips> {
  const [index, en, es] = await Promise.all([
    readFile(join(folder, 'clips.jsonl'), 'utf8'),
    readFile(join(folder, 'en.ulaw')),
    readFile(join(folder, 'es.ulaw')),
  ]);
  const sounds = { en, es };
  const clips = { en: new Map<string, Clip>(), es: new Map<string, Clip>() };
  // Our own file, made by clips/make.ts and checked by a test.
  for (const line of index.trim().split('\n')) {
    const { language, text, startByte, bytes, words } = JSON.parse(line) as ClipEntry;
    const mulaw = sounds[language].subarray(startByte, startByte + bytes);
    clips[language].set(keyOf(text), { mulaw, words });
  }
  return clips;
}

function keyOf(text: string): string {
  return text.trim().replaceAll(/\s+/gu, ' ');
}

type Played = { queue: Clip[]; bytes: number; finished: boolean; mute: boolean };

class ClipSession implements TtsSession {
  readonly vendor = 'clips' as const;
  readonly #clips: ReadonlyMap<string, Clip>;
  readonly #apology: Clip | undefined;
  readonly #onEvent: (event: TtsEvent) => void;
  readonly #utterances = new Map<number, Played>();
  readonly #ended = new Set<number>();
  #apologised = false;
  #closed = false;

  constructor(clips: ReadonlyMap<string, Clip>, apology: string, options: TtsOptions) {
    this.#clips = clips;
    this.#apology = clips.get(keyOf(apology));
    this.#onEvent = options.onEvent;
  }

  say(id: number, text: string): void {
    if (this.#closed || this.#ended.has(id) || text.trim() === '') return;
    const played = this.#begin(id);
    if (played.finished) return;
    const clip = this.#clips.get(keyOf(text)) ?? this.#apologise();
    if (clip === undefined) played.mute = true;
    else played.queue.push(clip);
    this.#later(id);
  }

  finish(id: number): void {
    if (this.#closed || this.#ended.has(id)) return;
    this.#begin(id).finished = true;
    this.#later(id);
  }

  cancel(id: number): void {
    if (!this.#closed) this.#end(id);
  }

  close(): void {
    this.#closed = true;
    this.#utterances.clear();
  }

  #begin(id: number): Played {
    const played = this.#utterances.get(id) ?? {
      queue: [],
      bytes: 0,
      finished: false,
      mute: false,
    };
    this.#utterances.set(id, played);
    return played;
  }

  #apologise(): Clip | undefined {
    if (this.#apologised) return undefined;
    this.#apologised = true;
    return this.#apology;
  }

  /** Events never come from within the call that causes them, as from every vendor. */
  #later(id: number): void {
    queueMicrotask(() => this.#play(id));
  }

  #play(id: number): void {
    const played = this.#utterances.get(id);
    for (let clip = played?.queue.shift(); played && clip; clip = played.queue.shift()) {
      if (!this.#playClip(id, played, clip)) return;
    }
    if (played === undefined || this.#utterances.get(id) !== played) return;
    if (played.mute && played.bytes === 0) {
      this.#end(id);
      const error = new VendorError(this.vendor, 'empty');
      this.#onEvent({ kind: 'utterance-failed', utterance: id, error });
    } else if (played.finished) {
      this.#end(id);
      this.#onEvent({ kind: 'done', utterance: id });
    }
  }

  /** False when the listener cancelled or closed in between. */
  #playClip(id: number, played: Played, clip: Clip): boolean {
    const offsetMs = played.bytes / BYTES_PER_MS;
    for (let at = 0; at < clip.mulaw.length; at += CHUNK_BYTES) {
      const part = clip.mulaw.subarray(at, at + CHUNK_BYTES);
      const [fromMs, toMs] = [at / BYTES_PER_MS, (at + part.length) / BYTES_PER_MS];
      const words = clip.words
        .filter(({ startMs }) => startMs >= fromMs && startMs < toMs)
        .map(({ text, startMs, endMs }) => ({
          text,
          startMs: offsetMs + startMs,
          endMs: offsetMs + endMs,
        }));
      const base64 = part.toString('base64');
      played.bytes += part.length;
      this.#onEvent({ kind: 'audio', utterance: id, base64, bytes: part.length, words });
      if (this.#utterances.get(id) !== played) return false;
    }
    return true;
  }

  #end(id: number): void {
    this.#utterances.delete(id);
    this.#ended.add(id);
    const [oldest] = this.#ended;
    if (this.#ended.size > MAX_ENDED && oldest !== undefined) this.#ended.delete(oldest);
  }
}
