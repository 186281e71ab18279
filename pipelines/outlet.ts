/**
 * The way out: audio of released utterances goes to the carrier in order, ahead of time by about a
 * second, each piece followed by a mark. Held, emptied and resumed at the core's orders.
 *
 * Audio is kept until the utterance is forgotten, because a clear may mean that it has to be sent
 * again.
 */
import type { UtteranceId } from '../src/conversation/types.ts';
import { Sound } from './sound.ts';

export type OutletStream = {
  sendMedia(base64: string): void;
  sendMark(name: string): void;
  clear(): void;
};

/** μ-law 8 kHz as the voice made it. */
export type Piece = { readonly base64: string; readonly bytes: number };

type Queued = {
  readonly id: UtteranceId;
  readonly sound: Sound;
  /** How many bytes of it each piece has. */
  readonly pieces: number[];
  /** Pieces up to this index have been sent. */
  sent: number;
  sentBytes: number;
  ended: boolean;
  released: boolean;
};

const BYTES_PER_MS = 8;
/** Audio at the carrier beyond what it is playing; also what a held reply can bridge unheard. */
const LEAD_MS = 1_000;
/** No utterance is longer than this; a voice that goes on for ever is cut here. */
const MAX_UTTERANCE_MS = 120_000;

export type OutletOptions = {
  readonly now: () => number;
  /** Audio up to `toMs` of an utterance has been sent. */
  readonly onSent: (utterance: UtteranceId, toMs: number) => void;
};

export class Outlet {
  readonly #options: OutletOptions;
  #stream: OutletStream | undefined;
  /** Released utterances in playing order, then those not released. */
  #queue: Queued[] = [];
  #paused = false;
  /** Grows with each clear, which returns the marks of what was never played. */
  #era = 0;
  /** When the carrier will have played what it has. */
  #playsUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Of the utterance before. */
  #spare: Buffer | undefined;

  constructor(options: OutletOptions) {
    this.#options = options;
  }

  attach(stream: OutletStream): void {
    this.#stream = stream;
    this.#playsUntil = 0;
    this.#paused = false;
    this.#pump();
  }

  detach(): void {
    this.#stream = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Takes audio of an utterance; false when there is too much of it already. */
  add(id: UtteranceId, piece: Piece): boolean {
    if (piece.bytes === 0) return true;
    const queued = this.#find(id);
    if (queued.sound.bytes / BYTES_PER_MS > MAX_UTTERANCE_MS) return false;
    const bytes = queued.sound.add(piece.base64, piece.bytes);
    if (bytes > 0) queued.pieces.push(bytes);
    this.#pump();
    return true;
  }

  /**
   * Drops unsent audio behind `toMs`, so that a new voice can go on at a word's beginning. Returns
   * where the utterance's audio ends now.
   */
  trim(id: UtteranceId, toMs: number): number {
    const queued = this.#find(id);
    const kept = queued.pieces.slice(0, queued.sent);
    let end = queued.sentBytes;
    for (const piece of queued.pieces.slice(queued.sent)) {
      const bytes = Math.min(piece, Math.floor(toMs * BYTES_PER_MS - end));
      if (bytes <= 0) break;
      kept.push(bytes);
      end += bytes;
    }
    queued.pieces.splice(0, queued.pieces.length, ...kept);
    queued.sound.cut(end);
    return end / BYTES_PER_MS;
  }

  /** No more audio will come. */
  end(id: UtteranceId): void {
    this.#find(id).ended = true;
    this.#pump();
  }

  release(id: UtteranceId, first: boolean): void {
    const queued = this.#find(id);
    queued.released = true;
    const others = this.#queue.filter((other) => other !== queued);
    const begun = others.filter((o) => o.released && (o.sent > 0 || !first));
    const rest = others.filter((other) => !begun.includes(other));
    this.#queue = [...begun, queued, ...rest];
    this.#pump();
  }

  forget(id: UtteranceId): void {
    const queued = this.#queue.find((other) => other.id === id);
    if (queued) {
      this.#queue = this.#queue.filter((other) => other !== queued);
      queued.pieces.length = 0;
      this.#spare = queued.sound.letGo() ?? this.#spare;
    }
    this.#pump();
  }

  pause(): void {
    this.#paused = true;
  }

  unpause(): void {
    this.#paused = false;
    this.#pump();
  }

  /** Empties the carrier's buffer; what stays in the queue will be sent from its beginning. */
  clear(): void {
    this.#stream?.clear();
    this.#era += 1;
    this.#playsUntil = 0;
    for (const queued of this.#queue) {
      queued.sent = 0;
      queued.sentBytes = 0;
    }
    // Nothing else would wake what remains: the carrier has nothing left to play.
    this.#pump();
  }

  /** Reads a mark's name back; undefined for one that is not ours or that a clear sent home. */
  readMark(name: string): { utterance: UtteranceId; atMs: number } | undefined {
    const match = /^u(\d{1,16}):(\d{1,9}(?:\.\d{1,6})?):(\d{1,9})$/.exec(name);
    if (!match || Number(match[3]) !== this.#era) return undefined;
    return { utterance: Number(match[1]), atMs: Number(match[2]) };
  }

  close(): void {
    this.detach();
    this.#queue = [];
    this.#spare = undefined;
  }

  #find(id: UtteranceId): Queued {
    const known = this.#queue.find((queued) => queued.id === id);
    if (known) return known;
    const sound = new Sound(this.#spare);
    this.#spare = undefined;
    const queued = { id, sound, pieces: [], sent: 0, sentBytes: 0, ended: false, released: false };
    this.#queue.push(queued);
    return queued;
  }

  #pump(): void {
    const stream = this.#stream;
    if (!stream || this.#paused) return;
    for (const queued of this.#queue) {
      if (!queued.released) return;
      if (!this.#send(queued, stream)) return;
      if (!queued.ended) return;
    }
  }

  /** Sends what the lead allows; false when the lead is used up. */
  #send(queued: Queued, stream: OutletStream): boolean {
    for (let bytes = queued.pieces[queued.sent]; bytes; bytes = queued.pieces[queued.sent]) {
      const now = this.#options.now();
      const aheadMs = this.#playsUntil - now;
      if (aheadMs > LEAD_MS) {
        this.#wakeIn(aheadMs - LEAD_MS);
        return false;
      }
      stream.sendMedia(queued.sound.read(queued.sentBytes, bytes));
      queued.sent += 1;
      queued.sentBytes += bytes;
      const sentMs = queued.sentBytes / BYTES_PER_MS;
      this.#playsUntil = Math.max(now, this.#playsUntil) + bytes / BYTES_PER_MS;
      stream.sendMark(`u${queued.id}:${sentMs}:${this.#era}`);
      this.#options.onSent(queued.id, sentMs);
    }
    return true;
  }

  #wakeIn(ms: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pump();
    }, ms);
  }
}
