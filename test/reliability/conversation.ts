/**
 * One caller who goes on talking: says a sentence with a word of its own at its end, waits until that
 * word has come back in the answer, says the next. When the line breaks they wait for it to come
 * back, hear it out, and go on.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { lastToken, replyTo, tokenOf } from '../../bench/calls/plan.ts';
import { utteranceOf, type Sounds } from '../../bench/calls/utterances.ts';
import { monotonicMs } from '../../emulators/clock.ts';
import type { EmulatorLog } from '../../emulators/log.ts';
import type { CallEnd, CallerLeg, PlayedWord, TwilioEvent } from '../../emulators/twilio/types.ts';

/** The companion has finished when it has been silent for so long. */
const QUIET_MS = 700;
const POLL_MS = 40;
/** Longer than any promise, so that a late answer is seen to be late. */
const PATIENCE_MS = 14_000;
/** How long a caller waits for the first sound of a line that came back. */
const SOUND_PATIENCE_MS = 6_000;

/** One thing the caller said. Stamps are monotonic. */
export type Said = {
  readonly token: string;
  readonly turn: number;
  readonly beganAtMs: number;
  /** The last word has left; undefined while it has not. */
  lastSpeechAtMs: number | undefined;
  framesLost: number;
  /** Nobody answered in time, though the line held. */
  unanswered: boolean;
};

/** The media stream went, and perhaps came back. */
export type Loss = {
  readonly atMs: number;
  readonly how: string;
  backAtMs: number | undefined;
};

export class Conversation {
  readonly call: number;
  readonly leg: CallerLeg;
  readonly said: Said[] = [];
  readonly losses: Loss[] = [];
  /** Resolves, never rejects, when the caller has hung up or been hung up on. */
  readonly finished: Promise<void>;
  end: CallEnd | undefined;
  readonly #sounds: Sounds;
  readonly #leaving = new AbortController();
  #connectedAtMs: number | undefined;
  #lastAudibleMs = 0;
  readonly #unwatch: () => void;

