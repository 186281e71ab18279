import type { RawData, WebSocket } from 'ws';
import { monotonicMs } from '../clock.ts';
import type { Fault } from '../faults.ts';
import type { EmulatorLog } from '../log.ts';
import { readClientMessage } from './client-message.ts';
import { createContext, type ContextWorld } from './context.ts';
import type { Ledger } from './ledger.ts';
import { createOutbox } from './outbox.ts';
import type { Connection } from './protocol.ts';
import { runMulti } from './socket-multi.ts';
import { runSingle } from './socket-single.ts';
import type { ElevenLabsEvent, ElevenLabsScript } from './types.ts';

export type SocketOptions = {
  readonly socket: WebSocket;
  readonly surface: 'single' | 'multi';
  readonly connection: number;
  readonly query: URLSearchParams;
  /** False while the key has to come in the first message. */
  readonly authorised: boolean;
  readonly fault: Fault | undefined;
  readonly ledger: Ledger;
  readonly script: ElevenLabsScript;
  readonly log: EmulatorLog<ElevenLabsEvent>;
};

const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
const DEFAULT_INACTIVITY_S = 20;
const MAX_INACTIVITY_S = 180;

/** Serves one accepted socket until it closes. */
export function serveSocket(options: SocketOptions): void {
  const { socket, surface, connection, query, fault, ledger, script, log } = options;
  const controller = new AbortController();
  let closedBy: 'client' | 'server' = 'client';
  let authorised = options.authorised;
  let generations = 0;

  const close = (code: number): void => {
    closedBy = 'server';
    socket.close(code);
  };
  const fail = (error: string, message: string, contextId?: string): void => {
    if (socket.readyState !== socket.OPEN) return;
    log.add({ what: 'error-sent', connection, error, code: POLICY_VIOLATION });
    const body = { message, error, code: POLICY_VIOLATION };
    socket.send(JSON.stringify(contextId === undefined ? body : { ...body, contextId }));
    closedBy = 'server';
    // A close reason may hold 123 bytes at most.
    socket.close(POLICY_VIOLATION, Buffer.from(message).subarray(0, 120));
    controller.abort();
  };
  const world: ContextWorld = {
    surface,
    connection,
    autoMode: query.get('auto_mode') === 'true',
    languageCode: query.get('language_code') ?? undefined,
    slowness: fault?.kind === 'slow' ? fault.factor : 1,
    script,
    log,
    outbox: createOutbox(socket, fault, controller.signal, fail),
    gone: controller.signal,
    nextGeneration: () => (generations += 1),
    broken: (error) => {
      log.add({ what: 'error-sent', connection, error: String(error), code: INTERNAL_ERROR });
      close(INTERNAL_ERROR);
    },
  };
  const link: Connection = {
    surface,
    world,
    inactivityMs: readInactivityMs(query),
    log,
    fail,
    close,
    open: (contextId, openContexts) => {
      log.add({ what: 'context-opened', connection, contextId, open: openContexts + 1 });
      return createContext(contextId, world);
    },
    feed: (context, message, receivedAtMs) => {
      const text = message.text ?? '';
      const { flush } = message;
      log.add({ what: 'text', connection, contextId: context.id, text, flush }, receivedAtMs);
      if (!ledger.spend(text.trim().length)) {
        fail('quota_exceeded', 'This request exceeds your quota.');
        return false;
      }
      if (!context.buffer.add(text)) {
        fail('invalid_input_message', 'Too much text without a generation.');
        return false;
      }
      const all = flush || message.tryTrigger;
      const ready = all ? context.buffer.takeAll() : context.buffer.takeTriggered();
      if (ready !== undefined) context.speak(ready, receivedAtMs);
      return true;
    },
  };
  const protocol = surface === 'single' ? runSingle(link) : runMulti(link);

  socket.on('message', (data, binary) => {
    const receivedAtMs = monotonicMs();
    if (fault?.kind === 'hang' || controller.signal.aborted) return;
    if (binary) return fail('invalid_input_message', 'Binary messages are not supported.');
    const read = readClientMessage(textOf(data), surface === 'multi');
    if (!read.ok) return fail('invalid_input_message', read.reason);
    if (!authorised) {
      if (!ledger.accepts(read.message.apiKey)) {
        return fail('invalid_api_key', 'Invalid API key');
      }
      authorised = true;
    }
    protocol.message(read.message, receivedAtMs);
  });
  socket.on('error', () => undefined);
  socket.on('close', (code) => {
    controller.abort();
    protocol.stop();
    log.add({ what: 'disconnected', connection, code, by: closedBy });
  });
}

function readInactivityMs(query: URLSearchParams): number {
  const seconds = Number(query.get('inactivity_timeout') ?? DEFAULT_INACTIVITY_S);
  const valid = Number.isFinite(seconds) && seconds > 0;
  return Math.min(valid ? seconds : DEFAULT_INACTIVITY_S, MAX_INACTIVITY_S) * 1000;
}

function textOf(data: RawData): string {
  if (Buffer.isBuffer(data)) return data.toString('utf8');
  return (Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data)).toString('utf8');
}
