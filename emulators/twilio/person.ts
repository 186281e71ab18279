import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../clock.ts';
import { BYTES_PER_MS, SILENCE_BYTE, type Speech } from '../speech/types.ts';
import { beep } from './call-audio.ts';
import type { Call } from './call.ts';
import type { Pickup } from './dial.ts';
import type { Playout } from './playout-types.ts';
import type {
  AnswerOptions,
  AnsweringMachineOptions,
  CallEnd,
  CallerLeg,
  CallRecording,
  PlayedWord,
  SayResult,
  WaitOptions,
} from './types.ts';

const DEFAULT_AMD_MS = 1_200;
const DEFAULT_BEEP_AFTER_MS = 500;
/** A machine is told from a person by how long it talks: Twilio's speech threshold. */
const MACHINE_START_MS = 2_400;
const BETWEEN_KEYS_MS = 200;
const DEFAULT_SILENCE_MS = 700;
const ENDED_TIMEOUT_MS = 60_000;

/** The script's handle on one person's side of a call. */
export class Person implements CallerLeg {
  readonly #call: Call;
  /** Settles once the person has decided what to do about the ringing. */
  readonly pickup: Promise<Pickup>;
  readonly #decide: (pickup: Pickup) => void;
  readonly #wantsMessageEnd: boolean;
  #decided = false;

  constructor(call: Call, wantsMessageEnd: boolean) {
    this.#call = call;
    this.#wantsMessageEnd = wantsMessageEnd;
    const { promise, resolve } = Promise.withResolvers<Pickup>();
    this.pickup = promise;
    this.#decide = resolve;
  }

  get callSid(): string {
    return this.#call.sid;
  }
  get direction(): CallerLeg['direction'] {
    return this.#call.direction;
  }
  get from(): string {
    return this.#call.from;
  }
  get to(): string {
    return this.#call.to;
  }
  get status(): CallerLeg['status'] {
    return this.#call.status;
  }
  get streamSid(): string | undefined {
    return this.#call.streamSid;
  }
  get streamCount(): number {
    return this.#call.streamCount;
  }
  get answeredAtMs(): number | undefined {
    return this.#call.answeredAtMs;
  }
  get playout(): CallerLeg['playout'] {
    return this.#call.line.playout;
  }
  get network(): CallerLeg['network'] {
    return this.#call.network;
  }
  /** True once one of answer, answeringMachine, busy, noAnswer and fail has been called. */
  get decided(): boolean {
    return this.#decided;
  }

