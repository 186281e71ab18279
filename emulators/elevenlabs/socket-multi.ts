import { monotonicMs } from '../clock.ts';
import { waitUntil } from '../pace.ts';
import type { ClientMessage } from './client-message.ts';
import type { SpeechContext } from './context.ts';
import { inactivityMessage, type Connection, type Protocol } from './protocol.ts';

/** The vendor's limit. A context counts until its `isFinal` has left. */
const MAX_CONTEXTS = 5;

const TOO_MANY_CONTEXTS = `Maximum simultaneous contexts per WebSocket connection exceeded (${MAX_CONTEXTS}). Please close an existing context before opening a new one.`;

type Slot = { readonly context: SpeechContext; timer: NodeJS.Timeout };

/** `multi-stream-input`: up to five independent streams of speech over one socket. */
export function runMulti(connection: Connection): Protocol {
  const { world, log, fail } = connection;
  /** Contexts that take text, by id; '' is the default context. */
  const open = new Map<string, Slot>();
  /** Contexts whose close was asked and whose `isFinal` has not left. */
  const closing = new Set<SpeechContext>();
  let socketClosing = false;

  function arm(key: string, contextId: string | undefined): NodeJS.Timeout {
    return setTimeout(() => {
      if (!open.has(key)) return;
      fail('input_timeout_exceeded', inactivityMessage(connection.inactivityMs), contextId);
    }, connection.inactivityMs);
  }

  function slotFor(message: ClientMessage): Slot | undefined {
    const key = message.contextId ?? '';
    const existing = open.get(key);
    if (existing) {
      clearTimeout(existing.timer);
      existing.timer = arm(key, message.contextId);
      return existing;
    }
    const count = open.size + closing.size;
    if (count >= MAX_CONTEXTS) {
      fail('max_active_conversations', TOO_MANY_CONTEXTS);
      return undefined;
    }
    const context = connection.open(message.contextId, count);
    const slot = { context, timer: arm(key, message.contextId) };
    open.set(key, slot);
    return slot;
  }

  async function closeContext(slot: Slot, flushRest: boolean): Promise<void> {
    const { context } = slot;
    open.delete(context.id ?? '');
    clearTimeout(slot.timer);
    closing.add(context);
    const { connection: number } = world;
    const rest = context.buffer.takeAll() ?? '';
    if (flushRest && rest !== '') context.speak(rest, monotonicMs());
    log.add({
      what: 'context-closing',
      connection: number,
      contextId: context.id,
      unspokenText: flushRest ? '' : rest,
    });
    await context.finish();
    const finalAtMs = monotonicMs() + world.script.finalDelayMs * world.slowness;
    if (!(await waitUntil(finalAtMs, world.gone))) return;
    if (!(await world.outbox.send(finalMessage(context.id), 'control'))) return;
    closing.delete(context);
    log.add({ what: 'context-final', connection: number, contextId: context.id });
  }

  async function closeSocket(): Promise<void> {
    socketClosing = true;
    await Promise.all([...open.values()].map(async (slot) => await closeContext(slot, true)));
    connection.close(1000);
  }

  return {
    stop: () => {
      for (const slot of open.values()) clearTimeout(slot.timer);
      open.clear();
    },
    message: (message, receivedAtMs) => {
      if (socketClosing) return;
      if (message.closeSocket) {
        closeSocket().catch((error: unknown) => world.broken(error));
        return;
      }
      if (message.closeContext) {
        const slot = open.get(message.contextId ?? '');
        if (slot) closeContext(slot, false).catch((error: unknown) => world.broken(error));
        return;
      }
      // A flush of a context never heard of opens one too, as the vendor's does.
      const slot = slotFor(message);
      if (!slot) return;
      const { context } = slot;
      if (message.speed !== undefined) context.setSpeed(message.speed);
      if (message.schedule !== undefined) context.buffer.setSchedule(message.schedule);
      const text = message.text ?? '';
      // "" keeps the context alive, " " opens it; neither is something to say.
      if (text.trim() !== '' || message.flush) {
        connection.feed(context, message, receivedAtMs);
      }
    },
  };
}

function finalMessage(contextId: string | undefined): { isFinal: true; contextId?: string } {
  return contextId === undefined ? { isFinal: true } : { isFinal: true, contextId };
}