  constructor(leg: CallerLeg, call: number, sounds: Sounds, log: EmulatorLog<TwilioEvent>) {
    this.leg = leg;
    this.call = call;
    this.#sounds = sounds;
    this.#unwatch = log.watch((entry) => {
      if (!('callSid' in entry) || entry.callSid !== leg.callSid) return;
      if (entry.what === 'stream-started') this.#connected(entry.atMs);
      if (entry.what === 'stream-ended') this.#lost(entry.atMs, entry.how);
      if (entry.what === 'call-ended') this.end = entry.end;
    });
    this.finished = this.#play();
  }

  get callSid(): string {
    return this.leg.callSid;
  }

  get isOn(): boolean {
    return this.end === undefined;
  }

  /** Turns whose answer was heard, at least up to the word that is theirs. */
  get answered(): number {
    return this.said.filter(({ token }) => this.heard(token).length > 0).length;
  }

  /** The caller puts the phone down at once. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    await this.finished;
  }

  /** Every time this turn's word was heard. */
  heard(token: string): PlayedWord[] {
    return this.leg.playout.heardWords().filter(({ text }) => lastToken(text)?.token === token);
  }

  /** When the answer to a turn had been heard to its end, the last time; undefined: never. */
  heardOut({ token, turn }: Pick<Said, 'token' | 'turn'>): number | undefined {
    const words = this.leg.playout.heardWords();
    const reply = replyTo({ token, call: this.call, turn }).split(' ');
    const behind = reply.length - 1 - reply.findIndex((word) => lastToken(word)?.token === token);
    const at = words.findLastIndex(({ text }) => lastToken(text)?.token === token);
    const last = at < 0 ? undefined : words[at + behind];
    return last !== undefined && plain(last.text) === plain(reply.at(-1) ?? '')
      ? last.playedAtMs
      : undefined;
  }

  /** First sound that could be heard after a moment; undefined: none yet. */
  soundAfter(atMs: number): number | undefined {
    return this.leg.playout
      .stretches()
      .find(({ audibleAtMs }) => audibleAtMs !== undefined && audibleAtMs >= atMs)?.audibleAtMs;
  }

  /** What the caller was about at a moment. */
  phaseAt(atMs: number): 'greeting' | 'speaking' | 'waiting' | 'listening' | 'between' {
    const last = this.said.findLast(({ beganAtMs }) => beganAtMs <= atMs);
    if (last === undefined) return 'greeting';
    if (last.lastSpeechAtMs === undefined || last.lastSpeechAtMs > atMs) return 'speaking';
    const sounding = this.leg.playout
      .stretches()
      .find(({ startedAtMs }) => startedAtMs >= (last.lastSpeechAtMs ?? 0));
    if (sounding === undefined || sounding.startedAtMs > atMs) return 'waiting';
    return sounding.endedAtMs === undefined || sounding.endedAtMs > atMs ? 'listening' : 'between';
  }

  get #isLeaving(): boolean {
    return this.#leaving.signal.aborted;
  }

  #connected(atMs: number): void {
    this.#connectedAtMs = atMs;
    const open = this.losses.at(-1);
    if (open) open.backAtMs ??= atMs;
  }

  #lost(atMs: number, how: string): void {
    this.#connectedAtMs = undefined;
    // The server had the carrier do something else first, such as saying what no voice could say.
    if (how === 'caller-hung-up' || how === 'call-updated') return;
    this.losses.push({ atMs, how, backAtMs: undefined });
  }

  /** Never rejects. */
  async #play(): Promise<void> {
    try {
      for (let turn = 0; this.isOn && !this.#isLeaving; turn += 1) {
        if (!(await this.#untilQuiet())) break;
        await this.#exchange(turn);
      }
    } catch {
      // The call ended while words were on their way; `end` says how.
    }
    if (this.isOn) await this.leg.hangUp();
    this.#unwatch();
  }

  /** The line is up, something was heard on it, and it is silent now. False: no more to say. */
  async #untilQuiet(): Promise<boolean> {
    while (this.isOn && !this.#isLeaving) {
      const nowMs = monotonicMs();
      if (this.leg.playout.isAudible()) this.#lastAudibleMs = nowMs;
      const upAtMs = this.#connectedAtMs;
      if (upAtMs !== undefined) {
        const spoken = this.#lastAudibleMs > upAtMs || nowMs - upAtMs > SOUND_PATIENCE_MS;
        if (spoken && nowMs - Math.max(this.#lastAudibleMs, upAtMs) >= QUIET_MS) return true;
      }
      await this.#pause(POLL_MS);
    }
    return false;
  }

  async #exchange(turn: number): Promise<void> {
    const token = tokenOf(this.call, turn);
    const said: Said = {
      token,
      turn,
      beganAtMs: monotonicMs(),
      lastSpeechAtMs: undefined,
      framesLost: 0,
      unanswered: false,
    };
    this.said.push(said);
    const lossesBefore = this.losses.length;
    const kind = turn % 3 === 1 ? 'eager' : 'plain';
    const result = await this.leg.say(utteranceOf(this.#sounds, kind, token, this.call + turn));
    said.framesLost = result.framesLost;
    if (!result.cut) said.lastSpeechAtMs = result.lastSpeechFrameAtMs;
    const untilMs = monotonicMs() + PATIENCE_MS;
    while (this.isOn && !this.#isLeaving && this.losses.length === lossesBefore) {
      if (this.heard(token).length > 0) return;
      if (monotonicMs() > untilMs) {
        said.unanswered = true;
        return;
      }
      await this.#pause(POLL_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#leaving.signal }).catch(() => undefined);
  }
}

function plain(word: string): string {
  return word.toLowerCase().replace(/[^a-z0-9]/g, '');
}
