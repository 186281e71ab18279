import type { NovaMessage } from './nova-messages.ts';
import type { SttEvent } from './port.ts';

/** A turn that never ends is cut here; the caller has then spoken for many minutes. */
const MAX_TEXT_LENGTH = 20_000;

/**
 * Makes turns of nova's results, which know only windows and pauses. A turn begins with its first
 * words (or speech heard), its text is all final windows and the present interim one, and it ends
 * at a pause (`speech_final`) or at `UtteranceEnd`, if words were said. Windows that were already
 * taken as final are not taken again.
 */
export class NovaTurns {
  #turn = 0;
  #open = false;
  #finals = '';
  #interim = '';
  #finalUntilMs = 0;
  dropped = 0;

  get inTurn(): boolean {
    return this.#open;
  }

  /** The events that follow from `message`, in order. */
  take(message: NovaMessage): SttEvent[] {
    switch (message.kind) {
      case 'results':
        return this.#results(message);
      case 'speech-started':
        return this.#open ? [] : [this.#start(message.audioMs)];
      case 'utterance-end':
        return this.#text === ''
          ? []
          : [this.#end(Math.max(message.audioMs, this.#finalUntilMs), 'timeout')];
      case 'unknown':
      case 'garbage':
        return [];
    }
  }

  #results(message: Extract<NovaMessage, { kind: 'results' }>): SttEvent[] {
    if (message.audioMs < this.#finalUntilMs || this.#isRepeated(message)) {
      this.dropped += 1;
      return [];
    }
    const events: SttEvent[] = [];
    const before = this.#text;
    if (message.isFinal) {
      this.#finalUntilMs = message.audioMs;
      this.#finals = joined(this.#finals, message.text);
      this.#interim = '';
    } else {
      this.#interim = message.text;
    }
    const text = this.#text;
    if (text !== '' && !this.#open) events.push(this.#start(message.audioMs));
    if (text !== '' && text !== before) {
      events.push({ kind: 'partial', turn: this.#turn, text, audioMs: message.audioMs });
    }
    const isOver = message.isFinal && (message.speechFinal || text.length > MAX_TEXT_LENGTH);
    if (isOver && text !== '') events.push(this.#end(message.audioMs, 'model'));
    return events;
  }

  /** The same final window again: its words are already in the turn, or in the one before. */
  #isRepeated(message: Extract<NovaMessage, { kind: 'results' }>): boolean {
    return message.audioMs === this.#finalUntilMs && message.text !== '' && this.#finalUntilMs > 0;
  }

  #start(audioMs: number): SttEvent {
    this.#open = true;
    return { kind: 'started', turn: this.#turn, text: this.#text, audioMs };
  }

  #end(audioMs: number, trigger: 'model' | 'timeout'): SttEvent {
    const event: SttEvent = {
      kind: 'end',
      turn: this.#turn,
      text: this.#text,
      audioMs,
      trigger,
    };
    this.#turn += 1;
    this.#open = false;
    this.#finals = '';
    this.#interim = '';
    return event;
  }

  get #text(): string {
    return joined(this.#finals, this.#interim);
  }
}

function joined(left: string, right: string): string {
  return left === '' || right === '' ? left + right : `${left} ${right}`;
}
