/**
 * One simulated call: a caller, ears, a mind, a mouth and a carrier around the real core, on virtual
 * time. Everything random comes from the script's seed; things due at once happen in random order.
 */
import { isDeepStrictEqual } from 'node:util';
import { defaultSettings } from '../../src/conversation/settings.ts';
import { resumeCall } from '../../src/conversation/resume.ts';
import { startCall, step } from '../../src/conversation/step.ts';
import { limitAt } from '../../src/conversation/safety.ts';
import type { CallState } from '../../src/conversation/state.ts';
import type { Effect, Input } from '../../src/conversation/types.ts';
import { deepFreeze, LINES } from '../helpers/core-call.ts';
import { VirtualLine } from '../helpers/virtual-line.ts';
import { VirtualTime } from '../helpers/virtual-time.ts';
import { Afterlife, type Resume } from './afterlife.ts';
import { Ears } from './ears.ts';
import { Auditor, type Violation } from './invariants.ts';
import { Mind } from './mind.ts';
import { chance, type Act, type Chance, type Fault, type Script } from './script.ts';

export type Step = typeof step;

export type Outcome = {
  readonly violations: readonly Violation[];
  readonly steps: number;
  readonly endedAt: number;
  /** What happened, for a reader; only kept when asked for. */
  readonly story: readonly string[];
};

/** The caller looks around this often. */
const GLANCE_MS = 50;
/** Beyond its time limit a call may need this long to end. */
const LONGEST_ENDING_MS = 90_000;
const MAX_STEPS = 60_000;
const MAX_TICKS_AT_ONCE = 8;
/** A caller who waits in vain for the companion to speak or fall silent acts anyway. */
const PATIENCE_MS = 16_000;

export function simulate(
  script: Script,
  core: Step = step,
  tellStory = false,
  resume?: Resume,
): Outcome {
  return new World(script, core, tellStory, resume ?? resumeCall).run();
}

class World {
  readonly #script: Script;
  readonly #core: Step;
  readonly #afterlife: Afterlife;
  readonly #luck: Chance;
  readonly #faults: ReadonlySet<Fault>;
  readonly #time: VirtualTime;
  readonly #line: VirtualLine;
  readonly #ears: Ears;
  readonly #mind: Mind;
  readonly #auditor: Auditor;
  readonly #story: string[] | undefined;
  readonly #inbox: Input[] = [];
  #state: CallState;
  #steps = 0;
  #stepping = false;
  #alarm: (() => void) | undefined;
  #ticksAtOnce = 0;
  #attached = false;
  #over = false;
  #nextAct = 0;
  #actDoneAt = 0;
  #speechSince: number | undefined;
  #silentSince = 0;
  #callerBusy = false;

