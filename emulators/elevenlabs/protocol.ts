import type { EmulatorLog } from '../log.ts';
import type { ClientMessage } from './client-message.ts';
import type { ContextWorld, SpeechContext } from './context.ts';
import type { ElevenLabsEvent } from './types.ts';

/** What the two protocols need of the connection. */
export type Connection = {
  readonly surface: 'single' | 'multi';
  readonly world: ContextWorld;
  readonly inactivityMs: number;
  readonly log: EmulatorLog<ElevenLabsEvent>;
  /** Says the error in the vendor's form and closes the socket with 1008. */
  fail(error: string, message: string, contextId?: string): void;
  close(code: number): void;
  open(contextId: string | undefined, openContexts: number): SpeechContext;
  /** Adds a message's text to a context and starts what it triggers. False: the socket failed. */
  feed(context: SpeechContext, message: ClientMessage, receivedAtMs: number): boolean;
};

export type Protocol = {
  message(message: ClientMessage, receivedAtMs: number): void;
  /** The socket has closed: stop all timers. */
  stop(): void;
};

/** The vendor's words for a context or socket that was not fed in time. */
export function inactivityMessage(inactivityMs: number): string {
  return `Have not received a new text input within the timeout of ${inactivityMs / 1000} seconds. Streaming input terminated. Please make sure to either feed the input in the timely manner, or to send the end of input text (empty string "") when done.`;
}
