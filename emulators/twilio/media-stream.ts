import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { monotonicMs } from '../clock.ts';
import type { Fault } from '../faults.ts';
import type { EmulatorLog } from '../log.ts';
import { FRAME_MS } from '../speech/types.ts';
import type { TwilioEvent } from './events.ts';
import type { Line, Uplink } from './line.ts';
import type { Network, NetworkTarget } from './network.ts';
import { disturbanceAt } from './stream-faults.ts';
import {
  CONNECTED_MESSAGE,
  dtmfMessage,
  markMessage,
  mediaMessage,
  startMessage,
  stopMessage,
  type StreamIds,
} from './stream-messages.ts';
import { StreamInbox } from './stream-inbox.ts';
import { StreamOutlet } from './stream-outlet.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** How long the server may take to answer our close frame. */
const CLOSE_TIMEOUT_MS = 1_000;
/** A server that does not read makes our frames pile up; beyond this they are dropped (31930). */
const MAX_UNSENT_BYTES = 1_000_000;
const FRAMES_PER_LOG = 50;

/**
 * How a media socket ended. `failed`: it never stood. `lost`: it died without a close frame.
 * `stream-error`: a scripted in-stream error of Twilio's.
 */
export type StreamEnd =
  | { readonly how: 'caller-hung-up' | 'call-updated' | 'server-closed' | 'lost' }
  | { readonly how: 'failed'; readonly errorCode: number; readonly detail: string };

type StreamHow = StreamEnd['how'];

export type MediaStreamOptions = StreamIds & {
  readonly url: string;
  /** Value of x-twilio-signature for the upgrade. */
  readonly signature: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly line: Line;
  readonly network: Network;
  readonly log: EmulatorLog<TwilioEvent>;
  readonly fault: Fault | undefined;
  readonly onStarted: () => void;
  readonly onMedia: (atMs: number) => void;
};

/** Twilio's end of one bidirectional media stream: one WebSocket, client side. */
export class MediaStream implements Uplink, NetworkTarget {
  /** Resolves, never rejects, when the socket is gone. */
  readonly finished: Promise<StreamEnd>;
  readonly #o: MediaStreamOptions;
  readonly #socket: WebSocket;
  readonly #inbox: StreamInbox;
  readonly #outlet: StreamOutlet;
  readonly #settle: (end: StreamEnd) => void;
  #tcp: Socket | undefined;
  #stopping: Exclude<StreamHow, 'failed'> | undefined;
  #failure: { errorCode: number; detail: string } | undefined;
  #ended = false;
  #started = false;
  #sequence = 0;
  #chunk = 0;
  #ticks = 0;
  #fault: Fault | undefined;
  /** Frames before the fault began. */
  #faultFrom = 0;
  #held: string | undefined;
  #congestionReported = false;

