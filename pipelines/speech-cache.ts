/**
 * Speech that is known before it is needed: greetings, fillers, apologies. Synthesised once per
 * voice and pace, kept by the process. Behind it stand recordings, which need no vendor at all.
 */
import type { TimedWord, TtsOptions, TtsVendor } from '../adapters/tts/port.ts';
import type { Piece } from './outlet.ts';

export type CachedSpeech = {
  readonly pieces: readonly Piece[];
  readonly words: readonly TimedWord[] | undefined;
  readonly totalMs: number;
};

/** How something is spoken; part of the key. */
export type Manner = Pick<TtsOptions, 'voiceId' | 'language' | 'speed'>;

const MAX_ENTRIES = 400;
/** Longest wait for one line; it is made ahead of time, so this may be generous. */
const LINE_TIMEOUT_MS = 10_000;
const MAX_AT_ONCE = 3;
/** Lines that may wait to be made; beyond it a call's own voice has to speak them. */
const MAX_WAITING = 200;

export class SpeechCache {
  readonly #vendors: readonly TtsVendor[];
  readonly #entries = new Map<string, CachedSpeech>();
  /** Keys of what any call may need: these are never let go. */
  readonly #lasting = new Set<string>();
  readonly #recorded = new Map<string, CachedSpeech>();
  readonly #apologies = new Map<string, CachedSpeech>();
  readonly #pending = new Map<string, Promise<CachedSpeech | undefined>>();
  readonly #waiting: (() => void)[] = [];
  readonly #closing = new AbortController();
  #running = 0;

  /** `vendors`: voices that can say anything, in order of preference. */
  constructor(vendors: readonly TtsVendor[]) {
    this.#vendors = vendors;
  }

  /** In the voice asked for if it was made, else as recorded, else undefined. */
  get(manner: Manner, text: string): CachedSpeech | undefined {
    const entry = this.#entries.get(keyOf(manner, text));
    return entry ?? this.#recorded.get(recordingKey(manner.language, text));
  }

  /** What is played in place of a line that no voice speaks in time; known once recordings are. */
  apology(language: string): CachedSpeech | undefined {
    return this.#apologies.get(language);
  }

  /** Takes over recordings of `lines` and `apology`, which `recordings` must know word for word. */
  async keepRecordings(
    recordings: TtsVendor,
    language: string,
    lines: readonly string[],
    apology: string,
  ): Promise<void> {
    const manner = { voiceId: recordings.vendor, language, speed: 1 };
    const { signal } = this.#closing;
    this.#apologies.set(language, await synthesise(recordings, manner, apology, signal));
    for (const line of lines) {
      this.#recorded.set(
        recordingKey(language, line),
        await synthesise(recordings, manner, line, this.#closing.signal),
      );
    }
  }

