/**
 * One media socket, from the upgrade to its end.
 *
 *   waiting ── start ──▶ claiming ── token good, call found ──▶ live ──▶ closing ──▶ closed
 *      │                    │        (frames held meanwhile)     │
 *      └── anything wrong ──┴──▶ closing (1008, 1011, 1013)      └ after `stop`: no more audio
 *
 * The token is consumed before anything else is done for a stream. Nothing here waits: the sweep
 * (`check`) ends what takes too long. The call hears of the end once, from the socket's own 'close'
 * event, whoever began it.
 */
import type { WebSocket } from 'ws';
import type { MediaSocketCounters } from './counters.ts';
import type { MediaSocketLimits } from './limits.ts';
import { binaryFrame, dropOf, LiveStream } from './live-stream.ts';
import { MediaWriter, type Wire } from './media-writer.ts';
import { PeerHealth } from './peer-health.ts';
import { parseFrame, type StartMessage } from './twilio-messages.ts';
import type {
  AttachCall,
  CloseReason,
  ConsumeToken,
  MediaSink,
  MediaSocketNotice,
  StreamStart,
} from './types.ts';

export type SessionContext = {
  /** What the socket writes to. */
  readonly wire: Wire;
  readonly limits: MediaSocketLimits;
  readonly counters: MediaSocketCounters;
  readonly consumeToken: ConsumeToken;
  readonly attach: AttachCall;
  readonly notify: (notice: MediaSocketNotice) => void;
  /** The stream was accepted or is over: it no longer counts as pending. May be called twice. */
  readonly onSettled: () => void;
  readonly onGone: () => void;
};

type Waiting = {
  readonly at: 'waiting';
  readonly sinceMs: number;
  isConnected: boolean;
  badFrames: number;
};

type Claiming = {
  readonly at: 'claiming';
  readonly sinceMs: number;
  readonly callSid: string;
  readonly held: { readonly bytes: Buffer; readonly isBinary: boolean }[];
  heldBytes: number;
};

type Phase =
  | Waiting
  | Claiming
  | { readonly at: 'live'; readonly live: LiveStream; stoppedAtMs: number | undefined }
  | {
      readonly at: 'closing';
      readonly why: CloseReason;
      /** Who hears of the end; undefined for a stream that never became a call. */
      readonly call: { readonly sink: MediaSink; readonly callSid: string } | undefined;
    }
  | { readonly at: 'closed' };

export class MediaSession {
  readonly #socket: WebSocket;
  readonly #context: SessionContext;
  readonly #health: PeerHealth;
  readonly #writer: MediaWriter;
  #phase: Phase;
  /** As of the last sweep: good enough for every timeout here. */
  #nowMs: number;
  #brokeProtocol = false;