  constructor(options: MediaStreamOptions) {
    this.#o = options;
    this.#inbox = new StreamInbox(options);
    const { promise, resolve } = Promise.withResolvers<StreamEnd>();
    this.finished = promise;
    this.#settle = resolve;
    const { callSid, streamSid, url, fault, log } = options;
    log.add({ what: 'stream-connecting', callSid, streamSid, url });
    this.#socket = new WebSocket(url, {
      headers: { 'x-twilio-signature': options.signature, 'user-agent': 'Twilio.TmeWs/1.0' },
      perMessageDeflate: false,
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      maxPayload: 64 * 1024 * 1024,
      autoPong: false,
    });
    this.#outlet = new StreamOutlet(this.#socket, () => this.#tcp);
    this.#listen();
    if (fault) this.disturb(fault);
    if (fault?.kind === 'refuse' || fault?.kind === 'status') {
      this.#fail(fault.kind === 'refuse' ? 31902 : 31920, 'scripted failure to connect');
    }
  }

  get streamSid(): string {
    return this.#o.streamSid;
  }

  sendFrame(frame: Uint8Array | undefined, lateMs: number): boolean {
    if (!this.#started || this.#stopping) return false;
    const timestampMs = this.#ticks * FRAME_MS;
    this.#ticks += 1;
    const { network, streamSid } = this.#o;
    if (network.quiet) return false;
    const disturbance = disturbanceAt(this.#fault, this.#ticks - this.#faultFrom);
    for (const foreign of disturbance.before) this.sendRaw(foreign);
    if (disturbance.end === 'reset') this.reset();
    if (disturbance.end === 'stream-error') this.#endWithStreamError();
    if (disturbance.end) return false;
    this.#chunk += 1;
    this.#sequence += 1;
    const bytes = disturbance.emptyPayload ? new Uint8Array(0) : frame;
    const text = mediaMessage(streamSid, this.#sequence, this.#chunk, timestampMs, bytes);
    if (this.#chunk % FRAMES_PER_LOG === 0) {
      const { callSid, log } = this.#o;
      log.add({ what: 'frames-sent', callSid, streamSid, frames: this.#chunk, lateMs });
    }
    return this.#dispatch(text, disturbance.fate ?? network.fate());
  }

  sendMark(name: string): void {
    if (!this.#started || this.#stopping) return;
    this.#sequence += 1;
    this.#send(markMessage(this.#o.streamSid, this.#sequence, name));
  }

  /** Returns false when there is no stream to carry the key. */
  sendDtmf(digit: string): boolean {
    if (!this.#started || this.#stopping) return false;
    this.#sequence += 1;
    return this.#send(dtmfMessage(this.#o.streamSid, this.#sequence, digit));
  }

  /** Twilio ends the stream: `stop`, then the close handshake. Resolves with `finished`. */
  async stop(how: 'caller-hung-up' | 'call-updated'): Promise<void> {
    if (!this.#stopping && !this.#ended) {
      if (this.#started) {
        if (this.#held !== undefined) this.#send(this.#held);
        this.#sequence += 1;
        this.#send(stopMessage(this.#o, this.#sequence));
      }
      this.#closeAs(how);
    }
    await this.finished;
  }

  sendRaw(frame: string | Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(frame);
  }

  disturb(fault: Fault): void {
    const { callSid, log } = this.#o;
    this.#fault = fault;
    this.#faultFrom = this.#ticks;
    log.add({ what: 'fault', surface: 'media', fault, callSid });
  }

  pause(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  reset(): void {
    if (this.#tcp) this.#tcp.resetAndDestroy();
    else this.#socket.terminate();
  }

  #dispatch(text: string, fate: 'send' | 'drop' | 'duplicate' | 'hold'): boolean {
    if (fate === 'drop') return false;
    if (fate === 'hold' && this.#held === undefined) {
      this.#held = text;
      return true;
    }
    const sent = this.#send(text);
    if (fate === 'duplicate') this.#send(text);
    if (this.#held !== undefined) {
      this.#send(this.#held);
      this.#held = undefined;
    }
    return sent;
  }

  #send(text: string): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) {
      if (!this.#congestionReported) this.#error(31930, 'the server does not read: audio dropped');
      this.#congestionReported = true;
      return false;
    }
    return this.#outlet.send(text, this.#fault);
  }

  #listen(): void {
    const socket = this.#socket;
    socket.once('upgrade', (response) => {
      this.#tcp = response.socket;
    });
    socket.once('unexpected-response', (request, response) => {
      this.#fail(31920, `handshake answered ${response.statusCode ?? 0}`);
      request.destroy();
    });
    socket.on('error', (error: Error & { code?: string }) => {
      if (this.#started) return; // A 'close' with 1006 follows and tells how it ended.
      const timedOut = /timed out|ETIMEDOUT/.test(`${error.message} ${error.code ?? ''}`);
      const refused = error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET';
      this.#fail(timedOut ? 31901 : refused ? 31902 : 31920, error.message);
    });
    socket.once('open', () => this.#onOpen());
    socket.on('message', (data: Buffer, isBinary) => this.#onMessage(data, isBinary));
    socket.once('close', (code, reason) => this.#onClose(code, reason.toString('utf8')));
  }

  #onOpen(): void {
    const { line, network, log, callSid, streamSid, url, parameters, fault } = this.#o;
    if (this.#failure || fault?.kind === 'hang') return;
    if (fault?.kind === 'trickle') return void this.#send(CONNECTED_MESSAGE);
    if (fault?.kind === 'stop-reading') this.#socket.pause();
    line.playout.begin('stream');
    this.#send(CONNECTED_MESSAGE);
    this.#sequence = 1;
    const start = startMessage(this.#o, this.#sequence, parameters);
    this.#send(start);
    if (fault?.kind === 'duplicate') this.#send(start);
    this.#started = true;
    const customParameters = { ...parameters };
    log.add({ what: 'stream-started', callSid, streamSid, url, customParameters });
    network.attach(this);
    line.connect(this);
    this.#o.onStarted();
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#started && !this.#stopping) this.#inbox.take(data, isBinary);
  }

  #closeAs(how: Exclude<StreamHow, 'failed'>): void {
    this.#stopping = how;
    this.#o.line.disconnect(this);
    this.#socket.resume();
    this.#socket.close(1000);
    setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS).unref();
  }

  #endWithStreamError(): void {
    this.#failure = { errorCode: 31921, detail: 'scripted stream error' };
    this.#sequence += 1;
    this.#send(stopMessage(this.#o, this.#sequence));
    this.#closeAs('lost');
  }

  #fail(errorCode: number, detail: string): void {
    // A connection attempt that was called off is not a failure.
    if (!this.#stopping) this.#failure ??= { errorCode, detail };
    this.#socket.terminate();
  }

  #onClose(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const nowMs = monotonicMs();
    const { line, network, log, callSid, streamSid } = this.#o;
    line.advanceTo(nowMs);
    line.disconnect(this);
    network.attach(undefined);
    if (this.#started) line.playout.clear('stream-ended', nowMs);
    const end = this.#howEnded(code);
    log.add({
      what: 'stream-ended',
      callSid,
      streamSid,
      how: end.how,
      closeCode: code,
      closeReason: reason,
      framesSent: this.#chunk,
      framesReceived: this.#inbox.framesReceived,
    });
    if (end.how === 'failed') this.#error(end.errorCode, end.detail);
    this.#settle(end);
  }

  #howEnded(code: number): StreamEnd {
    if (this.#failure) return { how: 'failed', ...this.#failure };
    if (this.#stopping) return { how: this.#stopping };
    return { how: code === 1006 ? 'lost' : 'server-closed' };
  }

  #error(code: number, message: string): void {
    const { log, callSid } = this.#o;
    log.add({ what: 'error', callSid, code, message });
  }
}