  /**
   * Makes sure, as well as possible, that `get` will have it in the voice asked for. Undefined when
   * no voice could speak it. Never rejects.
   */
  async prepare(manner: Manner, text: string): Promise<CachedSpeech | undefined> {
    if (this.#closing.signal.aborted) return undefined;
    const key = keyOf(manner, text);
    const known = this.#entries.get(key);
    if (known) return known;
    const pending = this.#pending.get(key);
    if (pending) return await pending;
    const made = this.#make(manner, text).finally(() => this.#pending.delete(key));
    this.#pending.set(key, made);
    return await made;
  }

  /**
   * The same for a text of several parts that are made, and remembered, each by itself: parts that
   * many texts share are made once. `get` then knows the parts joined by a space.
   */
  async prepareParts(manner: Manner, parts: readonly string[]): Promise<void> {
    const made = await Promise.all(parts.map(async (part) => await this.prepare(manner, part)));
    const known = made.filter((speech) => speech !== undefined);
    if (known.length === parts.length) this.#keep(keyOf(manner, parts.join(' ')), joined(known));
  }

  /** The same for a text that any call may need: once made, it stays. */
  async prepareLasting(manner: Manner, text: string): Promise<void> {
    if (this.#lasting.size < MAX_ENTRIES / 2) this.#lasting.add(keyOf(manner, text));
    await this.prepare(manner, text);
  }

  /** Leaves what is being made; nothing is made after this. */
  close(): void {
    this.#closing.abort();
  }

  /** Lets the oldest go that is only one person's, where there is no room. */
  #keep(key: string, speech: CachedSpeech): void {
    this.#entries.delete(key);
    if (this.#entries.size >= MAX_ENTRIES) {
      const oldest = [...this.#entries.keys()].find((known) => !this.#lasting.has(known));
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(key, speech);
  }

  async #make(manner: Manner, text: string): Promise<CachedSpeech | undefined> {
    if (this.#waiting.length >= MAX_WAITING) return undefined;
    if (this.#running >= MAX_AT_ONCE) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
    try {
      const { signal } = this.#closing;
      for (const vendor of this.#vendors) {
        if (signal.aborted) return undefined;
        const speech = await synthesise(vendor, manner, text, signal).catch(() => undefined);
        if (!speech) continue;
        this.#keep(keyOf(manner, text), speech);
        return speech;
      }
      return undefined;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }
}

/** A breath between two parts: 160 ms of μ-law silence. */
const BREATH_MS = 160;
const BREATH: Piece = {
  base64: Buffer.alloc(BREATH_MS * 8, 0xff).toString('base64'),
  bytes: BREATH_MS * 8,
};

function joined(parts: readonly CachedSpeech[]): CachedSpeech {
  const pieces: Piece[] = [];
  const words: TimedWord[] = [];
  let totalMs = 0;
  for (const [index, part] of parts.entries()) {
    if (index > 0) {
      pieces.push(BREATH);
      totalMs += BREATH_MS;
    }
    const baseMs = totalMs;
    const shift = (word: TimedWord): TimedWord => ({
      text: word.text,
      startMs: word.startMs + baseMs,
      endMs: word.endMs + baseMs,
    });
    pieces.push(...part.pieces);
    words.push(...(part.words ?? []).map(shift));
    totalMs += part.totalMs;
  }
  const timed = parts.every((part) => part.words !== undefined);
  return { pieces, words: timed ? words : undefined, totalMs };
}

function keyOf(manner: Manner, text: string): string {
  return [manner.voiceId, manner.language, manner.speed, text].join('\n');
}

function recordingKey(language: string, text: string): string {
  return `${language}\n${text}`;
}

/** Speaks one text in a session of its own. Rejects when it does not come out whole. */
async function synthesise(
  vendor: TtsVendor,
  manner: Manner,
  text: string,
  signal: AbortSignal,
): Promise<CachedSpeech> {
  const pieces: Piece[] = [];
  const words: TimedWord[] = [];
  let timed = true;
  let settle: (error?: unknown) => void = () => undefined;
  const done = new Promise<void>((resolve, reject) => {
    settle = (error) => {
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error('speech was not made'));
    };
  });
  // It may fail while the session is still being opened; it is awaited below.
  done.catch(() => undefined);
  const timer = setTimeout(() => settle(new Error('speech took too long')), LINE_TIMEOUT_MS);
  const leave = (): void => settle(new Error('no longer wanted'));
  signal.addEventListener('abort', leave, { once: true });
  try {
    const session = await vendor.open({
      ...manner,
      openTimeoutMs: 3_000,
      firstByteTimeoutMs: 5_000,
      stallTimeoutMs: 3_000,
      onEvent: (event) => {
        switch (event.kind) {
          case 'audio':
            pieces.push({ base64: event.base64, bytes: event.bytes });
            if (event.words) words.push(...event.words);
            else timed = false;
            return;
          case 'said':
            return;
          case 'done':
            return settle();
          case 'utterance-failed':
          case 'failed':
            return settle(event.error);
        }
      },
    });
    try {
      session.say(1, text);
      session.finish(1);
      await done;
    } finally {
      session.close();
    }
  } finally {
    signal.removeEventListener('abort', leave);
    clearTimeout(timer);
  }
  const totalMs = pieces.reduce((sum, piece) => sum + piece.bytes, 0) / 8;
  if (totalMs === 0) throw new Error('speech was empty');
  return { pieces, words: timed ? words : undefined, totalMs };
}
