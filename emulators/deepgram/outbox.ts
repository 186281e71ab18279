/**
 * What the emulator says on one socket, in order, each message not before its time, bent by the
 * connection's fault. Content is what carries results (TurnInfo, Results); the rest is protocol.
 */
import type { WebSocket } from 'ws';
import { monotonicMs } from '../clock.ts';
import type { Fault } from '../faults.ts';
import type { EmulatorLog } from '../log.ts';
import { swollen } from '../oversize.ts';
import type { Decision, DeepgramEvent, DeepgramScript, DelayedMessage } from './types.ts';

export type Outgoing = {
  readonly name: DelayedMessage;
  readonly message: Readonly<Record<string, unknown>>;
  readonly content: boolean;
  readonly decision?: Decision;
};

/** How one surface fails in its own words. */
export type SurfaceFaults = {
  /** The in-stream error: a message, where the surface has one, and the close. */
  failure(): { readonly outgoing?: Outgoing; readonly code?: number; readonly reason: string };
  /** The message with its content taken out. */
  emptied(message: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  /** The message with `FILLER` for its words, to be swollen. */
  filled(message: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
};

type Queued =
  | { kind: 'message'; outgoing: Outgoing; decidedAtMs: number; dueAtMs: number }
  | { kind: 'close'; code: number | undefined; reason: string; dueAtMs: number };

const MAX_QUEUED = 20_000;
/** An unscripted delay counts as this much under a 'slow' fault. */
const SLOW_BASE_MS = 10;
const TRICKLE_TICK_MS = 50;
/** A message held back to be sent out of order is let go after this, partner or not. */
const MAX_HOLD_MS = 1_000;

const garbage: readonly (string | Uint8Array)[] = [
  '<html>502 Bad Gateway</html>',
  Uint8Array.from([0, 255, 17, 3, 128, 64, 9, 200]),
  '{"type":"TurnInfo","event":',
  '',
];
const wrongShapes: readonly unknown[] = [
  { hello: 'world' },
  [],
  null,
  42,
  { type: 'TurnInfo' },
  { type: 'Results', channel: null },
  { type: 7, event: { event: 'EndOfTurn' }, transcript: ['a'] },
];

export class Outbox {
  readonly #socket: WebSocket;
  readonly #connection: number;
  readonly #log: EmulatorLog<DeepgramEvent>;
  readonly #script: DeepgramScript;
  readonly #fault: Fault | undefined;
  readonly #surface: SurfaceFaults;
  readonly #briefLog: boolean;
  readonly #queue: Queued[] = [];
  #timer: NodeJS.Timeout | undefined;
  #lastDueMs = 0;
  #contentSent = 0;
  #mangled = 0;
  #held: { send: () => void; timer: NodeJS.Timeout } | undefined;
  #trickling: Buffer[] = [];
  #trickleTimer: NodeJS.Timeout | undefined;
  #closeAfterTrickle: (() => void) | undefined;
  #state: 'open' | 'silent' | 'ended' = 'open';
  /** Set when the stream has failed and its close is on the way: nothing may follow it. */
  #refusing = false;
  #closedByUs = false;

  constructor(options: {
    socket: WebSocket;
    connection: number;
    log: EmulatorLog<DeepgramEvent>;
    script: DeepgramScript;
    fault: Fault | undefined;
    surface: SurfaceFaults;
    briefLog: boolean;
  }) {
    this.#briefLog = options.briefLog;
    this.#socket = options.socket;
    this.#connection = options.connection;
    this.#log = options.log;
    this.#script = options.script;
    this.#fault = options.fault;
    this.#surface = options.surface;
  }

  /** Whether the emulator closed or cut the connection (and logged so). */
  get closedByUs(): boolean {
    return this.#closedByUs;
  }

  /** Queues a message behind those before it, due after its scripted delay. */
  send(outgoing: Outgoing): void {
    if (this.#state !== 'open' || this.#refusing) return;
    const decidedAtMs = monotonicMs();
    const scripted = this.#script.delayMs[outgoing.name] ?? 0;
    const delayMs =
      this.#fault?.kind === 'slow'
        ? Math.max(scripted, SLOW_BASE_MS) * this.#fault.factor
        : scripted;
    const dueAtMs = Math.max(this.#lastDueMs, decidedAtMs + delayMs);
    this.#enqueue({ kind: 'message', outgoing, decidedAtMs, dueAtMs });
  }

  /** Closes after everything queued; without a code the peer sees 1005. */
  close(code?: number, reason = ''): void {
    if (this.#state === 'ended' || this.#refusing) return;
    this.#enqueue({
      kind: 'close',
      code,
      reason,
      dueAtMs: Math.max(this.#lastDueMs, monotonicMs()),
    });
  }

  /** The socket is gone: nothing more is sent and no timer is left. */
  end(): void {
    this.#state = 'ended';
    this.#queue.length = 0;
    clearTimeout(this.#timer);
    clearInterval(this.#trickleTimer);
    if (this.#held) clearTimeout(this.#held.timer);
    this.#held = undefined;
    this.#trickling = [];
  }

  /** To be called once the session's first message has been queued: faults "after 0 messages". */
  begin(): void {
    this.#drain();
    this.#checkFault();
  }

  #enqueue(item: Queued): void {
    this.#lastDueMs = item.dueAtMs;
    this.#queue.push(item);
    if (this.#queue.length > MAX_QUEUED) {
      this.#socket.terminate();
      this.end();
      return;
    }
    this.#drain();
  }

  #drain(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let next = this.#queue[0]; next; next = this.#queue[0]) {
      const leftMs = next.dueAtMs - monotonicMs();
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#drain(), Math.max(1, Math.ceil(leftMs)));
        return;
      }
      this.#queue.shift();
      if (next.kind === 'close') this.#doClose(next.code, next.reason);
      else this.#deliver(next.outgoing, next.decidedAtMs);
    }
  }

  #doClose(code: number | undefined, reason: string): void {
    this.#releaseHeld();
    const close = (): void => {
      this.#logClose(code ?? 1005, reason);
      if (code === undefined) this.#socket.close();
      else this.#socket.close(code, reason);
      this.end();
    };
    if (this.#trickling.length > 0) this.#closeAfterTrickle = close;
    else close();
  }

  #logClose(code: number, reason: string): void {
    this.#closedByUs = true;
    this.#log.add({ what: 'close', connection: this.#connection, by: 'emulator', code, reason });
  }

  #deliver(outgoing: Outgoing, decidedAtMs: number): void {
    if (this.#state !== 'open') return;
    const transmit = (): void => this.#transmit(outgoing, decidedAtMs);
    if (this.#fault?.kind !== 'wrong-order') {
      transmit();
    } else if (this.#held === undefined) {
      const timer = setTimeout(() => this.#releaseHeld(), MAX_HOLD_MS);
      this.#held = { send: transmit, timer };
    } else {
      transmit();
      this.#releaseHeld();
    }
    if (outgoing.content) {
      this.#contentSent += 1;
      this.#checkFault();
    }
  }

  #releaseHeld(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    clearTimeout(held.timer);
    held.send();
  }

  #checkFault(): void {
    const fault = this.#fault;
    if (this.#state !== 'open' || this.#refusing || fault === undefined) return;
    if (fault.kind !== 'cut' && fault.kind !== 'stall' && fault.kind !== 'stream-error') return;
    if (this.#contentSent < fault.afterMessages) return;
    this.#queue.length = 0;
    if (fault.kind === 'stream-error') {
      const { outgoing, code, reason } = this.#surface.failure();
      if (outgoing) this.send(outgoing);
      this.close(code, reason);
      this.#refusing = true;
      return;
    }
    this.#state = 'silent';
    if (fault.kind === 'stall') return;
    this.#logClose(1006, 'cut');
    this.#socket.terminate();
  }

  #transmit(outgoing: Outgoing, decidedAtMs: number): void {
    if (this.#state === 'ended') return;
    const fault = this.#fault;
    const { name, content, decision } = outgoing;
    let { message } = outgoing;
    if (fault?.kind === 'empty' && content) message = this.#surface.emptied(message);
    let data: string | Uint8Array | undefined;
    if (fault?.kind === 'oversize' && content && this.#contentSent === 0) {
      data = swollen(JSON.stringify(this.#surface.filled(message)), fault.bytes);
    }
    data ??= JSON.stringify(message);
    if (content && (fault?.kind === 'garbage' || fault?.kind === 'wrong-shape')) {
      data =
        fault.kind === 'garbage'
          ? (garbage[this.#mangled % garbage.length] ?? '')
          : JSON.stringify(wrongShapes[this.#mangled % wrongShapes.length]);
      this.#mangled += 1;
    }
    for (let copy = 0; copy < (fault?.kind === 'duplicate' ? 2 : 1); copy += 1) this.#write(data);
    if (this.#briefLog && name === 'Update') return;
    this.#log.add({
      what: 'sent',
      connection: this.#connection,
      name,
      message,
      decidedAtMs,
      ...(decision ? { decision } : {}),
    });
  }

  #write(data: string | Uint8Array): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#fault?.kind !== 'trickle') {
      // Text that was swollen is a Buffer; the garbage that is none is meant to be binary.
      this.#socket.send(data, { binary: typeof data !== 'string' && !Buffer.isBuffer(data) });
      return;
    }
    if (this.#trickling.length >= MAX_QUEUED) return;
    this.#trickling.push(Buffer.from(data));
    const pieceBytes = Math.max(
      1,
      Math.round((this.#fault.bytesPerSecond * TRICKLE_TICK_MS) / 1_000),
    );
    this.#trickleTimer ??= setInterval(() => this.#trickle(pieceBytes), TRICKLE_TICK_MS);
  }

  /** Sends the next piece of the first message as a WebSocket fragment of its own. */
  #trickle(pieceBytes: number): void {
    const first = this.#trickling[0];
    if (first === undefined || this.#socket.readyState !== this.#socket.OPEN) return;
    const piece = first.subarray(0, pieceBytes);
    const rest = first.subarray(pieceBytes);
    this.#socket.send(piece, { binary: false, fin: rest.length === 0 });
    if (rest.length > 0) this.#trickling[0] = rest;
    else this.#trickling.shift();
    if (this.#trickling.length === 0) this.#closeAfterTrickle?.();
  }
}
