import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';
import { openVendorSocket, SOCKET_LIVENESS } from '../vendor-socket.ts';
import type { SocketLiveness, VendorSocket } from '../vendor-socket.ts';
import { parseElevenLabsMessage } from './elevenlabs-messages.ts';
import { Utterance } from './elevenlabs-utterance.ts';
import type { TtsEvent, TtsOptions, TtsSession, TtsVendor } from './port.ts';

export type ElevenLabsConfig = {
  readonly apiKey: string;
  /** e.g. 'http://127.0.0.1:9003'; undefined means the vendor. */
  readonly baseUrl?: string | undefined;
  readonly model?: string | undefined;
  readonly liveness?: SocketLiveness | undefined;
};

export const ELEVENLABS_URL = 'https://api.elevenlabs.io';
/** The model made for latency; it fits the sockets, which v4 models do not. */
export const ELEVENLABS_MODEL = 'eleven_flash_v2_5';

/** The vendor closes the whole socket at a sixth context; one of its five is left as a margin. */
const MAX_CONTEXTS = 4;
/** Utterances that may wait for a context. */
const MAX_QUEUED = 8;
/** Ids of cancelled and failed utterances that are remembered, so that a late `say` stays mute. */
const MAX_RETIRED = 256;
/** Seconds, per context; kept alive at a third of it. */
const INACTIVITY_SECONDS = 60;
/** A second of audio is 11 KB in base64; the vendor's chunks are a few seconds at most. */
const MAX_MESSAGE_BYTES = 2 * 1_024 * 1_024;
const MAX_BUFFERED_BYTES = 256 * 1_024;
const MAX_GARBAGE = 3;

/** ElevenLabs over `multi-stream-input`: one socket per call, one context per utterance. */
export function createElevenLabsSocket(config: ElevenLabsConfig): TtsVendor {
  const vendor = 'elevenlabs-socket';
  return {
    vendor,
    open: async (options) => {
      const socket = await openVendorSocket({
        vendor,
        url: socketUrl(config, options),
        headers: { 'xi-api-key': config.apiKey },
        openTimeoutMs: options.openTimeoutMs,
        maxMessageBytes: MAX_MESSAGE_BYTES,
        maxBufferedBytes: MAX_BUFFERED_BYTES,
        liveness: config.liveness ?? SOCKET_LIVENESS,
        onMessage: (frame) => session.take(frame),
        onFailed: (error) => session.fail(error),
      });
      const session = new ElevenLabsSession(socket, options);
      return session;
    },
  };
}

