/** One caller's part: speaks, waits for the answer, now and then speaks over it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogEntry } from '../../emulators/log.ts';
import type { CallerLeg, TwilioEvent } from '../../emulators/twilio/types.ts';
import type { CallerTurn } from './messages.ts';
import { BARGE_AFTER_MS, tokenOf, turnKind } from './plan.ts';
import { utteranceOf, type Sounds } from './utterances.ts';

/** A caller's pause after the companion's last sound. */
const QUIET_MS = 450;
/** An answer that takes longer is lost, and the call with it. */
const PATIENCE_MS = 12_000;

export type CallerHooks = {
  readonly onTurn: (turn: CallerTurn) => void;
  /** `start` sent → first media. */
  readonly onGreeted: (ms: number) => void;
  /** The first turn was answered. */
  readonly onWarm: () => void;
  readonly isLeaving: () => boolean;
};

export class CallerScript {
  readonly #leg: CallerLeg;
  readonly #call: number;
  readonly #sounds: Sounds;
  readonly #hooks: CallerHooks;
  readonly #leaving = new AbortController();
  #startAtMs: number | undefined;
  #greeted = false;
  #clearAtMs: number | undefined;
  #mediaAfterClear = 0;

  constructor(leg: CallerLeg, call: number, sounds: Sounds, hooks: CallerHooks) {
    this.#leg = leg;
    this.#call = call;
    this.#sounds = sounds;
    this.#hooks = hooks;
  }

  /** Takes the carrier's log of this call, as it is written. */
  see(entry: LogEntry<TwilioEvent>): void {
    if (entry.what === 'stream-started') this.#startAtMs = entry.atMs;
    if (entry.what === 'clear') {
      this.#clearAtMs = entry.atMs;
      this.#mediaAfterClear = 0;
    }
    if (entry.what !== 'media') return;
    this.#mediaAfterClear += 1;
    if (this.#greeted || this.#startAtMs === undefined) return;
    this.#greeted = true;
    this.#hooks.onGreeted(entry.atMs - this.#startAtMs);
  }

  /** No further turn; the present pause is cut short. */
  leave(): void {
    this.#leaving.abort();
  }

  /** Talks until told to leave. Rejects when an answer does not come. */
  async play(): Promise<void> {
    const leg = this.#leg;
    await leg.waitForStream({ timeoutMs: PATIENCE_MS });
    await leg.waitForAudible({ timeoutMs: PATIENCE_MS });
    for (let turn = 0; !this.#hooks.isLeaving(); turn += 1) {
      const kind = turnKind(this.#call, turn);
      if (kind === 'barge-early' || kind === 'barge-late') await this.#pause(BARGE_AFTER_MS[kind]);
      else await this.#untilQuiet();
      if (this.#hooks.isLeaving()) return;
      await this.#speak(turn, kind);
      if (turn === 0) this.#hooks.onWarm();
    }
  }

  async #speak(turn: number, kind: CallerTurn['kind']): Promise<void> {
    const token = tokenOf(this.#call, turn);
    this.#clearAtMs = undefined;
    const said = await this.#leg.say(utteranceOf(this.#sounds, kind, token, this.#call + turn));
    if (said.cut) throw new Error(`cut off in turn ${turn}`);
    const { lastSpeechFrameAtMs: lastSpeechAtMs } = said;
    const clearAtMs = this.#clearAtMs;
    const mediaAfterClear = clearAtMs === undefined ? 0 : this.#mediaAfterClear;
    const answered = this.#leg.waitForMedia(lastSpeechAtMs, { timeoutMs: PATIENCE_MS });
    const firstMediaAtMs = await answered.catch(() => undefined);
    const seen = { token, call: this.#call, turn, kind, lastSpeechAtMs };
    this.#hooks.onTurn({ ...seen, firstMediaAtMs, clearAtMs, mediaAfterClear });
    if (firstMediaAtMs === undefined) throw new Error(`no answer to turn ${turn} (${kind})`);
  }

  async #untilQuiet(): Promise<void> {
    const quiet = this.#leg.waitForSilence({ afterMs: QUIET_MS, timeoutMs: PATIENCE_MS });
    await Promise.race([quiet, this.#pause(PATIENCE_MS)]);
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#leaving.signal }).catch(() => undefined);
  }
}
