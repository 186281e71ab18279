/**
 * One telephone call: the shell around the conversation core. It wires ears, thought, voice and the
 * media stream to the core's inbox, and performs the core's orders. It decides nothing itself.
 */
import { isCommitPoint, snapshotOf } from '../src/conversation/resume.ts';
import type { Effect, EndReason, Input, Settings } from '../src/conversation/types.ts';
import type { CallEvent } from '../src/events.ts';
import { monotonicMs } from '../src/events.ts';
import { assembleCall, settingsOf } from './call-assembly.ts';
import { factEvent } from './call-events.ts';
import { recordOf, type CallKeeper } from './call-keeper.ts';
import { performIn } from './call-orders.ts';
import { CallRecorder } from './call-recorder.ts';
import type { CallEnd, CallIdentity, CallServices, CallSink, CallStream } from './call-types.ts';
import type { CarrierVoice } from './carrier-voice.ts';
import { Inbox } from './inbox.ts';
import type { Listening } from './listen.ts';
import type { Recovery } from './recovery.ts';
import type { Outlet } from './outlet.ts';
import type { Manner } from './speech-cache.ts';
import type { Speaking } from './speak.ts';
import { StreamLoss } from './stream-loss.ts';
import type { Thinking } from './think.ts';
import type { ToolRunner } from './tool-runner.ts';

export type { CallEnd, CallIdentity, CallServices, CallSink, CallStream } from './call-types.ts';

export class Call {
  readonly identity: CallIdentity;
  readonly #services: CallServices;
  readonly #onFinished: (end: CallEnd) => void;
  readonly #inbox: Inbox;
  readonly #outlet: Outlet;
  readonly #ears: Listening;
  readonly #mind: Thinking;
  readonly #voice: Speaking;
  readonly #tools: ToolRunner;
  readonly #recovery: Recovery;
  readonly #recorder: CallRecorder;
  readonly #keeper: CallKeeper;
  readonly #carrierVoice: CarrierVoice;
  readonly #manner: Manner;
  readonly #startedAt = monotonicMs();
  #stream: CallStream | undefined;
  #epoch = 0;
  #answered = false;
  readonly #loss = new StreamLoss();
  #finished: EndReason | undefined;

