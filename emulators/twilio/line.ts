import { FRAME_MS, type Speech } from '../speech/types.ts';
import type { LineZero } from './line-zero.ts';
import { Mouth, type MouthEvents } from './mouth.ts';
import { PlayoutBuffer, type PlayoutEvents } from './playout.ts';
import { TrackRecorder } from './recording.ts';
import type { FrameScheduler } from './scheduler.ts';
import type { CallRecording, SayResult } from './types.ts';

/** Where the caller's frames go while a media socket stands. */
export type Uplink = {
  /** `undefined` is a frame of silence. Returns whether the frame left. */
  sendFrame(frame: Uint8Array | undefined, lateMs: number): boolean;
};

export type LineEvents = PlayoutEvents & MouthEvents & { advanced(): void };

/**
 * The telephone line of one answered call: the 20 ms grid on which the caller's sound leaves, the
 * companion's sound is played, and both are recorded. It exists before the answer and runs from
 * `answer` to `hangUp`.
 */
export class Line {
  readonly playout: PlayoutBuffer;
  readonly #mouth: Mouth;
  readonly #zero: LineZero = { atMs: 0 };
  readonly #events: LineEvents;
  readonly #tracks: { caller: TrackRecorder; companion: TrackRecorder } | undefined;
  #uplink: Uplink | undefined;
  #frames = 0;
  #remove: (() => void) | undefined;
  readonly #listeners = new Set<(frame: Uint8Array | undefined) => void>();

  constructor(options: { decodeWords: boolean; record: boolean; events: LineEvents }) {
    this.#events = options.events;
    this.playout = new PlayoutBuffer(this.#zero, options.decodeWords, options.events);
    this.#mouth = new Mouth(options.events);
    this.#tracks = options.record
      ? { caller: new TrackRecorder(), companion: new TrackRecorder() }
      : undefined;
  }

  /** Position of the next frame. */
  get lineMs(): number {
    return this.#frames * FRAME_MS;
  }

  get running(): boolean {
    return this.#remove !== undefined;
  }

  get speaking(): boolean {
    return this.#mouth.speaking;
  }

  /** Starts the grid; returns the stamp of line zero. */
  answer(scheduler: FrameScheduler): number {
    const seat = scheduler.add(this);
    this.#zero.atMs = seat.firstFrameAtMs;
    this.#remove = seat.remove;
    return seat.firstFrameAtMs;
  }

  /** Stops the grid for good. */
  hangUp(nowMs: number): void {
    this.advanceTo(nowMs);
    this.#remove?.();
    this.#remove = undefined;
    this.#mouth.stop(this.lineMs);
    this.playout.clear('stream-ended', nowMs);
  }

  connect(uplink: Uplink): void {
    this.#uplink = uplink;
  }

  /** Told of every frame that is played, `undefined` for silence. Returns the way to stop. */
  onPlayed(listener: (frame: Uint8Array | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  disconnect(uplink: Uplink): void {
    if (this.#uplink === uplink) this.#uplink = undefined;
  }

  say(speech: Speech): Promise<SayResult> {
    return this.#mouth.say(speech);
  }

  stopSpeaking(): void {
    this.#mouth.stop(this.lineMs);
  }

  /** Runs every frame boundary up to now. Called by the scheduler and before every message. */
  advanceTo(nowMs: number): void {
    let advanced = false;
    while (this.#remove && this.#zero.atMs + this.lineMs <= nowMs) {
      this.#frame(nowMs);
      advanced = true;
    }
    if (advanced) this.#events.advanced();
  }

  recording(): CallRecording {
    return {
      caller: this.#tracks?.caller.read(this.#frames) ?? new Uint8Array(0),
      companion: this.#tracks?.companion.read(this.#frames) ?? new Uint8Array(0),
    };
  }

  #frame(nowMs: number): void {
    const index = this.#frames;
    const lateMs = nowMs - this.#zero.atMs - this.lineMs;
    const heard = this.playout.frame();
    const send = (frame: Uint8Array | undefined): boolean =>
      this.#uplink?.sendFrame(frame, lateMs) ?? false;
    const spoken = this.#mouth.frame(index * FRAME_MS, send);
    if (!spoken) send(undefined);
    this.#frames += 1;
    for (const listener of this.#listeners) listener(heard);
    this.#tracks?.companion.put(index, heard);
    this.#tracks?.caller.put(index, spoken);
  }
}