  /** Takes the socket over. `nowMs`: monotonic. */
  constructor(socket: WebSocket, context: SessionContext, nowMs: number) {
    this.#socket = socket;
    this.#context = context;
    this.#nowMs = nowMs;
    this.#health = new PeerHealth(context.limits, nowMs);
    this.#writer = new MediaWriter({
      socket,
      wire: context.wire,
      health: this.#health,
      counters: context.counters,
      hardBufferedBytes: context.limits.hardBufferedBytes,
      onOverflow: () => this.#end('slow-peer', undefined),
      onClose: (code) => this.#end('ours', code),
    });
    this.#phase = { at: 'waiting', sinceMs: nowMs, isConnected: false, badFrames: 0 };
    socket.on('message', (data, isBinary) => {
      if (Buffer.isBuffer(data)) this.#receive(data, isBinary);
    });
    socket.on('ping', () => {
      if (!this.#health.message()) this.#end('abuse', 1008);
    });
    socket.on('pong', () => this.#health.pong());
    socket.on('error', (error) => {
      // ws marks what the peer did wrong (oversize, bad UTF-8, bad framing) and closes by itself.
      if ('code' in error && String(error.code).startsWith('WS_ERR')) this.#brokeProtocol = true;
    });
    socket.on('close', (code) => this.#closed(code));
  }

  /** The periodic look at everything that must not last. */
  check(nowMs: number, wasAway: boolean): void {
    this.#nowMs = nowMs;
    const { limits } = this.#context;
    const phase = this.#phase;
    const verdict = this.#health.check(nowMs, this.#socket.bufferedAmount, wasAway);
    if (phase.at === 'waiting' && nowMs - phase.sinceMs >= limits.startTimeoutMs) {
      this.#refuse(1008, 'no start in time');
    } else if (phase.at === 'claiming' && nowMs - phase.sinceMs >= limits.claimTimeoutMs) {
      this.#refuse(1013, 'token store too slow');
    } else if (phase.at === 'live' && phase.stoppedAtMs !== undefined) {
      if (nowMs - phase.stoppedAtMs >= limits.stopLingerMs) this.#end('stopped', 1000);
    } else if (phase.at === 'live') {
      if (verdict === 'ping') this.#socket.ping();
      else if (verdict === 'stalled') this.#end('stalled', 1011);
      // A close frame would only queue up behind what the peer does not take.
      else if (verdict !== 'well') this.#end(verdict, undefined);
    }
  }

  /** Part of shutting the whole media socket down: 1001, then gone within the close timeout. */
  shutDown(): void {
    this.#end('shutdown', 1001);
  }

  #receive(bytes: Buffer, isBinary: boolean): void {
    const phase = this.#phase;
    if (phase.at === 'closing' || phase.at === 'closed') return;
    if (!this.#health.message()) return this.#end('abuse', 1008);
    switch (phase.at) {
      case 'waiting':
        return this.#receiveWaiting(phase, bytes, isBinary);
      case 'claiming':
        return this.#hold(phase, bytes, isBinary);
      case 'live':
        return this.#receiveLive(phase.live, bytes, isBinary);
    }
  }

  #receiveWaiting(phase: Waiting, bytes: Buffer, isBinary: boolean): void {
    const parsed = isBinary ? binaryFrame : parseFrame(bytes);
    const message = parsed.ok ? parsed.message : undefined;
    if (message?.event === 'connected' && !phase.isConnected) {
      phase.isConnected = true;
      return;
    }
    if (message?.event === 'start') {
      if (phase.isConnected) this.#start(message);
      else this.#refuse(1008, 'start before connected');
      return;
    }
    this.#context.counters[parsed.ok ? 'droppedUnexpected' : dropOf[parsed.problem]] += 1;
    phase.badFrames += 1;
    if (phase.badFrames > this.#context.limits.maxBadFramesBeforeStart) {
      this.#refuse(1008, 'not a media stream');
    }
  }

  #hold(phase: Claiming, bytes: Buffer, isBinary: boolean): void {
    const { maxHeldFrames, maxHeldBytes } = this.#context.limits;
    phase.heldBytes += bytes.length;
    if (phase.held.length >= maxHeldFrames || phase.heldBytes > maxHeldBytes) {
      this.#refuse(1008, 'too much before the token was checked');
    } else phase.held.push({ bytes, isBinary });
  }

  #receiveLive(live: LiveStream, bytes: Buffer, isBinary: boolean): void {
    try {
      const verdict = live.receive(bytes, isBinary);
      if (verdict === 'abuse') this.#end('abuse', 1008);
      else if (verdict === 'stop') {
        this.#writer.shut();
        if (this.#phase.at === 'live') this.#phase.stoppedAtMs = this.#nowMs;
      }
    } catch (error) {
      // Parsing does not throw, so this is the call's sink. One call's defect ends that call only.
      this.#context.notify({ kind: 'failed', callSid: live.callSid, error });
      this.#end('failed', 1011);
    }
  }

  #start(message: StartMessage): void {
    const { encoding, sampleRate, channels } = message.format;
    if (encoding !== 'audio/x-mulaw' || sampleRate !== 8000 || channels !== 1) {
      return this.#refuse(1008, 'unsupported media format');
    }
    const { token, ...parameters } = message.parameters;
    if (token === undefined || token === '') return this.#refuse(1008, 'no token');
    const { callSid, accountSid, streamSid } = message;
    this.#phase = { at: 'claiming', sinceMs: this.#nowMs, callSid, held: [], heldBytes: 0 };
    // Owned here: #claim catches everything, and the sweep ends a claim that takes too long.
    void this.#claim({ callSid, accountSid, streamSid, parameters }, token);
  }

  async #claim(start: StreamStart, token: string): Promise<void> {
    const { callSid, streamSid } = start;
    try {
      const claim = await this.#consume(token, callSid);
      if (this.#phase.at !== 'claiming') return;
      if (claim === 'unavailable') return this.#refuse(1013, 'token store unavailable');
      if (claim === undefined) return this.#refuse(1008, 'token unknown, expired or used');
      if (claim.callSid !== callSid) return this.#refuse(1008, 'token of another call');
      const stream = this.#writer.open(streamSid, callSid);
      const answer = this.#context.attach(start, claim, stream);
      if ('refuse' in answer) return this.#refuse(answer.refuse, answer.reason);
      this.#goLive(answer, streamSid, callSid);
    } catch (error) {
      this.#context.notify({ kind: 'failed', callSid, error });
      this.#refuse(1011, 'call could not be attached');
    }
  }

  async #consume(token: string, callSid: string) {
    try {
      return await this.#context.consumeToken(token);
    } catch (error) {
      this.#context.notify({ kind: 'failed', callSid, error });
      return 'unavailable' as const;
    }
  }

  #goLive(sink: MediaSink, streamSid: string, callSid: string): void {
    const { limits, counters, onSettled } = this.#context;
    counters.streamsAttached += 1;
    onSettled();
    const before = this.#phase;
    if (before.at === 'closing') {
      // The call closed its stream while it was being attached; it still hears of the end.
      this.#phase = { ...before, call: { sink, callSid } };
      return;
    }
    const health = this.#health;
    // Silence is counted from here; the wait for `start` had a limit of its own.
    health.frame();
    const live = new LiveStream({ streamSid, callSid, sink, health, limits, counters });
    this.#phase = { at: 'live', live, stoppedAtMs: undefined };
    if (before.at !== 'claiming') return;
    for (const frame of before.held) this.#replay(live, frame.bytes, frame.isBinary);
  }

  /** A held frame was counted as a message when it came. */
  #replay(live: LiveStream, bytes: Buffer, isBinary: boolean): void {
    if (this.#phase.at === 'live') this.#receiveLive(live, bytes, isBinary);
  }

  /** Turns a stream away that never became a call. The reason is short and names no secret. */
  #refuse(code: number, why: string): void {
    const phase = this.#phase;
    if (phase.at === 'closed') return;
    const callSid = phase.at === 'claiming' ? phase.callSid : undefined;
    this.#context.counters.streamsRefused += 1;
    this.#context.notify({ kind: 'stream-refused', callSid, code, why });
    this.#writer.shut();
    this.#phase = { at: 'closing', why: 'ours', call: undefined };
    // A close reason has 123 bytes; 40 characters fit whatever they are.
    this.#socket.close(code, why.slice(0, 40));
  }

  /** Begins the end; `onClosed` follows from the 'close' event. No code: cut the connection. */
  #end(why: CloseReason, code: number | undefined): void {
    const phase = this.#phase;
    if (phase.at === 'closing' || phase.at === 'closed') return;
    const live = phase.at === 'live' ? phase.live : undefined;
    live?.silence();
    this.#writer.shut();
    this.#phase = { at: 'closing', why, call: live };
    if (code === undefined) this.#socket.terminate();
    else this.#socket.close(code, why);
  }

  #closed(code: number): void {
    const phase = this.#phase;
    this.#phase = { at: 'closed' };
    this.#writer.shut();
    this.#context.onSettled();
    this.#context.onGone();
    const call = phase.at === 'closing' ? phase.call : phase.at === 'live' ? phase.live : undefined;
    if (call === undefined) return;
    const why = phase.at === 'closing' ? phase.why : this.#peerEnding(phase, code);
    this.#context.notify({ kind: 'stream-ended', callSid: call.callSid, why });
    try {
      call.sink.onClosed(why);
    } catch (error) {
      this.#context.notify({ kind: 'failed', callSid: call.callSid, error });
    }
  }

  /** Who ended a stream that we did not. 1006 is ws's word for "gone without a close frame". */
  #peerEnding(phase: Phase, code: number): CloseReason {
    if (this.#brokeProtocol) return 'abuse';
    if (phase.at === 'live' && phase.stoppedAtMs !== undefined) return 'stopped';
    return code === 1006 ? 'lost' : 'peer-closed';
  }
}
