/**
 * A stream whose token was good and whose call was found: turns frames into what the call hears.
 * Returns verdicts; only the owner of the socket (`MediaSession`) acts on them.
 */
import { createAudioOrder, deliverSilence, type AudioOrder } from './audio-order.ts';
import type { DropKind, MediaSocketCounters } from './counters.ts';
import type { MediaSocketLimits } from './limits.ts';
import { createMediaFrameReader, type MediaFrameReader } from './media-frame.ts';
import type { PeerHealth } from './peer-health.ts';
import {
  parseFrame,
  type FrameProblem,
  type MediaMessage,
  type TwilioMessage,
} from './twilio-messages.ts';
import type { MediaSink } from './types.ts';

export type FrameVerdict =
  | 'fine'
  /** Twilio said `stop`; nothing is delivered after it. */
  | 'stop'
  /** The peer used up its allowance of bad frames. */
  | 'abuse';

export const dropOf = {
  malformed: 'droppedMalformed',
  oversize: 'droppedOversize',
  unknown: 'droppedUnknown',
  binary: 'droppedBinary',
} as const satisfies Record<FrameProblem, DropKind>;

export const binaryFrame = { ok: false, problem: 'binary' } as const;

export type LiveStreamOptions = {
  readonly streamSid: string;
  readonly callSid: string;
  readonly sink: MediaSink;
  readonly health: PeerHealth;
  readonly limits: MediaSocketLimits;
  readonly counters: MediaSocketCounters;
};

export class LiveStream {
  readonly callSid: string;
  readonly sink: MediaSink;
  readonly #streamSid: string;
  readonly #health: PeerHealth;
  readonly #counters: MediaSocketCounters;
  readonly #readMedia: MediaFrameReader;
  readonly #order: AudioOrder;
  /** Of the last mark, digit or stop; those that follow must be higher. */
  #controlSequence = 0;
  #isDelivering = true;

  constructor(options: LiveStreamOptions) {
    this.callSid = options.callSid;
    this.sink = options.sink;
    this.#streamSid = options.streamSid;
    this.#health = options.health;
    this.#counters = options.counters;
    this.#readMedia = createMediaFrameReader(options.streamSid);
    this.#order = createAudioOrder(options.limits.maxGapFillMs);
  }

  /** Delivers nothing from here on, not even the rest of a gap. */
  silence(): void {
    this.#isDelivering = false;
  }

  /** Takes one WebSocket message. Throws only what the sink throws. */
  receive(bytes: Buffer, isBinary: boolean): FrameVerdict {
    const media = isBinary ? undefined : this.#readMedia(bytes);
    if (media !== undefined) {
      this.#counters.fastFrames += 1;
      return this.#receiveMedia(media);
    }
    const parsed = isBinary ? binaryFrame : parseFrame(bytes);
    if (!parsed.ok) return this.#drop(dropOf[parsed.problem]);
    const { message } = parsed;
    if (message.event === 'connected' || message.event === 'start') {
      return this.#drop('droppedUnexpected');
    }
    if (message.streamSid !== this.#streamSid) return this.#drop('droppedForeign');
    return message.event === 'media' ? this.#receiveMedia(message) : this.#receiveControl(message);
  }

  #receiveMedia(media: MediaMessage): FrameVerdict {
    if (!this.#isDelivering) return this.#drop('droppedUnexpected');
    this.#health.frame();
    const placement = this.#order.place(media.chunk, media.timestampMs, media.audio.length);
    switch (placement.kind) {
      case 'duplicate':
        return this.#drop('droppedDuplicate');
      case 'late':
      case 'implausible':
        return this.#drop('droppedLate');
      case 'next':
        this.#counters.mediaFrames += 1;
        if (placement.silenceMs > 0) {
          this.#counters.filledSilenceMs += placement.silenceMs;
          deliverSilence(placement.silenceMs, (mulaw) => this.#deliver(mulaw));
        }
        this.#deliver(media.audio);
        return 'fine';
    }
  }

  /** The call may close its stream from within `onAudio`; nothing more is delivered then. */
  #deliver(mulaw: Uint8Array): void {
    if (this.#isDelivering) this.sink.onAudio(mulaw);
  }

  #receiveControl(
    message: Extract<TwilioMessage, { event: 'mark' | 'dtmf' | 'stop' }>,
  ): FrameVerdict {
    if (!this.#isDelivering) return this.#drop('droppedUnexpected');
    if (message.sequence <= this.#controlSequence) return this.#drop('droppedDuplicate');
    this.#health.frame();
    this.#controlSequence = message.sequence;
    switch (message.event) {
      case 'mark':
        this.sink.onMark(message.name);
        return 'fine';
      case 'dtmf':
        this.sink.onDigit(message.digit);
        return 'fine';
      case 'stop':
        this.#isDelivering = false;
        this.sink.onStop();
        return 'stop';
    }
  }

  #drop(kind: DropKind): FrameVerdict {
    this.#counters[kind] += 1;
    return this.#health.badFrame() ? 'fine' : 'abuse';
  }
}
