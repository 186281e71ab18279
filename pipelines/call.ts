/**
 * One telephone call: the shell around the conversation core. It wires ears, thought, voice and the
 * media stream to the core's inbox, and performs the core's orders. It decides nothing itself.
 */
import { linesFor } from '../src/companion/lines.ts';
import { observe } from '../src/companion/observer.ts';
import { systemPrompt } from '../src/companion/prompt.ts';
import { COMPANION_TOOLS } from '../src/companion/tools.ts';
import { defaultSettings } from '../src/conversation/settings.ts';
import type { EndReason, Settings } from '../src/conversation/types.ts';
import type { CallEvent } from '../src/events.ts';
import { monotonicMs } from '../src/events.ts';
import { factEvent } from './call-events.ts';
import { performIn } from './call-orders.ts';
import { CallRecorder } from './call-recorder.ts';
import type { CallEnd, CallIdentity, CallServices, CallSink, CallStream } from './call-types.ts';
import { CarrierVoice } from './carrier-voice.ts';
import { Inbox } from './inbox.ts';
import { Listening } from './listen.ts';
import { Recovery } from './recovery.ts';
import { Outlet } from './outlet.ts';
import type { Manner } from './speech-cache.ts';
import { Speaking } from './speak.ts';
import { Thinking } from './think.ts';
import { ToolRunner } from './tool-runner.ts';

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
  readonly #carrierVoice: CarrierVoice;
  readonly #manner: Manner;
  readonly #startedAt = monotonicMs();
  #stream: CallStream | undefined;
  #epoch = 0;
  #answered = false;
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
    const lines = linesFor(language, identity.greeting.join(' '));
    this.#manner = { voiceId: services.voiceId, language, speed: person.manner.speechSpeed };
    const onInput = this.#put.bind(this);
    const onEvent = this.#publish.bind(this);
    const now = monotonicMs;
    const { records, wallClock } = services;
    this.#recorder = new CallRecorder({ identity, records, wallClock, now });
    this.#inbox = new Inbox({
      settings: {
        ...defaultSettings(lines, language),
        observe: (text) => observe(text, language),
        ...settings,
      },
      now,
      // The parts are made below, before anything can be put in.
      perform: (effect) => perform(effect),
      onDefect: (error) => this.#broke(error),
    });
    this.#outlet = new Outlet({
      now,
      onSent: (utterance, toMs) => onInput({ kind: 'audio-sent', utterance, toMs }),
    });
    this.#ears = new Listening({
      vendors: services.stt,
      language,
      endOfTurn: person.manner,
      keyterms: person.name === '' ? [] : [person.name],
      now,
      onInput,
      onEvent,
    });
    this.#mind = new Thinking({
      vendors: services.llm,
      system: systemPrompt(person, services.wallClock()),
      tools: COMPANION_TOOLS,
      onInput,
      onEvent,
    });
    this.#voice = new Speaking({
      vendors: services.tts,
      manner: this.#manner,
      cache: services.speechCache,
      outlet: this.#outlet,
      now,
      onInput,
      onEvent,
    });
    this.#tools = new ToolRunner({
      tools: COMPANION_TOOLS,
      wallClock: services.wallClock,
      onInput,
    });
    this.#recovery = new Recovery({
      redirect: async () => services.telephony.redirect(identity.callSid, services.resumeUrl()),
      onFailed: () => {
        this.#publish({ what: 'vendor-failed', vendor: 'twilio', failure: 'unreachable' });
      },
    });
    this.#carrierVoice = new CarrierVoice({
      redirect: async () => services.telephony.redirect(identity.callSid, services.sayUrl()),
      onInput,
      onEvent,
    });
    const perform = performIn({
      ears: this.#ears,
      mind: this.#mind,
      voice: this.#voice,
      tools: this.#tools,
      outlet: this.#outlet,
      carrierVoice: this.#carrierVoice,
      recorder: this.#recorder,
      publish: onEvent,
      hangUp: () => this.#hangUp(),
      move: () => this.#stream?.close(1012),
      finish: (reason) => this.#finish(reason),
    });
    this.#recorder.started();
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

  /** How often a media stream came after the first because one was lost. */
  get losses(): number {
    return Math.max(0, this.#epoch - 1 - this.#carrierVoice.turns);
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
      this.#services.speechCache.prepareParts(this.#manner, this.identity.greeting),
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
    this.#recovery.end();
    this.#carrierVoice.ended();
    this.#epoch += 1;
    if (replaced) {
      this.#outlet.detach();
      this.#put({ kind: 'stream-closed' });
      replaced.close(1000);
    }
    this.listen();
    const resumed = this.#epoch > 1;
    if (this.losses > 0) this.#recorder.resumed(this.losses);
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

  /** The carrier has asked for a new stream. */
  resumeAsked(): void {
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

  /** Nobody has picked up yet, and nobody shall. */
  cancel(): void {
    this.#hangUp();
    this.hungUp();
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
    this.#outlet.detach();
    this.#publish({ what: 'stream-closed' });
    this.#put({ kind: 'stream-closed' });
  }

  #put(input: Parameters<Inbox['put']>[0]): void {
    const heard = factEvent(input);
    if (heard) this.#publish(heard);
    this.#inbox.put(input);
  }

  #publish(event: CallEvent): void {
    this.#recorder.take(event);
    this.#services.events.publish(this.identity.callSid, event);
  }

  #hangUp(): void {
    this.#services.telephony.hangUp(this.identity.callSid).catch(() => {
      this.#publish({ what: 'vendor-failed', vendor: 'twilio', failure: 'unreachable' });
      // Without the carrier's ear, closing the stream ends our side; its TwiML then hangs up.
      this.#stream?.close(1000);
    });
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
    this.#recorder.ended(reason);
    this.#publish({ what: 'call-ended', reason, durationMs, work });
    this.#onFinished({ reason, broken });
  }
}
