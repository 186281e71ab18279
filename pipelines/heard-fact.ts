/** What a recogniser's event means to the core, once it is known which turn of the call it is. */
import type { SttEvent } from '../adapters/stt/port.ts';
import { observe } from '../src/companion/observer.ts';
import { goodbye } from '../src/conversation/lexicon.ts';
import type { Input } from '../src/conversation/types.ts';

/** `sttTurn`: the turn's number in the call, over all recognisers. */
export function heardFact(
  { kind, text }: Exclude<SttEvent, { kind: 'failed' }>,
  sttTurn: number,
  language: 'en' | 'es',
): Input {
  switch (kind) {
    case 'started':
      return { kind: 'caller-started', sttTurn, text };
    case 'partial':
      return { kind: 'caller-partial', sttTurn, text };
    case 'resumed':
      return { kind: 'caller-resumed', sttTurn, text };
    case 'eager-end':
    case 'end': {
      const observed = observe(text, language, goodbye(text, language));
      const fact = kind === 'end' ? 'caller-final' : 'caller-eager-end';
      return { kind: fact, sttTurn, text, observed };
    }
  }
}
