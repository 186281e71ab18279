/** What both listening surfaces have in common: the socket, its audio, its silence, its end. */
import type { RawData, WebSocket } from 'ws';
import type { Fault } from '../faults.ts';
import type { EmulatorLog } from '../log.ts';
import type { Outbox } from './outbox.ts';
import type { DeepgramEvent, DeepgramScript } from './types.ts';

/** One accepted connection. */
export type SessionContext = {
  readonly socket: WebSocket;
  readonly connection: number;
  readonly requestId: string;
  readonly log: EmulatorLog<DeepgramEvent>;
  readonly script: DeepgramScript;
  readonly fault: Fault | undefined;
  readonly briefLog: boolean;
};

export type SessionHandlers = {
  readonly outbox: Outbox;
  /** Time without a sign of life before `onQuiet`. */
  readonly quietMs: number;
  readonly onQuiet: () => void;
  /** A non-empty binary frame. */
  readonly onAudio: (chunk: Uint8Array) => void;
  /** A text frame; undefined when it is not a JSON object. */
  readonly onControl: (message: Readonly<Record<string, unknown>> | undefined) => void;
};

function toBytes(data: RawData): Buffer {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? Buffer.from(data) : data;
}

function parseControl(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Wires a session to its socket. An empty binary frame closes it, as it does at the vendor. */
export function runSession(context: SessionContext, handlers: SessionHandlers): void {
  const { socket, connection, log, fault } = context;
  const { outbox } = handlers;
  const stopsReading = fault?.kind === 'stop-reading';
  const quiet = setTimeout(handlers.onQuiet, handlers.quietMs);
  if (stopsReading) {
    clearTimeout(quiet);
    socket.pause();
  }
  let position = 0;
  socket.on('message', (data: RawData, isBinary: boolean) => {
    const bytes = toBytes(data);
    if (!isBinary) {
      const text = bytes.toString('utf8');
      const message = parseControl(text);
      log.add({ what: 'control', connection, message: message ?? text });
      if (message?.['type'] === 'KeepAlive') quiet.refresh();
      handlers.onControl(message);
      return;
    }
    position += bytes.length;
    if (!context.briefLog) log.add({ what: 'audio', connection, bytes: bytes.length, position });
    if (bytes.length === 0) {
      outbox.close(undefined, 'empty binary frame');
      return;
    }
    quiet.refresh();
    handlers.onAudio(bytes);
  });
  socket.on('error', () => undefined);
  socket.on('close', (code: number, reason: Buffer) => {
    clearTimeout(quiet);
    outbox.end();
    if (outbox.closedByUs) return;
    log.add({ what: 'close', connection, by: 'peer', code, reason: reason.toString('utf8') });
  });
}
