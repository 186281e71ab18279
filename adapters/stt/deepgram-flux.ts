import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';
import { AudioGroups } from './audio-groups.ts';
import { attemptSend } from './deepgram-link.ts';
import { createDeepgramListener } from './deepgram-session.ts';
import type { DeepgramConfig, DeepgramSession } from './deepgram-session.ts';
import { parseFluxMessage } from './flux-messages.ts';
import { FluxTurns } from './flux-turns.ts';
import type { EndOfTurnSettings, SttEvent, SttOptions, SttVendor } from './port.ts';

/** Messages outside the protocol that one session puts up with. */
const MAX_GARBAGE = 3;
/**
 * Flux reports about every 0.25 s of audio, changed or not. So much audio without any message means
 * that the peer is deaf. Between turns it is given longer, until it has been seen to report silence
 * too.
 */
const DEAF_AFTER_BYTES = 3_000 * 8;
const DEAF_FROM_START_BYTES = 10_000 * 8;

/** Deepgram Flux over `listen.v2`. Loads the SDK once, here. */
export async function createDeepgramFlux(config: DeepgramConfig): Promise<SttVendor> {
  return await createDeepgramListener(config, {
    vendor: 'deepgram-flux',
    connect: async (client, options) => client.listen.v2.connect(connectArgs(options)),
    session: (socket, { onEvent }, close) =>
      new FluxSession(
        onEvent,
        {
          sendMedia: (group) => socket.sendMedia(group),
          configure: (settings) =>
            socket.sendConfigure({ type: 'Configure', thresholds: thresholdsOf(settings) }),
          closeStream: () => socket.sendCloseStream({ type: 'CloseStream' }),
          close,
        },
        config.groupMs,
      ),
  });
}

type ConnectArgs = Parameters<
  InstanceType<(typeof import('@deepgram/sdk'))['DeepgramClient']>['listen']['v2']['connect']
>[0];

/** Only Flux's English model is monolingual; everything else goes to the multilingual one. */
function connectArgs(options: SttOptions): ConnectArgs {
  const language = options.language.toLowerCase().split('-')[0] ?? 'en';
  return {
    // The SDK replaces it by its own `Token` credentials; its type asks for the field.
    Authorization: '',
    ...(language === 'en'
      ? { model: 'flux-general-en' }
      : { model: 'flux-general-multi', language_hint: [language] }),
    encoding: 'mulaw',
    sample_rate: 8000,
    ...thresholdsOf(options.endOfTurn),
    ...(options.keyterms.length === 0 ? {} : { keyterm: [...options.keyterms] }),
    reconnectAttempts: 0,
    connectionTimeoutInSeconds: options.openTimeoutMs / 1_000 + 1,
  };
}

function thresholdsOf(settings: EndOfTurnSettings): {
  eot_threshold: number;
  eot_timeout_ms: number;
  eager_eot_threshold?: number;
} {
  return {
    eot_threshold: settings.eotThreshold,
    eot_timeout_ms: settings.eotTimeoutMs,
    // Configure cannot take an eager threshold back; a session opened without one stays without.
    ...(settings.eagerEotThreshold === undefined
      ? {}
      : { eager_eot_threshold: settings.eagerEotThreshold }),
  };
}

type FluxWire = {
  sendMedia(group: Uint8Array): void;
  configure(settings: EndOfTurnSettings): void;
  closeStream(): void;
  close(): void;
};

class FluxSession implements DeepgramSession {
  readonly vendor = 'deepgram-flux' as const;
  readonly #wire: FluxWire;
  readonly #onEvent: (event: SttEvent) => void;
  readonly #turns = new FluxTurns();
  readonly #groups: AudioGroups;
  #over = false;
  #garbage = 0;
  #unheardBytes = 0;
  #reportsSilence = false;
  #judgedMs = 0;

  constructor(onEvent: (event: SttEvent) => void, wire: FluxWire, groupMs: number | undefined) {
    this.#wire = wire;
    this.#onEvent = onEvent;
    this.#groups = new AudioGroups((group) => this.#sendGroup(group), groupMs);
  }

  get judgedMs(): number {
    return this.#judgedMs;
  }

  sendAudio(mulaw: Uint8Array, inPause = false): void {
    if (this.#over) return;
    this.#unheardBytes += mulaw.length;
    const reports = this.#turns.inTurn || this.#reportsSilence;
    if (this.#unheardBytes > (reports ? DEAF_AFTER_BYTES : DEAF_FROM_START_BYTES)) {
      return this.fail(this.#error('stalled'));
    }
    this.#groups.add(mulaw, performance.now(), inPause);
  }

  configure(settings: EndOfTurnSettings): void {
    if (!this.#over) attemptSend(() => this.#wire.configure(settings));
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    attemptSend(() => this.#wire.closeStream());
    this.#wire.close();
  }

  take(raw: unknown): void {
    if (this.#over) return;
    const message = parseFluxMessage(raw);
    this.#unheardBytes = 0;
    switch (message.kind) {
      case 'turn':
        this.#judgedMs = Math.max(this.#judgedMs, message.audioMs);
        if (!this.#turns.inTurn && message.text === '') this.#reportsSilence = true;
        for (const event of this.#turns.take(message)) this.#report(event);
        return;
      case 'error':
        return this.fail(this.#error(failureOfCode(message.code)));
      case 'garbage':
        this.#garbage += 1;
        if (this.#garbage > MAX_GARBAGE) this.fail(this.#error('garbage'));
        return;
      case 'connected':
      case 'configured':
      case 'unknown':
        return;
    }
  }

  fail(error: VendorError): void {
    if (this.#over) return;
    this.#over = true;
    this.#wire.close();
    this.#onEvent({ kind: 'failed', error });
  }

  #report(event: SttEvent): void {
    // The listener may have closed the session on the event before.
    if (!this.#over) this.#onEvent(event);
  }

  #sendGroup(group: Uint8Array): void {
    if (this.#over) return;
    if (!attemptSend(() => this.#wire.sendMedia(group))) this.fail(this.#error('cut'));
  }

  #error(failure: VendorFailure): VendorError {
    return new VendorError(this.vendor, failure);
  }
}

/** Flux's fatal error codes; unknown ones count as the vendor's own trouble. */
function failureOfCode(code: string): VendorFailure {
  if (/AUTH|PERMISSION|FORBIDDEN/.test(code)) return 'auth';
  if (/RATE|LIMIT|TOO_MANY|CONCURREN/.test(code)) return 'rate-limited';
  if (/UNPARSABLE|INVALID|BAD_REQUEST/.test(code)) return 'bad-request';
  if (code === 'INACTIVE_CLIENT') return 'cut';
  return 'overloaded';
}
