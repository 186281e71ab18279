import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';
import { Watchdog } from '../watchdog.ts';
import { AudioGroups } from './audio-groups.ts';
import { attemptSend } from './deepgram-link.ts';
import { createDeepgramListener } from './deepgram-session.ts';
import type { DeepgramConfig, DeepgramSession } from './deepgram-session.ts';
import { parseNovaMessage } from './nova-messages.ts';
import { NovaTurns } from './nova-turns.ts';
import type { EndOfTurnSettings, SttEvent, SttOptions, SttVendor } from './port.ts';

/** The server closes after 10 s without audio or KeepAlive (NET-0001); it asks for one each 3–5 s. */
const KEEP_ALIVE_AFTER_MS = 3_000;
const MAX_GARBAGE = 3;
/** Nova reports about once a second of speech, and less often, but still, of silence. */
const DEAF_IN_TURN_BYTES = 6_000 * 8;
const DEAF_BYTES = 20_000 * 8;

/** Deepgram nova-3 over `listen.v1`: no model of turns, only pauses. Loads the SDK once, here. */
export async function createDeepgramNova(config: DeepgramConfig): Promise<SttVendor> {
  return await createDeepgramListener(config, {
    vendor: 'deepgram-nova',
    connect: async (client, options) => client.listen.v1.connect(connectArgs(options)),
    session: (socket, { onEvent }, close) =>
      new NovaSession(
        onEvent,
        {
          sendMedia: (group) => socket.sendMedia(group),
          keepAlive: () => socket.sendKeepAlive({ type: 'KeepAlive' }),
          closeStream: () => socket.sendCloseStream({ type: 'CloseStream' }),
          close,
        },
        config.groupMs,
      ),
  });
}

type ConnectArgs = Parameters<
  InstanceType<(typeof import('@deepgram/sdk'))['DeepgramClient']>['listen']['v1']['connect']
>[0];

function connectArgs(options: SttOptions): ConnectArgs {
  return {
    Authorization: '',
    model: 'nova-3',
    language: options.language,
    encoding: 'mulaw',
    sample_rate: 8000,
    interim_results: 'true',
    smart_format: 'true',
    vad_events: 'true',
    endpointing: endpointingMs(options.endOfTurn),
    utterance_end_ms: utteranceEndMs(options.endOfTurn),
    ...(options.keyterms.length === 0 ? {} : { keyterm: [...options.keyterms] }),
    reconnectAttempts: 0,
    connectionTimeoutInSeconds: options.openTimeoutMs / 1_000 + 1,
  };
}

/** Pause that ends a turn: 300 ms for the quickest setting (0.5), a second for the most patient. */
function endpointingMs(settings: EndOfTurnSettings): number {
  const patience = Math.min(1, Math.max(0, (settings.eotThreshold - 0.5) / 0.4));
  return Math.round(300 + 700 * patience);
}

/**
 * Ends the turns whose pause `endpointing` misses: in noise, or where a window was closed inside the
 * pause. A little later than that pause, so that it is the exception. The vendor takes 1000–5000.
 */
function utteranceEndMs(settings: EndOfTurnSettings): number {
  return Math.max(1_000, endpointingMs(settings) + 200);
}

type NovaWire = {
  sendMedia(group: Uint8Array): void;
  keepAlive(): void;
  closeStream(): void;
  close(): void;
};

class NovaSession implements DeepgramSession {
  readonly vendor = 'deepgram-nova' as const;
  readonly #wire: NovaWire;
  readonly #onEvent: (event: SttEvent) => void;
  readonly #turns = new NovaTurns();
  readonly #groups: AudioGroups;
  readonly #quiet: Watchdog;
  #over = false;
  #garbage = 0;
  #unheardBytes = 0;
  #judgedMs = 0;

  constructor(onEvent: (event: SttEvent) => void, wire: NovaWire, groupMs: number | undefined) {
    this.#wire = wire;
    this.#onEvent = onEvent;
    this.#groups = new AudioGroups((group) => this.#sendGroup(group), groupMs);
    this.#quiet = new Watchdog(() => this.#keepAlive());
  }

  /** From here on the connection must be kept alive. */
  begin(): void {
    if (!this.#over) this.#quiet.arm(KEEP_ALIVE_AFTER_MS);
  }

  get judgedMs(): number {
    return this.#judgedMs;
  }

  sendAudio(mulaw: Uint8Array, inPause = false): void {
    if (this.#over) return;
    this.#unheardBytes += mulaw.length;
    if (this.#unheardBytes > (this.#turns.inTurn ? DEAF_IN_TURN_BYTES : DEAF_BYTES)) {
      return this.fail(this.#error('stalled'));
    }
    this.#groups.add(mulaw, performance.now(), inPause);
  }

  /** Nova's pauses are fixed when the session opens. */
  configure(): void {}

  close(): void {
    if (this.#over) return;
    this.#end();
    attemptSend(() => this.#wire.closeStream());
    this.#wire.close();
  }

  take(raw: unknown): void {
    if (this.#over) return;
    const message = parseNovaMessage(raw);
    this.#unheardBytes = 0;
    if (message.kind === 'garbage') {
      this.#garbage += 1;
      if (this.#garbage > MAX_GARBAGE) this.fail(this.#error('garbage'));
      return;
    }
    if (message.kind === 'results') this.#judgedMs = Math.max(this.#judgedMs, message.audioMs);
    for (const event of this.#turns.take(message)) {
      // The listener may have closed the session on the event before.
      if (!this.#over) this.#onEvent(event);
    }
  }

  fail(error: VendorError): void {
    if (this.#over) return;
    this.#end();
    this.#wire.close();
    this.#onEvent({ kind: 'failed', error });
  }

  #end(): void {
    this.#over = true;
    this.#quiet.disarm();
  }

  #keepAlive(): void {
    if (!attemptSend(() => this.#wire.keepAlive())) return this.fail(this.#error('cut'));
    if (!this.#over) this.#quiet.arm(KEEP_ALIVE_AFTER_MS);
  }

  #sendGroup(group: Uint8Array): void {
    if (this.#over) return;
    if (attemptSend(() => this.#wire.sendMedia(group))) {
      if (!this.#over) this.#quiet.arm(KEEP_ALIVE_AFTER_MS);
    } else this.fail(this.#error('cut'));
  }

  #error(failure: VendorFailure): VendorError {
    return new VendorError(this.vendor, failure);
  }
}
