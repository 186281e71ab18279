/** Which facts and notes of the core are events for those who watch a call. */
import type { Input, Note } from '../src/conversation/types.ts';
import type { CallEvent } from '../src/events.ts';

/** What the recogniser heard and what tools answered, for those who watch. */
export function factEvent(input: Input): CallEvent | undefined {
  switch (input.kind) {
    case 'caller-started':
    case 'caller-partial':
    case 'caller-eager-end':
    case 'caller-resumed':
    case 'caller-final': {
      const { sttTurn, text } = input;
      const state = HEARD[input.kind];
      return { what: 'heard', state, sttTurn, text };
    }
    case 'tool-settled':
      return { what: 'tool-settled', callId: input.callId, isError: input.isError };
    default:
      return undefined;
  }
}

const HEARD = {
  'caller-started': 'started',
  'caller-partial': 'partial',
  'caller-eager-end': 'eager-end',
  'caller-resumed': 'resumed',
  'caller-final': 'final',
} as const;

/** The core's notes that are events for others. */
export function noteEvent(note: Note): CallEvent | undefined {
  switch (note.what) {
    case 'turn-opened':
    case 'draft-promoted':
    case 'draft-wasted':
    case 'barge-in':
    case 'false-interruption':
    case 'filler':
    case 'ending':
    case 'ending-cancelled':
      return note;
    case 'first-audio':
    case 'turn-committed':
    case 'draft-started':
    case 'backchannel':
    case 'utterance-played':
      return undefined;
  }
}