  constructor(script: Script, core: Step, tellStory: boolean, resume: Resume) {
    this.#script = script;
    this.#afterlife = new Afterlife(resume);
    this.#core = core;
    this.#story = tellStory ? [] : undefined;
    this.#luck = chance(script.seed + 1);
    this.#faults = new Set(script.faults);
    this.#time = new VirtualTime(chance(script.seed + 2).number);
    const tell = (input: Input): void => this.#feed(input);
    const time = this.#time;
    const faults = this.#faults;
    const { eager } = script;
    this.#ears = new Ears({ time, luck: chance(script.seed + 3), faults, eager, tell });
    this.#mind = new Mind({ time, luck: chance(script.seed + 4), faults, tell });
    this.#line = this.#makeLine(tell);
    const settings = {
      ...defaultSettings(LINES, 'en'),
      endSilenceMs: script.endSilenceMs,
      goodbyeNotBeforeMs: script.goodbyeNotBeforeMs,
      windDownAfterMs: script.endAfterMs / 2,
      endAfterMs: script.endAfterMs,
      longestTurnMs: script.longestTurnMs,
    };
    this.#state = deepFreeze(startCall(settings, 0));
    this.#auditor = new Auditor({
      line: this.#line,
      networkMs: script.networkMs,
      exactHearing: (utterance) => !faults.has('marks-late') && this.#line.hasTimings(utterance),
      draftsPerTurn: settings.draftsPerTurn,
      state: () => this.#state,
    });
  }

  #makeLine(tell: (input: Input) => void): VirtualLine {
    const luck = chance(this.#script.seed + 5);
    const has = (fault: Fault): boolean => this.#faults.has(fault);
    return new VirtualLine(
      this.#time,
      {
        voiceDelayMs: () => luck.between(60, has('voice-slow') ? 700 : 250),
        wordMs: (word) => 120 + 35 * word.length,
        givesTimings: () => !has('voice-untimed') || luck.hit(0.5),
        voiceFails: (_, isLine) => has('voice-fails') && luck.hit(isLine ? 0.02 : 0.12),
        leadMs: 1000,
        chunkMs: luck.pick([60, 200, 400]),
        networkMs: this.#script.networkMs,
        markDelayMs: () => {
          if (has('marks-lost') && luck.hit(0.4)) return undefined;
          return has('marks-late') && luck.hit(0.4) ? luck.between(0, 2500) : luck.between(0, 30);
        },
        lateAudioMs: () => (has('voice-late') ? 1 : 0),
      },
      tell,
    );
  }

  run(): Outcome {
    this.#time.after(this.#luck.between(0, 500), () => this.#attach(false));
    this.#time.after(0, () => this.#glance());
    const isInTime = (): boolean => this.#time.now < limitAt(this.#state) + LONGEST_ENDING_MS;
    while (isInTime() && !this.#settled() && this.#steps < MAX_STEPS) {
      if (!this.#time.runNext()) break;
    }
    if (this.#steps >= MAX_STEPS) this.#auditor.fail('busy-loop', `${this.#steps} steps`);
    this.#auditor.conclude(this.#time.now);
    return {
      violations: this.#auditor.violations,
      steps: this.#steps,
      endedAt: this.#time.now,
      story: this.#story ?? [],
    };
  }

  /** The call is over, and what was still under way has arrived. */
  #settled(): boolean {
    if (!this.#auditor.finished) return false;
    if (!this.#over) {
      this.#over = true;
      this.#time.after(8000, () => {
        this.#settledForGood = true;
      });
    }
    return this.#settledForGood;
  }
  #settledForGood = false;

  #feed(input: Input): void {
    this.#inbox.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next = this.#inbox.shift(); next; next = this.#inbox.shift()) this.#step(next);
    this.#stepping = false;
  }

  #step(given: Input): void {
    const input = deepFreeze(given);
    const { now } = this.#time;
    const before = this.#state;
    this.#steps += 1;
    if (input.kind === 'hung-up') this.#line.lose();
    this.#auditor.before(input, now);
    const result = this.#core(before, input, now);
    this.#state = deepFreeze(result.state);
    if (this.#story && input.kind !== 'tick') this.#tell('→', input);
    this.#auditor.after(input, result.effects, result.state);
    this.#afterlife.after(input, result.effects, result.state, now);
    if (this.#steps % 16 === 0) this.#checkPure(before, input, result);
    for (const effect of result.effects) this.#perform(effect);
    this.#setAlarm(input, result.wakeAt);
  }

  #checkPure(before: CallState, input: Input, result: ReturnType<Step>): void {
    const again = this.#core(before, input, this.#time.now);
    if (!isDeepStrictEqual(again, result)) {
      this.#auditor.fail('pure', `${input.kind} twice gives two results`);
    }
  }

  #setAlarm(input: Input, wakeAt: number | undefined): void {
    this.#alarm?.();
    this.#alarm = undefined;
    if (wakeAt === undefined) return;
    const late = input.kind === 'tick' && wakeAt <= this.#time.now;
    this.#ticksAtOnce = late ? this.#ticksAtOnce + 1 : 0;
    if (!Number.isFinite(wakeAt) || this.#ticksAtOnce > MAX_TICKS_AT_ONCE) {
      this.#auditor.fail('busy-loop', `asks for a tick at ${wakeAt}`);
      return;
    }
    this.#alarm = this.#time.at(wakeAt, () => this.#feed({ kind: 'tick' }));
  }

  #perform(effect: Effect): void {
    this.#tell('  ←', effect);
    switch (effect.kind) {
      case 'ask-model':
        return this.#mind.answer(effect);
      case 'cancel-model':
        return this.#mind.cancel(effect.utterance);
      case 'run-tool':
        return this.#mind.run(effect);
      case 'cancel-tool':
        return this.#mind.cancelTool(effect.callId);
      case 'restart-listening':
        return this.#ears.restart();
      case 'hang-up':
        return this.#endByCarrier();
      case 'move-call':
        this.#time.after(this.#luck.between(20, 300), () => this.#lose());
        return;
      default:
        return this.#line.perform(effect);
    }
  }

  #endByCarrier(): void {
    if (this.#faults.has('hang-up-unconfirmed')) return;
    const delay = this.#luck.between(50, 800);
    this.#time.after(delay, () => this.#lose());
    this.#time.after(this.#luck.between(50, 900), () => this.#feed({ kind: 'hung-up' }));
  }

  #attach(resumed: boolean): void {
    if (this.#auditor.finished) return;
    this.#attached = true;
    this.#line.attach();
    this.#feed({ kind: 'stream-attached', resumed });
  }

  #lose(): void {
    if (!this.#attached) return;
    this.#attached = false;
    this.#line.lose();
    this.#ears.deafen();
    this.#feed({ kind: 'stream-closed' });
  }

  /** The process is gone and all that it was doing; another has the last snapshot. */
  #die(backMs: number | undefined): void {
    if (this.#auditor.finished) return;
    const { now } = this.#time;
    this.#attached = false;
    this.#line.die();
    this.#ears.deafen();
    this.#mind.die();
    this.#auditor.died(now);
    this.#state = this.#afterlife.next(this.#state, now);
    this.#feed({ kind: 'tick' });
    if (backMs !== undefined) this.#time.after(backMs, () => this.#attach(true));
  }

  // The caller.

  #glance(): void {
    const { now } = this.#time;
    const speaking = this.#line.audibleNow() !== undefined;
    if (speaking) {
      this.#speechSince ??= now;
      this.#silentSince = now;
    } else this.#speechSince = undefined;
    this.#auditor.watch(now, this.#callerHasFloor());
    const act = this.#script.acts[this.#nextAct];
    if (act && this.#attached && !this.#callerBusy && this.#isDue(act)) {
      this.#nextAct += 1;
      this.#actDoneAt = now;
      this.#do(act);
    }
    if (!this.#over) this.#time.after(GLANCE_MS, () => this.#glance());
  }

  /** As far as the core can know, the caller is talking, or has just talked. */
  #callerHasFloor(): boolean {
    return this.#state.caller.at !== 'quiet' || this.#state.pausedAt !== undefined;
  }

  #isDue(act: Act): boolean {
    const { now } = this.#time;
    if (now - this.#actDoneAt > PATIENCE_MS) return true;
    if (act.cue.on === 'time') return now - this.#actDoneAt >= act.cue.ms;
    if (act.cue.on === 'silence') {
      return now - Math.max(this.#silentSince, this.#actDoneAt) >= act.cue.ms;
    }
    return this.#speechSince !== undefined && now - this.#speechSince >= act.cue.ms;
  }

  #do(act: Act): void {
    this.#tell('**', act);
    switch (act.kind) {
      case 'speak':
        return this.#speak(act);
      case 'noise':
        return this.#ears.noise(act.closes);
      case 'digit':
        if (this.#faults.has('ears-fall-back'))
          this.#ears.fallBack(this.#luck.between(1000, 20_000));
        return this.#feed({ kind: 'digit', digit: act.digit });
      case 'hang-up':
        this.#time.after(this.#luck.between(0, 300), () => this.#lose());
        return void this.#time.after(this.#luck.between(0, 2000), () =>
          this.#feed({ kind: 'hung-up' }),
        );
      case 'lose-stream':
        this.#lose();
        if (act.backMs !== undefined) this.#time.after(act.backMs, () => this.#attach(true));
        return;
      case 'die':
        return this.#die(act.backMs);
      case 'drain':
        return this.#feed({
          kind: 'drain',
          how: act.how,
          deadline: this.#time.now + act.withinMs,
        });
      case 'context-changed':
        return this.#feed({ kind: 'context-changed' });
      case 'answered-by':
        return this.#feed({ kind: 'answered-by', who: act.who });
    }
  }

  #speak(act: Extract<Act, { kind: 'speak' }>): void {
    this.#callerBusy = true;
    let delay = 0;
    act.words.forEach(({ word, gapMs }, at) => {
      delay += gapMs + this.#luck.between(180, 420);
      this.#time.after(delay, () => {
        if (this.#attached) this.#ears.hears(word, act.alarming);
        if (at < act.words.length - 1) return;
        this.#callerBusy = false;
        this.#actDoneAt = this.#time.now;
      });
    });
  }

  #tell(arrow: string, what: Input | Effect | Act): void {
    this.#story?.push(`${String(this.#time.now).padStart(7)} ${arrow} ${JSON.stringify(what)}`);
  }
}
