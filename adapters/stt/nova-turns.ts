import type { NovaMessage } from './nova-messages.ts';
import type { SttEvent } from './port.ts';

/** A turn that never ends is cut here; the caller has then spoken for many minutes. */
const MAX_TEXT_LENGTH = 20_000;
/** Windows follow each other without a gap; so much of an overlap is only rounding. */
const OVERLAP_MS = 50;

/**
 * Makes turns of nova's results, which know only windows and pauses. A turn begins with its first
 * words (or speech heard), its text is all final windows and the present interim one, and it ends
 * at a pause (`speech_final`) or at `UtteranceEnd`, if words were said. A window that begins
 * before the end of the last final one is late or repeated and is dropped.
 */
export class NovaTurns {
  #turn = 0;
  #open = false;
  #finals = '';
  #interim = '';
  #finalUntilMs = 0;
  #interimUntilMs = 0;
  /** The pause came before the final window that it follows. */
  #endAtFinal = false;
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
        return this.#utteranceEnd(message.audioMs);
      case 'unknown':
      case 'garbage':
        return [];
    }
  }

  #results(message: Extract<NovaMessage, { kind: 'results' }>): SttEvent[] {
    const isOld = message.startMs < this.#finalUntilMs - OVERLAP_MS;
    if (isOld || (!message.isFinal && message.audioMs < this.#interimUntilMs)) {
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
      this.#interimUntilMs = message.audioMs;
    }
    const text = this.#text;
    if (text !== '' && !this.#open) events.push(this.#start(message.audioMs));
    if (text !== '' && text !== before) {
      events.push({ kind: 'partial', turn: this.#turn, text, audioMs: message.audioMs });
    }
    const isPause = message.speechFinal || this.#endAtFinal || text.length > MAX_TEXT_LENGTH;
    if (message.isFinal && isPause && text !== '') {
      events.push(this.#end(message.audioMs, message.speechFinal ? 'model' : 'timeout'));
    }
    return events;
  }

  /** Words that are still interim will come once more, as final ones: the end waits for them. */
  #utteranceEnd(audioMs: number): SttEvent[] {
    if (this.#text === '') return [];
    if (this.#interim === '') return [this.#end(Math.max(audioMs, this.#finalUntilMs), 'timeout')];
    this.#endAtFinal = true;
    return [];
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
    this.#endAtFinal = false;
    return event;
  }

  get #text(): string {
    return joined(this.#finals, this.#interim);
  }
}

function joined(left: string, right: string): string {
  return left === '' || right === '' ? left + right : `${left} ${right}`;
}
