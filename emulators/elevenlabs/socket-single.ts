import type { ClientMessage } from './client-message.ts';
import { inactivityMessage, type Connection, type Protocol } from './protocol.ts';

/** `stream-input`: one stream of text, one of audio; `""` ends both. */
export function runSingle(connection: Connection): Protocol {
  const { world, log, fail } = connection;
  const context = connection.open(undefined, 0);
  let first = true;
  let ended = false;
  let timer = setTimeout(expire, connection.inactivityMs);

  function expire(): void {
    if (!ended) fail('input_timeout_exceeded', inactivityMessage(connection.inactivityMs));
  }

  async function end(): Promise<void> {
    ended = true;
    clearTimeout(timer);
    log.add({
      what: 'context-closing',
      connection: world.connection,
      contextId: undefined,
      unspokenText: '',
    });
    await context.finish();
    const sent = await world.outbox.send({ audio: null, isFinal: true }, 'control');
    if (!sent) return;
    log.add({ what: 'context-final', connection: world.connection, contextId: undefined });
    connection.close(1000);
  }

  return {
    stop: () => clearTimeout(timer),
    message: (message: ClientMessage, receivedAtMs) => {
      if (ended) return;
      clearTimeout(timer);
      timer = setTimeout(expire, connection.inactivityMs);
      if (first) {
        first = false;
        if (message.text !== ' ') {
          return fail(
            'invalid_input_message',
            'The first message must have a single space as text.',
          );
        }
        if (message.speed !== undefined) context.setSpeed(message.speed);
        if (message.schedule !== undefined) context.buffer.setSchedule(message.schedule);
        return;
      }
      if (message.hasSettings) {
        return fail(
          'invalid_input_message',
          'voice_settings can only be set in the first message.',
        );
      }
      if (message.text === '') {
        const rest = context.buffer.takeAll();
        if (rest !== undefined) context.speak(rest, receivedAtMs);
        end().catch((error: unknown) => world.broken(error));
        return;
      }
      // A lone space only keeps the socket alive; it is not text.
      const keepAlive = message.text === ' ' && !message.flush;
      if (!keepAlive) connection.feed(context, message, receivedAtMs);
    },
  };
}
