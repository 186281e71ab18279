import type { WebSocket } from 'ws';
import { monotonicMs } from '../clock.ts';
import type { Fault } from '../faults.ts';
import { FILLER, swollen } from '../oversize.ts';
import { waitForAbort, waitUntil } from '../pace.ts';

export type Outgoing = Record<string, unknown>;

/** Unsent bytes at which a client that does not read is cut off. */
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024;

export type Outbox = {
  /** Sends one message. False once nothing more will ever arrive. */
  send(message: Outgoing, kind: 'audio' | 'control'): Promise<boolean>;
};

/** The server's side of one socket, where the faults on what is said are committed. */
export function createOutbox(
  socket: WebSocket,
  fault: Fault | undefined,
  gone: AbortSignal,
  fail: (error: string, message: string) => void,
): Outbox {
  let audioSent = 0;
  let stalled = false;
  let turn: Promise<boolean> = Promise.resolve(true);
  let held: Outgoing | undefined;

  async function trickle(text: string | Buffer, bytesPerSecond: number): Promise<boolean> {
    const previous = turn;
    turn = (async () => {
      await previous;
      const dueMs = monotonicMs() + (text.length / bytesPerSecond) * 1000;
      return await waitUntil(dueMs, gone);
    })();
    return await turn;
  }

  async function write(message: Outgoing | string | Buffer): Promise<boolean> {
    const isMade = typeof message === 'string' || Buffer.isBuffer(message);
    const text = isMade ? message : JSON.stringify(message);
    if (fault?.kind === 'trickle' && !(await trickle(text, fault.bytesPerSecond))) return false;
    if (gone.aborted || socket.readyState !== socket.OPEN) return false;
    if (socket.bufferedAmount > MAX_BUFFERED_BYTES) socket.terminate();
    else socket.send(text, { binary: false });
    if (fault?.kind === 'duplicate') socket.send(text, { binary: false });
    return true;
  }

  /** Faults that break off after so many audio messages; true when one has struck. */
  async function breaksOff(): Promise<boolean> {
    if (fault?.kind !== 'cut' && fault?.kind !== 'stall' && fault?.kind !== 'stream-error') {
      return false;
    }
    if (audioSent < fault.afterMessages) return false;
    if (fault.kind === 'cut') socket.terminate();
    if (fault.kind === 'stream-error') {
      fail('detected_unusual_activity', 'Unusual activity detected. Streaming terminated.');
    }
    stalled = true;
    await waitForAbort(gone);
    return true;
  }

  async function sendAudio(message: Outgoing): Promise<boolean> {
    if (await breaksOff()) return false;
    audioSent += 1;
    switch (fault?.kind) {
      case 'garbage':
        return await write(`\u0000{"audio":"${'~'.repeat(12)}`);
      case 'wrong-shape':
        return await write({ type: 'speech.audio.delta', delta: { pcm: [1, 2, 3] } });
      case 'oversize':
        return await write(swollen(JSON.stringify({ ...message, audio: FILLER }), fault.bytes));
      case 'empty':
        return true;
      case 'wrong-order': {
        // Every second message overtakes the one before it.
        const earlier = held;
        held = earlier ? undefined : message;
        if (!earlier) return true;
        return (await write(message)) && (await write(earlier));
      }
      default:
        return (await write(message)) && !(await breaksOff());
    }
  }

  return {
    send: async (message, kind) => {
      if (stalled || fault?.kind === 'hang') return false;
      if (kind === 'audio') return await sendAudio(message);
      if (fault?.kind === 'stall' && audioSent >= fault.afterMessages) return false;
      const sent = await write(message);
      if (held) await write(held);
      held = undefined;
      return sent;
    },
  };
}