  constructor(
    identity: CallIdentity,
    services: CallServices,
    onFinished: (end: CallEnd) => void,
    settings: Partial<Settings> = {},
  ) {
    this.identity = identity;
    this.#services = services;
    this.#onFinished = onFinished;
    const { person } = identity;
    const { language } = person;
    this.#manner = { voiceId: services.voiceId, language, speed: person.manner.speechSpeed };
    const onInput = this.#put.bind(this);
    const onEvent = this.#publish.bind(this);
    const now = monotonicMs;
    const { records, wallClock } = services;
    this.#recorder = new CallRecorder({ identity, records, wallClock, now });
    this.#inbox = new Inbox({
      settings: settingsOf(identity, settings),
      now,
      // The parts are made below, before anything can be put in.
      perform: (effect) => perform(effect),
      onStep: (input, effects) => this.#keep(input, effects),
      onDefect: (error) => this.#broke(error),
      resumed: identity.resumed?.snapshot,
    });
    const parts = assembleCall(identity, services, { manner: this.#manner, onInput, onEvent, now });
    const { outlet, ears, mind, voice, tools, recovery, carrierVoice } = parts;
    this.#outlet = outlet;
    this.#ears = ears;
    this.#mind = mind;
    this.#voice = voice;
    this.#tools = tools;
    this.#recovery = recovery;
    this.#carrierVoice = carrierVoice;
    const perform = performIn({
      ...parts,
      recorder: this.#recorder,
      publish: onEvent,
      hangUp: () => this.#hangUp(),
      move: () => this.#stream?.close(1012),
      finish: (reason) => {
        const isElsewhere = reason === 'stream-lost' && this.#isElsewhere;
        this.#finish(isElsewhere ? 'moved' : this.#loss.meant(reason));
      },
    });
    this.#recorder.started();
    this.#keeper = services.keep(recordOf(identity), () => this.overtaken());
    this.#publish({ what: 'call-started', direction: identity.direction });
  }

  get callSid(): string {
    return this.identity.callSid;
  }

  /** How often this call has had a media stream. */
  get epoch(): number {
    return this.#epoch;
  }

  get isFinished(): boolean {
    return this.#finished !== undefined;
  }

  /** How often a media stream came after the first because one was lost, in all its processes. */
  get losses(): number {
    const { resumed } = this.identity;
    const here = this.#epoch - this.#carrierVoice.turns;
    return resumed ? resumed.resumeCount + Math.max(0, here - 1) : Math.max(0, here - 1);
  }

  /** It began in another process, or has had a stream here. */
  get #wasConnected(): boolean {
    return this.identity.resumed !== undefined || this.#epoch > 0;
  }

  /** Somebody picked up: the carrier has asked for a stream, or has one. */
  get wasAnswered(): boolean {
    return this.#answered || this.#epoch > 0;
  }

  /** Nothing more will be said: the carrier may hang up. */
  get isEnding(): boolean {
    const { at } = this.#inbox.state.ending;
    return at === 'hanging-up' || at === 'finished';
  }

  /** While the phone rings: the voice's socket, and the greeting as sound. Never rejects. */
  async prewarm(): Promise<void> {
    this.#voice.prewarm();
    await Promise.all([
      this.#services.speechCache.prepareParts(
        this.#manner,
        this.identity.resumed ? [] : this.identity.greeting,
      ),
      this.#mind.prewarm(),
    ]);
  }

  /** The phone has been answered: the ears, too. */
  listen(): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#voice.prewarm();
    this.#ears.start();
  }

  /** A media stream of this call: the first, or one after a loss, which replaces the one before. */
  attach(stream: CallStream): CallSink {
    const replaced = this.#stream;
    this.#stream = stream;
    this.#loss.attached();
    this.#recovery.end();
    this.#carrierVoice.ended();
    const resumed = this.#wasConnected;
    this.#epoch += 1;
    if (replaced) {
      this.#outlet.detach();
      this.#put({ kind: 'stream-closed' });
      replaced.close(1000);
    }
    this.listen();
    if (this.losses > 0) this.#recorder.resumed(this.losses);
    this.#keeper.put({ phase: 'live', resumeCount: this.losses });
    this.#publish({ what: 'stream-attached', resumed, epoch: this.#epoch });
    this.#outlet.attach(stream);
    this.#put({ kind: 'stream-attached', resumed });
    const isCurrent = (): boolean => this.#stream === stream;
    return {
      onAudio: (mulaw) => {
        if (isCurrent()) this.#ears.audio(mulaw);
      },
      onMark: (name) => {
        const mark = isCurrent() ? this.#outlet.readMark(name) : undefined;
        if (mark) this.#put({ kind: 'mark', ...mark });
      },
      onDigit: (digit) => {
        this.#publish({ what: 'digit' });
        if (isCurrent()) this.#put({ kind: 'digit', digit });
      },
      onStop: () => this.#streamGone(stream, 'stopped'),
      onClosed: () => this.#streamGone(stream, 'broken'),
    };
  }

  /** Resumed here: the carrier is to bring a stream; without one the call ends by itself. */
  awaitStream(): void {
    this.listen();
    this.#put({ kind: 'tick' });
  }

  /** The carrier has asked for a new stream. */
  resumeAsked(): void {
    this.#loss.asked();
    this.#recovery.asked();
  }

  /** What the carrier was asked to speak; undefined when it has been given already. */
  wordsForCarrier(): string | undefined {
    return this.#carrierVoice.take();
  }

  /** The carrier's status callback said that the call is over. */
  hungUp(): void {
    this.#put({ kind: 'hung-up' });
  }

  answeredBy(who: 'human' | 'machine' | 'fax' | 'unknown'): void {
    this.#publish({ what: 'answered-by', who });
    this.#put({ kind: 'answered-by', who });
  }

  /** It lost its stream too often: whoever is on it is called back another time. */
  giveUp(): void {
    this.#recorder.lineTrouble();
    this.#put({ kind: 'stream-closed' });
    this.#finish('stream-lost');
  }

  /** Another process has the call: this one falls silent and lets go of it. */
  overtaken(): void {
    this.#put({ kind: 'overtaken' });
  }

  /** Nothing more is waited for: it is over, unless its stream may have come to another process. */
  endHere(): void {
    if (this.#isElsewhere) this.overtaken();
    else this.hungUp();
  }

  /** A sign of life to those who may have to take over, and a look whether the call is ours. */
  keepAlive(): void {
    this.#keeper.put();
  }

  /** Without a word, because the process cannot wait: whoever is on it is to be called back. */
  cutOff(): void {
    if (this.#isElsewhere) return this.overtaken();
    this.#loss.cutOff();
    this.#put({ kind: 'hung-up', by: 'us' });
  }

  /** Nobody has picked up here, and nobody shall; a call that another process has goes on there. */
  cancel(): void {
    this.#services.telephony.cancel(this.identity.callSid).catch(() => this.#carrierAway());
    this.endHere();
  }

  /** The process is about to stop; `deadline` on the monotonic clock. */
  drain(how: 'move' | 'wind-up', deadline: number): void {
    this.#put({ kind: 'drain', how, deadline });
  }

  /** `stopped`: by the carrier, in order; a hang-up, as a rule. */
  #streamGone(stream: CallStream, how: 'stopped' | 'broken'): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    if (how === 'broken' && !this.isEnding) this.#recovery.begin();
    this.#loss.gone(how);
    this.#keeper.put({ phase: 'lost' });
    this.#outlet.detach();
    this.#publish({ what: 'stream-closed' });
    this.#put({ kind: 'stream-closed' });
  }

  #put(input: Parameters<Inbox['put']>[0]): void {
    const heard = factEvent(input);
    if (heard) this.#publish(heard);
    this.#inbox.put(input);
  }

  #keep(input: Input, effects: readonly Effect[]): void {
    if (!isCommitPoint(input, effects)) return;
    this.#keeper.save(() => snapshotOf(this.#inbox.state, monotonicMs()));
  }

  #publish(event: CallEvent): void {
    this.#recorder.take(event);
    this.#services.events.publish(this.identity.callSid, event);
  }

  #hangUp(): void {
    this.#services.telephony.hangUp(this.identity.callSid).catch(() => {
      this.#carrierAway();
      // Without the carrier's ear, closing the stream ends our side; its TwiML then hangs up.
      this.#stream?.close(1000);
    });
  }

  #carrierAway(): void {
    this.#publish({ what: 'vendor-failed', vendor: 'twilio', failure: 'unreachable' });
  }

  /** It has had no stream here, and no store says that nobody else has it. */
  get #isElsewhere(): boolean {
    return !this.#wasConnected && !this.#keeper.isOurs;
  }

  /** A defect of ours: nothing of the core can be trusted any more, so the call ends here. */
  #broke(error: unknown): void {
    this.#services.onDefect(this.identity.callSid, error);
    this.#finish('stream-lost', true);
  }

  #finish(reason: EndReason, broken = false): void {
    if (this.#finished !== undefined) return;
    this.#finished = reason;
    const work = this.#inbox.work();
    this.#recovery.end();
    this.#carrierVoice.ended();
    this.#ears.close();
    this.#mind.close();
    this.#voice.close();
    this.#tools.close();
    this.#outlet.close();
    this.#inbox.close();
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close(1000);
    const durationMs = monotonicMs() - this.#startedAt;
    this.#sayItIsOver(reason);
    this.#publish({ what: 'call-ended', reason, durationMs, work });
    this.#onFinished({ reason, broken });
  }

  /** To the records and to other processes. */
  #sayItIsOver(reason: EndReason): void {
    if (reason === 'moved') {
      this.#recorder.handedOver();
      return this.#keeper.release();
    }
    this.#recorder.ended(reason, this.losses);
    if (this.#loss.isLost(reason) && this.#wasConnected) this.#recorder.callBackDue();
    this.#keeper.ended(this.#loss.isGuess(reason) ? 'lost' : 'over');
  }
}
