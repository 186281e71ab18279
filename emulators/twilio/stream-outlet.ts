import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { Fault } from '../faults.ts';

/** What a carrier's frame usually takes on its way, which a 'slow' fault multiplies. */
const USUAL_WAY_MS = 100;

/** How messages leave one media socket: at once, late, a byte at a time, or not at all. */
export class StreamOutlet {
  readonly #socket: WebSocket;
  readonly #tcp: () => Socket | undefined;
  #trickle: NodeJS.Timeout | undefined;

  constructor(socket: WebSocket, tcp: () => Socket | undefined) {
    this.#socket = socket;
    this.#tcp = tcp;
    socket.on('ping', (data) => {
      // A pong in the midst of a frame that trickles would be part of it.
      if (this.#trickle === undefined && socket.readyState === WebSocket.OPEN) socket.pong(data);
    });
    socket.once('close', () => clearInterval(this.#trickle));
  }

  /** Whether the message is on its way. */
  send(text: string, fault: Fault | undefined): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN || this.#trickle) return false;
    switch (fault?.kind) {
      case 'hang':
        return false;
      case 'trickle':
        this.#startTrickle(text, fault.bytesPerSecond);
        return false;
      case 'slow':
        setTimeout(() => {
          if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
        }, USUAL_WAY_MS * fault.factor);
        return true;
      default:
        this.#socket.send(text);
        return true;
    }
  }

  /** From here on nothing else can leave: a frame that has begun has to end first. */
  #startTrickle(text: string, bytesPerSecond: number): void {
    const frame = maskedFrame(text);
    let at = 0;
    this.#trickle = setInterval(() => {
      const byte = frame.subarray(at, at + 1);
      at += 1;
      if (byte.length > 0) this.#tcp()?.write(byte);
    }, 1_000 / bytesPerSecond);
  }
}

/** A text message of at most 65,535 bytes as a client sends it (RFC 6455 §5.2), masked with zeros. */
function maskedFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.from([0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0]);
  header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}