  async answer(options: AnswerOptions = {}): Promise<void> {
    await this.#pickUp(options.afterMs, {
      kind: 'answer',
      answeredBy: options.answeredBy ?? 'human',
      amdAfterMs: options.amdAfterMs ?? DEFAULT_AMD_MS,
    });
  }

  async answeringMachine(options: AnsweringMachineOptions): Promise<void> {
    const { greeting, beepAfterMs = DEFAULT_BEEP_AFTER_MS } = options;
    const tone = beep();
    const greetingMs = greeting.mulaw.length / BYTES_PER_MS;
    const beepEndMs = greetingMs + beepAfterMs + tone.mulaw.length / BYTES_PER_MS;
    await this.#pickUp(options.afterMs, {
      kind: 'answer',
      answeredBy:
        options.answeredBy ?? (this.#wantsMessageEnd ? 'machine_end_beep' : 'machine_start'),
      amdAfterMs: this.#wantsMessageEnd ? beepEndMs : Math.min(greetingMs, MACHINE_START_MS),
    });
    const pause = new Uint8Array(Math.round(beepAfterMs * BYTES_PER_MS)).fill(SILENCE_BYTE);
    const parts = [greeting, { mulaw: pause, words: [] }, tone].filter((p) => p.mulaw.length > 0);
    await Promise.all(parts.map((part) => this.say(part)));
  }

  async busy(options: { afterMs?: number } = {}): Promise<void> {
    await this.#pickUp(options.afterMs, { kind: 'busy' });
  }

  async noAnswer(options: { afterMs?: number } = {}): Promise<void> {
    if (options.afterMs === undefined) this.#claim();
    else await this.#pickUp(options.afterMs, { kind: 'no-answer' });
  }

  async fail(options: { afterMs?: number } = {}): Promise<void> {
    await this.#pickUp(options.afterMs, { kind: 'failed' });
  }

  async say(speech: Speech): Promise<SayResult> {
    if (!this.#call.live) throw new Error('the call has ended');
    return await this.#call.line.say(speech);
  }

  stopSpeaking(): void {
    this.#call.line.stopSpeaking();
  }

  isSpeaking(): boolean {
    return this.#call.line.speaking;
  }

  async press(digits: string): Promise<void> {
    const call = this.#call;
    for (const [index, digit] of digits.split('').entries()) {
      if (!/^[0-9*#A-D]$/.test(digit)) throw new Error(`'${digit}' is not a key`);
      if (index > 0) await sleep(BETWEEN_KEYS_MS);
      if (!call.live) return;
      call.line.advanceTo(monotonicMs());
      if (call.onDigit) call.onDigit(digit);
      else if (call.stream?.sendDtmf(digit) !== true) continue;
      call.host.log.add({ what: 'dtmf-sent', callSid: call.sid, digit });
    }
  }

  async hangUp(): Promise<void> {
    const stream = this.#call.stream;
    this.#call.finish('caller-hung-up');
    if (stream) await stream.finished;
  }

  async waitForStream(options: WaitOptions & { count?: number } = {}): Promise<string> {
    const call = this.#call;
    const count = options.count ?? 1;
    return await call.waits.until(
      `media socket number ${count}`,
      () => (call.streamCount >= count ? call.streamSid : undefined),
      options,
    );
  }

  async waitForWords(
    wanted: RegExp | ((text: string, words: readonly PlayedWord[]) => boolean),
    options: WaitOptions & { fromWord?: number } = {},
  ): Promise<{ text: string; words: readonly PlayedWord[]; atMs: number }> {
    const { playout } = this;
    let looked = -1;
    const check = (): { text: string; words: readonly PlayedWord[]; atMs: number } | undefined => {
      if (playout.heardWords().length === looked) return undefined;
      looked = playout.heardWords().length;
      const words = playout.heardWords().slice(options.fromWord ?? 0);
      const text = playout.heardText(options.fromWord);
      const found = wanted instanceof RegExp ? text.search(wanted) >= 0 : wanted(text, words);
      return found ? { text, words, atMs: monotonicMs() } : undefined;
    };
    const name = wanted instanceof RegExp ? `words like ${String(wanted)}` : 'certain words';
    try {
      return await this.#call.waits.until(name, check, options);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const heard = `heard: "${playout.heardText(options.fromWord)}"`;
      throw new Error(`${reason}; ${heard}${gapsIn(playout)}`, { cause: error });
    }
  }

  async waitForAudible(options: WaitOptions = {}): Promise<number> {
    const { playout } = this.#call.line;
    return await this.#call.waits.until('sound', () => playout.audibleSinceMs(), options);
  }

  async waitForSilence(options: WaitOptions & { afterMs?: number } = {}): Promise<number> {
    const { afterMs = DEFAULT_SILENCE_MS } = options;
    const { line, waits } = this.#call;
    const check = (): number | undefined => {
      const nowMs = monotonicMs();
      return line.running && nowMs - line.playout.lastAudibleEndMs() >= afterMs ? nowMs : undefined;
    };
    return await waits.until(`${afterMs} ms of silence`, check, options);
  }

  async waitForMedia(afterAtMs: number, options: WaitOptions = {}): Promise<number> {
    const { mediaArrivals, waits } = this.#call;
    const check = (): number | undefined => {
      const last = mediaArrivals.at(-1);
      if (last === undefined || last <= afterAtMs) return undefined;
      return mediaArrivals.find((atMs) => atMs > afterAtMs);
    };
    return await waits.until('media from the server', check, options);
  }

  async ended(options: WaitOptions = {}): Promise<CallEnd> {
    const call = this.#call;
    return await call.waits.until('the end of the call', () => call.end, options, ENDED_TIMEOUT_MS);
  }

  recording(): CallRecording {
    return this.#call.line.recording();
  }

  onPlayed(listener: (frame: Uint8Array | undefined) => void): () => void {
    return this.#call.line.onPlayed(listener);
  }

  #claim(): void {
    if (this.#call.direction === 'inbound') throw new Error('an incoming call is not answered');
    if (this.#decided) throw new Error('this call has already been answered or turned away');
    this.#decided = true;
  }

  async #pickUp(afterMs: number | undefined, pickup: Pickup): Promise<void> {
    this.#claim();
    if (afterMs !== undefined && afterMs > 0 && !(await this.#call.pause(afterMs))) return;
    this.#decide(pickup);
    // The line starts in the dialling code, which is woken by the decision above.
    if (pickup.kind === 'answer') {
      const call = this.#call;
      await call.waits.until('the answer', () => call.answeredAtMs ?? call.end?.atMs);
    }
  }
}

/** Where the sound ran dry a word in it may be damaged, which is the sender's doing or the machine's. */
function gapsIn(playout: Playout): string {
  const gaps = playout.underruns();
  if (gaps.length === 0) return '';
  const told = gaps.map(({ lineMs, durationMs }) => `${durationMs} ms at ${lineMs} ms`);
  return `; it ran dry: ${told.join(', ')}`;
}
