import { BYTES_PER_MS, FRAME_BYTES, FRAME_MS } from '../speech/types.ts';
import { AudibleSpans, isAudibleFrame } from './audibility.ts';
import { ByteQueue } from './byte-queue.ts';
import { FLUSHED_WINDOW_BYTES, HeardWords } from './heard-words.ts';
import { StretchKeeper } from './stretches.ts';
import type { LineZero } from './line-zero.ts';
import type { ClearRecord, MarkRecord, PlayedWord, Playout, Stretch, Underrun } from './types.ts';

/** Ten minutes: more than this is thrown away (warning 31931). */
export const MAX_BUFFER_BYTES = 10 * 60 * 1000 * BYTES_PER_MS;
/** More unreturned marks than this are refused as invalid messages. */
const MAX_OUTSTANDING_MARKS = 10_000;

export type PlayoutEvents = {
  markReturned(name: string, outcome: 'played' | 'flushed' | 'idle'): void;
  wordHeard(word: PlayedWord): void;
  started(lineMs: number): void;
  ended(lineMs: number, bytes: number): void;
  underrun(underrun: Underrun): void;
};

type OpenMark = { -readonly [K in keyof MarkRecord]: MarkRecord[K] };
type QueuedMark = { record: OpenMark; endByte: number };

/**
 * The caller's earpiece: a buffer drained in real time, 160 bytes per 20 ms, on the line's grid.
 *
 * Nothing here reads a clock. The line calls `frame` at each frame boundary and makes sure that
 * all boundaries before a message have been called when it hands the message over; so the record
 * is exact even when timers are late. A frame once begun is played to its end; marks behind it
 * come back at the next boundary.
 */
export class PlayoutBuffer implements Playout {
  readonly #zero: LineZero;
  readonly #events: PlayoutEvents;
  readonly #queue = new ByteQueue();
  readonly #spans = new AudibleSpans();
  readonly #stretches: StretchKeeper;
  readonly #heard: HeardWords | undefined;
  readonly #marks: OpenMark[] = [];
  #outstanding: QueuedMark[] = [];
  readonly #clears: ClearRecord[] = [];
  #source: Stretch['source'] = 'stream';
  #frames = 0;
  /** Real bytes of the frame that is being played now. */
  #inFlightBytes = 0;
  #receivedBytes = 0;
  #takenBytes = 0;
  #flushedBytes = 0;
  #discardedBytes = 0;
  #streamBytes = 0;

  constructor(zero: LineZero, decodeWords: boolean, events: PlayoutEvents) {
    this.#zero = zero;
    this.#events = events;
    this.#stretches = new StretchKeeper(zero, events);
    this.#heard = decodeWords ? new HeardWords(zero, (word) => events.wordHeard(word)) : undefined;
  }

  /** Bytes of media received on the present stream. */
  get streamPosition(): number {
    return this.#streamBytes;
  }

  /** Nothing is buffered and nothing is being played. */
  get idle(): boolean {
    return this.#queue.bytes === 0 && this.#inFlightBytes === 0;
  }

  /** A new stream or another verb begins to fill the (empty) buffer. */
  begin(source: Stretch['source']): void {
    this.#source = source;
    this.#streamBytes = 0;
  }