function socketUrl(config: ElevenLabsConfig, options: TtsOptions): string {
  const url = new URL(config.baseUrl ?? ELEVENLABS_URL);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  const voice = encodeURIComponent(options.voiceId);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/text-to-speech/${voice}/multi-stream-input`;
  const query = {
    model_id: config.model ?? ELEVENLABS_MODEL,
    language_code: languageCode(options.language),
    output_format: 'ulaw_8000',
    // Every text we send is a unit to be spoken at once; nothing may wait for more of it.
    auto_mode: 'true',
    // Timings with every chunk: the ledger of what was heard is made of them.
    sync_alignment: 'true',
    inactivity_timeout: String(INACTIVITY_SECONDS),
  };
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}

/** 'es-US' → 'es'. */
export function languageCode(language: string): string {
  return language.toLowerCase().split('-')[0] ?? 'en';
}

/** The vendor takes speeds from 0.7 to 1.2. */
export function voiceSettings(speed: number): {
  stability: number;
  similarity_boost: number;
  speed: number;
} {
  return { stability: 0.5, similarity_boost: 0.75, speed: Math.min(1.2, Math.max(0.7, speed)) };
}

class ElevenLabsSession implements TtsSession {
  readonly vendor = 'elevenlabs-socket' as const;
  readonly #socket: VendorSocket;
  readonly #options: TtsOptions;
  /** Contexts alive at the vendor, oldest first; undefined where only the end is awaited. */
  readonly #contexts = new Map<string, Utterance | undefined>();
  readonly #utterances = new Map<number, Utterance>();
  readonly #queue: Utterance[] = [];
  readonly #retired = new Set<number>();
  readonly #keepAlive: NodeJS.Timeout;
  #nextContext = 0;
  #garbage = 0;
  #lastFrame = '';
  #over = false;

  constructor(socket: VendorSocket, options: TtsOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#keepAlive = setInterval(
      () => {
        for (const utterance of this.#utterances.values()) utterance.keepAlive();
      },
      (INACTIVITY_SECONDS * 1_000) / 3,
    );
  }

  say(id: number, text: string): void {
    if (this.#over || text.trim() === '' || this.#retired.has(id)) return;
    const utterance = this.#utterances.get(id) ?? this.#begin(id);
    utterance.say(text);
    if (this.#queue.length > MAX_QUEUED) this.#failUtterance(utterance, 'stalled');
    else this.#openQueued();
  }

  finish(id: number): void {
    if (this.#over || this.#retired.has(id)) return;
    const utterance = this.#utterances.get(id);
    if (utterance !== undefined) return utterance.finish();
    // Nothing was ever said: nothing is owed, but the caller waits for a `done`.
    this.#retire(id);
    queueMicrotask(() => this.#report({ kind: 'done', utterance: id }));
  }

  cancel(id: number): void {
    if (this.#over) return;
    this.#retire(id);
    const utterance = this.#utterances.get(id);
    if (utterance !== undefined) this.#forget(utterance);
  }

  close(): void {
    if (this.#over) return;
    this.#end();
    this.#socket.send('{"close_socket":true}');
    this.#socket.close();
  }

  take(frame: string | Buffer): void {
    if (this.#over) return;
    const message = parseElevenLabsMessage(frame);
    switch (message.kind) {
      case 'audio': {
        // Repeated bytes would be a stutter in the caller's ear.
        if (frame === this.#lastFrame) return;
        if (typeof frame === 'string') this.#lastFrame = frame;
        this.#contexts.get(message.contextId)?.takeAudio(message);
        if (message.isFinal) this.#takeFinal(message.contextId);
        return;
      }
      case 'final':
        return this.#takeFinal(message.contextId);
      case 'error':
        return this.fail(new VendorError(this.vendor, message.failure));
      case 'garbage':
        this.#garbage += 1;
        if (this.#garbage > MAX_GARBAGE) this.fail(new VendorError(this.vendor, 'garbage'));
        return;
      case 'unknown':
        return;
    }
  }

  fail(error: VendorError): void {
    if (this.#over) return;
    this.#end();
    this.#socket.close();
    this.#options.onEvent({ kind: 'failed', error });
  }

  #begin(id: number): Utterance {
    this.#nextContext += 1;
    const utterance: Utterance = new Utterance(id, `u${this.#nextContext}`, this.#options, {
      send: (message) => this.#socket.send(JSON.stringify(message)),
      report: (event) => this.#report(event),
      failed: (failure) => this.#failUtterance(utterance, failure),
    });
    this.#utterances.set(id, utterance);
    this.#queue.push(utterance);
    return utterance;
  }

  #openQueued(): void {
    while (this.#contexts.size < MAX_CONTEXTS) {
      const utterance = this.#queue.shift();
      if (utterance === undefined) return;
      this.#contexts.set(utterance.contextId, utterance);
      utterance.open(voiceSettings(this.#options.speed));
    }
  }

  #takeFinal(contextId: string): void {
    const utterance = this.#contexts.get(contextId);
    if (!this.#contexts.delete(contextId)) return;
    // A second of audio is 11 KB, and the next reply may be long in coming.
    if (this.#contexts.size === 0) this.#lastFrame = '';
    if (utterance !== undefined) {
      this.#utterances.delete(utterance.id);
      this.#retire(utterance.id);
      utterance.takeFinal();
    }
    if (!this.#over) this.#openQueued();
  }

  #failUtterance(utterance: Utterance, failure: VendorFailure): void {
    if (this.#over) return;
    if (!utterance.opened && failure !== 'bad-request') {
      // All contexts are taken by cancelled ones that the vendor does not let go.
      return this.fail(new VendorError(this.vendor, 'stalled'));
    }
    this.#retire(utterance.id);
    this.#forget(utterance);
    const error = new VendorError(this.vendor, failure);
    this.#report({ kind: 'utterance-failed', utterance: utterance.id, error });
  }

  /** Drops an utterance; its context, if the vendor has it, is closed and its end awaited. */
  #forget(utterance: Utterance): void {
    utterance.stop();
    this.#utterances.delete(utterance.id);
    const queued = this.#queue.indexOf(utterance);
    if (queued >= 0) this.#queue.splice(queued, 1);
    if (!this.#contexts.has(utterance.contextId)) return;
    this.#contexts.set(utterance.contextId, undefined);
    if (utterance.isFinished) return;
    this.#socket.send(JSON.stringify({ context_id: utterance.contextId, close_context: true }));
  }

  #retire(id: number): void {
    this.#retired.add(id);
    if (this.#retired.size <= MAX_RETIRED) return;
    const [oldest] = this.#retired;
    if (oldest !== undefined) this.#retired.delete(oldest);
  }

  #end(): void {
    this.#over = true;
    clearInterval(this.#keepAlive);
    for (const utterance of this.#utterances.values()) utterance.stop();
    this.#utterances.clear();
    this.#contexts.clear();
    this.#queue.length = 0;
  }

  #report(event: TtsEvent): void {
    if (!this.#over) this.#options.onEvent(event);
  }
}
