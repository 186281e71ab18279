/**
 * The mouth of a call on virtual time: a voice that makes audio of text, an outlet that sends it
 * ahead in chunks, and a carrier that plays it in real time and returns marks.
 *
 * It performs the core's orders about speech and reports back what a real shell would report. It
 * also knows the truth that the core can only estimate: what the caller really heard.
 */
import type { Effect, Input, TimedWord, UtteranceId } from '../../src/conversation/types.ts';
import { VirtualCarrier, type Heard } from './virtual-carrier.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What the line does well or badly; every function is asked afresh each time. */
export type LineManners = {
  /** From the order to speak until the first audio of that text. */
  readonly voiceDelayMs: () => number;
  readonly wordMs: (word: string) => number;
  /** Whether the voice tells when each word of an utterance is spoken. */
  readonly givesTimings: (utterance: UtteranceId) => boolean;
  /** Whether every voice fails before this piece of text becomes audio. */
  readonly voiceFails: (utterance: UtteranceId, isLine: boolean) => boolean;
  /** How far ahead of the ear audio is sent, and in what portions. */
  readonly leadMs: number;
  readonly chunkMs: number;
  /** One way between us and the carrier. */
  readonly networkMs: number;
  /** How late a mark comes; undefined: it never comes. */
  readonly markDelayMs: () => number | undefined;
  /** How long after its cancellation an utterance's audio still trickles in; 0: not at all. */
  readonly lateAudioMs: () => number;
};

export const GOOD_MANNERS: LineManners = {
  voiceDelayMs: () => 120,
  wordMs: () => 300,
  givesTimings: () => true,
  voiceFails: () => false,
  leadMs: 1000,
  chunkMs: 200,
  networkMs: 0,
  markDelayMs: () => 0,
  lateAudioMs: () => 0,
};

type Spoken = {
  readonly id: UtteranceId;
  readonly isLine: boolean;
  readonly timings: boolean;
  words: TimedWord[];
  readyMs: number;
  /** When the newest piece of text will have become audio. */
  voiceBusyUntil: number;
  ended: boolean;
  failed: boolean;
  cancelled: boolean;
  sentMs: number;
};

export class VirtualLine {
  readonly #time: VirtualTime;
  readonly #manners: LineManners;
  readonly #report: (input: Input) => void;
  readonly #carrier: VirtualCarrier;
  readonly #spoken = new Map<UtteranceId, Spoken>();
  #queue: UtteranceId[] = [];
  #paused = false;
  #open = false;
  #pumpPlanned = false;
  /** Counts clears and losses: whatever was sent before is no business of ours any more. */
  #era = 0;
  /** Orders that a shell could not have understood. */
  readonly nonsense: string[] = [];