  /** Appends sound; returns how many bytes had to be discarded because ten minutes are buffered. */
  push(bytes: Uint8Array): number {
    const kept = bytes.subarray(0, Math.max(0, MAX_BUFFER_BYTES - this.#queue.bytes));
    this.#receivedBytes += bytes.length;
    this.#streamBytes += bytes.length;
    this.#queue.push(kept);
    this.#discardedBytes += bytes.length - kept.length;
    return bytes.length - kept.length;
  }

  /** Returns false when too many marks are outstanding. */
  mark(name: string, nowMs: number): boolean {
    if (this.#outstanding.length >= MAX_OUTSTANDING_MARKS) return false;
    const record: OpenMark = {
      name,
      receivedAtMs: nowMs,
      position: this.#streamBytes,
      returnedAtMs: undefined,
      outcome: undefined,
    };
    this.#marks.push(record);
    if (this.idle) this.#giveBack(record, 'idle', nowMs);
    else this.#outstanding.push({ record, endByte: this.#takenBytes + this.#queue.bytes });
    return true;
  }

  /** Empties the buffer. After a clear all marks come back; at a stream's end they are lost. */
  clear(reason: ClearRecord['reason'], nowMs: number): ClearRecord {
    const flushedBytes = this.#queue.bytes;
    const sound = this.#queue.clear(this.#heard ? FLUSHED_WINDOW_BYTES : 0);
    const marks = this.#outstanding;
    this.#outstanding = [];
    this.#flushedBytes += flushedBytes;
    const flushedMarks = marks.filter((mark) => mark.endByte > this.#takenBytes);
    const record: ClearRecord = {
      reason,
      atMs: nowMs,
      lineMs: this.#frames * FRAME_MS,
      flushedBytes,
      flushedMarks: flushedMarks.map((mark) => mark.record.name),
      heardWords: this.#heard?.words.length ?? 0,
      flushedWords: [],
      ...(flushedBytes > 0 ? this.#heard?.flushed(sound) : {}),
    };
    this.#clears.push(record);
    this.#stretches.cutOff();
    for (const { record: mark, endByte } of marks) {
      if (reason === 'stream-ended') mark.outcome = 'lost';
      else this.#giveBack(mark, endByte > this.#takenBytes ? 'flushed' : 'played', nowMs);
    }
    return record;
  }

  /** One frame boundary: the frame before it has been played, and the next begins. */
  frame(): Uint8Array | undefined {
    const lineMs = this.#frames * FRAME_MS;
    this.#returnPlayedMarks(this.#zero.atMs + lineMs);
    this.#frames += 1;
    this.#inFlightBytes = 0;
    if (this.#queue.bytes === 0) {
      this.#spans.note(false);
      this.#stretches.frame(lineMs, 0, 0, false, this.#source);
      this.#heard?.play(SILENT_FRAME);
      return undefined;
    }
    const { frame, taken } = this.#queue.take(FRAME_BYTES);
    this.#inFlightBytes = taken;
    this.#takenBytes += taken;
    const audible = isAudibleFrame(frame);
    this.#spans.note(audible);
    this.#stretches.frame(lineMs, taken / BYTES_PER_MS, taken, audible, this.#source);
    this.#heard?.play(frame);
    return frame;
  }

  #returnPlayedMarks(nowMs: number): void {
    while (this.#outstanding[0] && this.#outstanding[0].endByte <= this.#takenBytes) {
      const mark = this.#outstanding.shift();
      if (mark) this.#giveBack(mark.record, 'played', nowMs);
    }
  }

  #giveBack(record: OpenMark, outcome: 'played' | 'flushed' | 'idle', nowMs: number): void {
    record.returnedAtMs = nowMs;
    record.outcome = outcome;
    this.#events.markReturned(record.name, outcome);
  }

  heardWords(): readonly PlayedWord[] {
    return this.#heard?.words ?? [];
  }

  heardText(fromWord = 0): string {
    return this.heardWords()
      .slice(fromWord)
      .map((word) => word.text)
      .join(' ');
  }

  stretches(): readonly Stretch[] {
    return this.#stretches.list();
  }

  clears(): readonly ClearRecord[] {
    return this.#clears;
  }

  marks(): readonly MarkRecord[] {
    return this.#marks;
  }

  silences(minMs: number): ReturnType<Playout['silences']> {
    return this.#spans.silences(minMs);
  }

  underruns(): readonly Underrun[] {
    return this.#stretches.underruns();
  }

  receivedBytes(): number {
    return this.#receivedBytes;
  }

  playedBytes(): number {
    return this.#takenBytes;
  }

  flushedBytes(): number {
    return this.#flushedBytes;
  }

  discardedBytes(): number {
    return this.#discardedBytes;
  }

  bufferedMs(): number {
    return this.#queue.bytes / BYTES_PER_MS;
  }

  isAudible(): boolean {
    return !this.idle;
  }

  /** Stamp at which the audible sound now going on began, if the last frame was audible. */
  audibleSinceMs(): number | undefined {
    const lineMs = this.#spans.currentStartMs();
    return lineMs === undefined ? undefined : this.#zero.atMs + lineMs;
  }

  /** Stamp at which the last audible frame ended (line zero when there was none). */
  lastAudibleEndMs(): number {
    return this.#zero.atMs + this.#spans.lastAudibleEndMs();
  }
}

const SILENT_FRAME = new Uint8Array(FRAME_BYTES).fill(0xff);
