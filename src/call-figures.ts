/** A call in figures, for the span that sums it up. */
import type { Operation } from './call-operations.ts';
import type { TimedCallEvent } from './events.ts';
import { callCostUsd, operationCostUsd } from './prices.ts';
import { OURS } from './telemetry-names.ts';

export class CallFigures {
  #streams = 0;
  #turns = 0;
  #bargeIns = 0;
  #falseInterruptions = 0;
  #fillers = 0;
  #alerts = 0;
  #vendorFailures = 0;
  #ladderMoves = 0;
  #promoted = 0;
  #wasted = 0;
  #outputTokens = 0;
  #characters = 0;
  #costUsd = 0;
  #greetingMs: number | undefined;

  take(event: TimedCallEvent, done: readonly Operation[]): void {
    this.#count(event);
    for (const operation of done) {
      this.#costUsd += operationCostUsd(operation);
      if (operation.kind === 'llm') this.#outputTokens += operation.usage?.outputTokens ?? 0;
      if (operation.kind === 'tts') this.#characters += operation.characters;
      if (operation.kind === 'greeting') {
        this.#greetingMs = operation.endMs - operation.startMs;
      }
    }
    if (event.what === 'call-ended') this.#costUsd += callCostUsd(event.durationMs);
  }

  /** Attributes of the `call` span. */
  attributes(): Record<string, number> {
    return {
      [OURS.streams]: this.#streams,
      [OURS.turns]: this.#turns,
      [OURS.bargeIns]: this.#bargeIns,
      [OURS.falseInterruptions]: this.#falseInterruptions,
      [OURS.fillers]: this.#fillers,
      [OURS.alerts]: this.#alerts,
      [OURS.vendorFailures]: this.#vendorFailures,
      [OURS.ladderMoves]: this.#ladderMoves,
      [OURS.draftsPromoted]: this.#promoted,
      [OURS.draftsWasted]: this.#wasted,
      [OURS.callTokens]: this.#outputTokens,
      [OURS.callCharacters]: this.#characters,
      [OURS.callCostUsd]: this.#costUsd,
      ...(this.#greetingMs !== undefined && { [OURS.greetingMs]: this.#greetingMs }),
    };
  }

  #count(event: TimedCallEvent): void {
    switch (event.what) {
      case 'stream-attached':
        this.#streams += 1;
        return;
      case 'turn-opened':
        this.#turns += 1;
        return;
      case 'barge-in':
        this.#bargeIns += 1;
        return;
      case 'false-interruption':
        this.#falseInterruptions += 1;
        return;
      case 'filler':
        this.#fillers += 1;
        return;
      case 'alert-raised':
        this.#alerts += 1;
        return;
      case 'vendor-failed':
        this.#vendorFailures += 1;
        return;
      case 'ladder-moved':
        this.#ladderMoves += 1;
        return;
      case 'draft-promoted':
        this.#promoted += 1;
        return;
      case 'draft-wasted':
        this.#wasted += 1;
        return;
      default:
        return;
    }
  }
}