  constructor(time: VirtualTime, manners: LineManners, report: (input: Input) => void) {
    this.#time = time;
    this.#manners = manners;
    this.#report = report;
    this.#carrier = new VirtualCarrier(time);
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** The media stream is there. */
  attach(): void {
    this.#open = true;
    this.#pump();
  }

  /** The media stream is gone, and with it all that had not been played. */
  lose(): void {
    this.#open = false;
    this.#cut();
  }

  /** The process that spoke is gone, with all that it had made and not sent. */
  die(): void {
    this.lose();
    this.#queue = [];
    this.#paused = false;
    for (const spoken of this.#spoken.values()) {
      spoken.cancelled = true;
      spoken.failed = true;
    }
  }

  perform(effect: Effect): void {
    switch (effect.kind) {
      case 'say':
        this.#say(effect.utterance, effect.text, false);
        break;
      case 'say-line':
        this.#say(effect.utterance, effect.text, true);
        this.#finish(effect.utterance);
        break;
      case 'finish-speech':
        this.#finish(effect.utterance);
        break;
      case 'release':
        this.#release(effect.utterance, effect.first);
        break;
      case 'cancel-speech':
        this.#cancel(effect.utterance);
        break;
      case 'pause':
        this.#paused = true;
        break;
      case 'unpause':
        this.#paused = false;
        this.#pump();
        break;
      case 'clear':
        this.#clear();
        break;
      case 'note':
        // What was played is kept no longer: a clear would have it sent once more.
        if (effect.note.what === 'utterance-played') this.#forget(effect.note.utterance);
        break;
      default:
        break;
    }
  }

  /** Until when the carrier has something to play. */
  get audibleUntil(): number {
    return this.#carrier.audibleUntil;
  }

  /** Everything that was ever audible, in order. */
  get heard(): readonly Heard[] {
    return this.#carrier.heard;
  }

  /** What is being heard right now. */
  audibleNow(): UtteranceId | undefined {
    return this.#carrier.audibleNow();
  }

  /** Of this utterance, how much the caller has truly heard. */
  playedMs(utterance: UtteranceId): number {
    return this.#carrier.playedMs(utterance);
  }

  /** The words of an utterance that were truly heard: those past their middle. */
  heardWords(utterance: UtteranceId): string[] {
    const played = this.playedMs(utterance);
    const words = this.#spoken.get(utterance)?.words ?? [];
    return words.filter((w) => (w.startMs + w.endMs) / 2 <= played).map((w) => w.text);
  }

  /** All words an utterance was asked to say and has audio for. */
  wordsOf(utterance: UtteranceId): readonly TimedWord[] {
    return this.#spoken.get(utterance)?.words ?? [];
  }

  /** Whether the voice tells the times of this utterance's words. */
  hasTimings(utterance: UtteranceId): boolean {
    return this.#spoken.get(utterance)?.timings ?? true;
  }

  /** How many things are held; a simulation watches that it stays small. */
  get size(): number {
    return this.#queue.length + this.#carrier.size;
  }

  #say(id: UtteranceId, text: string, isLine: boolean): void {
    const { now } = this.#time;
    let spoken = this.#spoken.get(id);
    if (spoken?.cancelled) {
      this.nonsense.push(`say for cancelled utterance ${id}`);
      return;
    }
    if (!spoken) {
      spoken = {
        id,
        isLine,
        timings: this.#manners.givesTimings(id),
        words: [],
        readyMs: 0,
        voiceBusyUntil: now,
        ended: false,
        failed: false,
        cancelled: false,
        sentMs: 0,
      };
      this.#spoken.set(id, spoken);
    }
    if (spoken.ended) this.nonsense.push(`say after finish-speech for utterance ${id}`);
    const said = spoken;
    const fails = this.#manners.voiceFails(id, isLine);
    said.voiceBusyUntil = Math.max(said.voiceBusyUntil + 1, now + this.#manners.voiceDelayMs());
    this.#time.at(said.voiceBusyUntil, () => this.#voiced(said, text, fails));
  }

  #voiced(spoken: Spoken, text: string, fails: boolean): void {
    if (spoken.failed) return;
    if (spoken.cancelled && this.#manners.lateAudioMs() <= 0) return;
    if (fails) {
      spoken.failed = true;
      spoken.ended = true;
      spoken.readyMs = spoken.sentMs;
      this.#report({ kind: 'audio-failed', utterance: spoken.id });
      this.#pump();
      return;
    }
    const fresh: TimedWord[] = [];
    for (const word of text.split(/\s+/).filter((w) => w !== '')) {
      const startMs = spoken.readyMs;
      spoken.readyMs += this.#manners.wordMs(word);
      fresh.push({ text: word, startMs, endMs: spoken.readyMs });
    }
    spoken.words = [...spoken.words, ...fresh];
    this.#report({
      kind: 'audio-ready',
      utterance: spoken.id,
      totalMs: spoken.readyMs,
      words: spoken.timings ? fresh : undefined,
    });
    this.#pump();
  }

  #finish(id: UtteranceId): void {
    const spoken = this.#spoken.get(id);
    // A reply without a word has nothing to finish but must still be told to have ended.
    if (!spoken) {
      this.#spoken.set(id, {
        id,
        isLine: false,
        timings: true,
        words: [],
        readyMs: 0,
        voiceBusyUntil: this.#time.now,
        ended: true,
        failed: false,
        cancelled: false,
        sentMs: 0,
      });
      this.#report({ kind: 'audio-ended', utterance: id, totalMs: 0 });
      return;
    }
    spoken.voiceBusyUntil += 1;
    this.#time.at(spoken.voiceBusyUntil, () => {
      if (spoken.failed || spoken.ended) return;
      spoken.ended = true;
      this.#report({ kind: 'audio-ended', utterance: id, totalMs: spoken.readyMs });
      this.#pump();
    });
  }

  #release(id: UtteranceId, first: boolean): void {
    if (this.#spoken.get(id)?.cancelled) {
      this.nonsense.push(`release of cancelled utterance ${id}`);
      return;
    }
    if (this.#queue.includes(id)) return;
    if (!first) this.#queue.push(id);
    else {
      const begun = this.#queue.findIndex((other) => (this.#spoken.get(other)?.sentMs ?? 0) === 0);
      this.#queue.splice(begun < 0 ? this.#queue.length : begun, 0, id);
    }
    this.#pump();
  }

  #forget(id: UtteranceId): void {
    this.#queue = this.#queue.filter((other) => other !== id);
    this.#pump();
  }

  #cancel(id: UtteranceId): void {
    const spoken = this.#spoken.get(id);
    if (spoken) spoken.cancelled = true;
    this.#forget(id);
  }

  #clear(): void {
    this.#era += 1;
    this.#carrier.cutAt(this.#time.now + this.#manners.networkMs);
    for (const id of this.#queue) {
      const spoken = this.#spoken.get(id);
      if (spoken) spoken.sentMs = 0;
    }
    this.#pump();
  }

  #cut(): void {
    this.#era += 1;
    this.#carrier.cutAt(this.#time.now);
  }

  #pump(): void {
    const { leadMs, chunkMs } = this.#manners;
    for (let guard = 0; guard < 200; guard += 1) {
      if (this.#paused || !this.#open) return;
      const spoken = this.#head();
      if (!spoken) return;
      const lead = this.audibleUntil - this.#time.now;
      if (lead >= leadMs) {
        if (!this.#pumpPlanned) {
          this.#pumpPlanned = true;
          this.#time.after(lead - leadMs + 1, () => {
            this.#pumpPlanned = false;
            this.#pump();
          });
        }
        return;
      }
      this.#send(spoken, Math.min(spoken.readyMs, spoken.sentMs + chunkMs));
    }
  }

  /** The utterance whose turn it is, if it has something to send. */
  #head(): Spoken | undefined {
    for (const id of this.#queue) {
      const spoken = this.#spoken.get(id);
      if (!spoken) return undefined;
      if (spoken.sentMs < spoken.readyMs) return spoken;
      if (!spoken.ended) return undefined;
    }
    return undefined;
  }

  #send(spoken: Spoken, toMs: number): void {
    const { networkMs } = this.#manners;
    const { id, sentMs } = spoken;
    const endAt = this.#carrier.play(id, sentMs, toMs, this.#time.now + networkMs);
    spoken.sentMs = toMs;
    this.#report({ kind: 'audio-sent', utterance: spoken.id, toMs });
    const delayMs = this.#manners.markDelayMs();
    if (delayMs === undefined) return;
    const era = this.#era;
    this.#time.at(endAt + networkMs + delayMs, () => {
      // Twilio returns the marks of cleared audio too. Those of an utterance that is sent once more
      // carry other names, so that the shell can tell them apart.
      if (era !== this.#era && !spoken.cancelled) return;
      this.#report({ kind: 'mark', utterance: spoken.id, atMs: toMs });
    });
  }
}
