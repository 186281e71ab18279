import type { FluxMessage } from './flux-messages.ts';
import type { SttEvent } from './port.ts';

type FluxTurn = Extract<FluxMessage, { kind: 'turn' }>;
type OpenTurn = { readonly index: number; text: string; audioMs: number; eager: boolean };

/**
 * Turns Flux's messages into the port's events, whatever order they come in: every `end` has its
 * `started`, turns are numbered by us, and a message of a finished turn or a repeated one is
 * dropped. Flux has been seen to open a turn with an `Update` alone.
 */
export class FluxTurns {
  #turn = 0;
  #open: OpenTurn | undefined;
  /** The vendor's index of the last finished turn. */
  #lastEnded = -1;
  #lastSequence = -1;
  /** Messages that were repeated, late or meaningless. */
  dropped = 0;

  get inTurn(): boolean {
    return this.#open !== undefined;
  }

  /** The events that follow from `message`, in order. */
  take(message: FluxTurn): SttEvent[] {
    if (this.#isStale(message)) {
      this.dropped += 1;
      return [];
    }
    if (message.sequenceId !== undefined) {
      this.#lastSequence = Math.max(this.#lastSequence, message.sequenceId);
    }
    const events: SttEvent[] = [];
    if (this.#open !== undefined && this.#open.index !== message.turnIndex) {
      // The end of the turn before was lost; its words must not be.
      events.push(this.#end(this.#open.text, this.#open.audioMs, 'other'));
    }
    if (this.#open === undefined) {
      // Between turns Flux reports the passing of silence.
      const isSilence = message.text === '' && message.event !== 'StartOfTurn';
      if (isSilence) return events;
      this.#open = { index: message.turnIndex, text: '', audioMs: 0, eager: false };
      events.push(this.#event('started', message));
    }
    const open = this.#open;
    open.audioMs = message.audioMs;
    if (message.text !== '' || message.event === 'EndOfTurn') open.text = message.text;
    events.push(...this.#inside(open, message));
    return events;
  }

  #inside(open: OpenTurn, message: FluxTurn): SttEvent[] {
    switch (message.event) {
      case 'StartOfTurn':
        return [];
      case 'Update':
        return message.text === '' ? [] : [this.#event('partial', message)];
      case 'EagerEndOfTurn': {
        if (message.text === '') return [];
        open.eager = true;
        const { text, audioMs, confidence } = message;
        return [{ kind: 'eager-end', turn: this.#turn, text, audioMs, confidence }];
      }
      case 'TurnResumed': {
        const wasEager = open.eager;
        open.eager = false;
        return [this.#event(wasEager ? 'resumed' : 'partial', message)];
      }
      case 'EndOfTurn':
        return [this.#end(message.text, message.audioMs, message.trigger)];
    }
  }

  #isStale(message: FluxTurn): boolean {
    if (message.turnIndex <= this.#lastEnded) return true;
    if (this.#open !== undefined && message.turnIndex < this.#open.index) return true;
    const isOld = message.sequenceId !== undefined && message.sequenceId <= this.#lastSequence;
    return isOld && message.event !== 'EndOfTurn';
  }

  #event(kind: 'started' | 'partial' | 'resumed', message: FluxTurn): SttEvent {
    return { kind, turn: this.#turn, text: message.text, audioMs: message.audioMs };
  }

  #end(text: string, audioMs: number, trigger: FluxTurn['trigger']): SttEvent {
    const turn = this.#turn;
    this.#lastEnded = this.#open?.index ?? this.#lastEnded;
    this.#open = undefined;
    this.#turn += 1;
    return { kind: 'end', turn, text, audioMs, trigger };
  }
}
