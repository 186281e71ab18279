/** Performs the core's orders: each goes to the part of the call that can carry it out. */
import { COMPANION_TOOLS } from '../src/companion/tools.ts';
import type { Effect, EndReason, Note } from '../src/conversation/types.ts';
import type { CallEvent } from '../src/events.ts';
import { noteEvent } from './call-events.ts';
import type { CallRecorder } from './call-recorder.ts';
import type { CarrierVoice } from './carrier-voice.ts';
import type { Listening } from './listen.ts';
import type { Outlet } from './outlet.ts';
import type { Speaking } from './speak.ts';
import type { Thinking } from './think.ts';
import type { ToolRunner } from './tool-runner.ts';

/** The parts of one call, and what only the call itself can do. */
export type CallParts = {
  readonly ears: Listening;
  readonly mind: Thinking;
  readonly voice: Speaking;
  readonly tools: ToolRunner;
  readonly outlet: Outlet;
  readonly carrierVoice: CarrierVoice;
  readonly recorder: CallRecorder;
  readonly publish: (event: CallEvent) => void;
  hangUp(): void;
  /** Closes the media socket so that the carrier goes on elsewhere. */
  move(): void;
  finish(reason: EndReason): void;
};

/** @returns what performs one order; it awaits nothing and throws only for a defect. */
export function performIn(parts: CallParts): (effect: Effect) => void {
  const { ears, mind, voice, tools, outlet, carrierVoice } = parts;
  /** Fixed lines that have not been heard yet: their first sound is told from a reply's. */
  const lines = new Map<number, string>();

  const note = (told: Note): void => {
    if (told.what === 'utterance-played') return outlet.forget(told.utterance);
    if (told.what === 'first-audio') {
      const line = lines.get(told.utterance);
      lines.delete(told.utterance);
      return parts.publish({ ...told, line });
    }
    const event = noteEvent(told);
    if (event) parts.publish(event);
  };

  const speak = (effect: Speech): void => {
    switch (effect.kind) {
      case 'say':
        return voice.say(effect.utterance, effect.text);
      case 'finish-speech':
        return voice.finish(effect.utterance);
      case 'say-line':
        lines.set(effect.utterance, effect.line);
        return voice.sayLine(effect.utterance, effect.text);
      case 'release':
        return outlet.release(effect.utterance, effect.first);
      case 'cancel-speech':
        lines.delete(effect.utterance);
        return voice.cancel(effect.utterance);
      case 'pause':
        return outlet.pause();
      case 'unpause':
        return outlet.unpause();
      case 'clear':
        return outlet.clear();
      case 'lend-line':
        return carrierVoice.speak(effect.utterance, effect.text);
    }
  };

  return (effect) => {
    switch (effect.kind) {
      case 'ask-model':
        return mind.ask(effect);
      case 'cancel-model':
        return mind.cancel(effect.utterance);
      case 'run-tool': {
        const { callId, name } = effect;
        const tool = COMPANION_TOOLS.some((known) => known.name === name) ? name : 'unknown';
        parts.publish({ what: 'tool-started', callId, tool });
        return tools.run(effect);
      }
      case 'cancel-tool':
        return tools.cancel(effect.callId);
      case 'restart-listening':
        return ears.restart();
      case 'record-caller':
      case 'record-companion':
      case 'raise-alert':
        return record(parts, effect);
      case 'hang-up':
        return parts.hangUp();
      case 'move-call':
        return parts.move();
      case 'finish':
        return parts.finish(effect.reason);
      case 'note':
        return note(effect.note);
      default:
        return speak(effect);
    }
  };
}

/** Kept first, then told to those who watch. */
function record({ recorder, publish }: CallParts, effect: Commit): void {
  switch (effect.kind) {
    case 'record-caller': {
      recorder.callerSaid(effect);
      const { turnId, revision, text } = effect;
      const backchannel = effect.as === 'backchannel';
      return publish({ what: 'caller-said', turnId, revision, text, backchannel });
    }
    case 'record-companion': {
      recorder.companionSaid(effect);
      const { utterance, turnId, heard: text, interrupted } = effect;
      return publish({ what: 'companion-said', utterance, turnId, text, interrupted });
    }
    case 'raise-alert':
      recorder.alertRaised(effect);
      return publish({ what: 'alert-raised', ...effect.signal });
  }
}

type OrderOf<K extends Effect['kind']> = Extract<Effect, { kind: K }>;
type Commit = OrderOf<'record-caller' | 'record-companion' | 'raise-alert'>;
type Speech = OrderOf<
  | 'say'
  | 'finish-speech'
  | 'say-line'
  | 'release'
  | 'cancel-speech'
  | 'pause'
  | 'unpause'
  | 'clear'
  | 'lend-line'
>;
