import type { ElevenLabsClient } from '@elevenlabs/elevenlabs-js';
import { VendorError } from '../../src/errors.ts';
import type { VendorFailure } from '../../src/errors.ts';
import { createKeepAliveFetch, KEEP_ALIVE } from '../keep-alive-fetch.ts';
import {
  failureOfStatus,
  isRecord,
  networkCodeOf,
  retryAfterMsOf,
  safeCause,
} from '../vendor-failure.ts';
import { Watchdog } from '../watchdog.ts';
import { ELEVENLABS_MODEL, languageCode, voiceSettings } from './elevenlabs-socket.ts';
import type { ElevenLabsConfig } from './elevenlabs-socket.ts';
import { maxAudioBytes } from './elevenlabs-utterance.ts';
import { Pace } from './pace.ts';
import type { TtsOptions, TtsSession, TtsVendor } from './port.ts';

export type ElevenLabsHttp = TtsVendor & {
  /**
   * Loads the SDK ahead of need. It takes one to five seconds and blocks the process meanwhile, so
   * call it at start, before calls are accepted. `open` does it otherwise.
   */
  load(): Promise<void>;
  /** Destroys the pooled connections. */
  shutDown(): void;
};

/** Texts that may wait within one utterance. */
const MAX_WAITING = 64;
/** Ids of ended utterances that are remembered, so that a late `say` stays mute. */
const MAX_ENDED = 256;

/**
 * ElevenLabs by HTTP: one request for each `say`, in order, no word timings. The step below the
 * socket: slower to start, but it needs no connection that lives as long as the call.
 */
export function createElevenLabsHttp(config: ElevenLabsConfig): ElevenLabsHttp {
  const pool = createKeepAliveFetch(KEEP_ALIVE);
  let loading: Promise<ElevenLabsClient> | undefined;
  const load = async (): Promise<ElevenLabsClient> => {
    const sdk = await import('@elevenlabs/elevenlabs-js');
    return new sdk.ElevenLabsClient({
      apiKey: config.apiKey,
      ...(config.baseUrl === undefined ? {} : { baseUrl: config.baseUrl }),
      maxRetries: 0,
      fetch: pool.fetch,
    });
  };
  const client = async (): Promise<ElevenLabsClient> => (loading ??= load());
  return {
    vendor: 'elevenlabs-http',
    open: async (options) => {
      const loaded = await client();
      return createSession(options, synthesiser(loaded, config, options));
    },
    load: async () => {
      await client();
    },
    shutDown: () => pool.close(),
  };
}

type Synthesise = (
  text: string,
  before: string,
  signal: AbortSignal,
) => Promise<ReadableStream<Uint8Array>>;

function synthesiser(
  client: ElevenLabsClient,
  config: ElevenLabsConfig,
  options: TtsOptions,
): Synthesise {
  const { speed, ...settings } = voiceSettings(options.speed);
  return async (text, before, signal) =>
    client.textToSpeech.stream(
      options.voiceId,
      {
        text,
        modelId: config.model ?? ELEVENLABS_MODEL,
        languageCode: languageCode(options.language),
        outputFormat: 'ulaw_8000',
        voiceSettings: {
          stability: settings.stability,
          similarityBoost: settings.similarity_boost,
          speed,
        },
        ...(before === '' ? {} : { previousText: before }),
      },
      { maxRetries: 0, abortSignal: signal },
    );
}

type HttpUtterance = {
  readonly id: number;
  readonly waiting: string[];
  readonly abort: AbortController;
  before: string;
  finished: boolean;
  running: boolean;
};

function createSession(options: TtsOptions, synthesise: Synthesise): TtsSession {
  const utterances = new Map<number, HttpUtterance>();
  const ended = new Set<number>();
  let closed = false;

  const end = (id: number): void => {
    utterances.delete(id);
    ended.add(id);
    const [oldest] = ended;
    if (ended.size > MAX_ENDED && oldest !== undefined) ended.delete(oldest);
  };
  const isCurrent = (utterance: HttpUtterance): boolean =>
    !closed && utterances.get(utterance.id) === utterance;
  const fail = (utterance: HttpUtterance, error: VendorError): void => {
    if (!isCurrent(utterance)) return;
    end(utterance.id);
    utterance.abort.abort();
    options.onEvent({ kind: 'utterance-failed', utterance: utterance.id, error });
  };
  const begin = (id: number): HttpUtterance => {
    const abort = new AbortController();
    const utterance = { id, waiting: [], abort, before: '', finished: false, running: false };
    utterances.set(id, utterance);
    return utterance;
  };
  /** Speaks what waits, one text after the other. Never rejects. */
  const run = async (utterance: HttpUtterance): Promise<void> => {
    if (utterance.running) return;
    utterance.running = true;
    try {
      for (let text = utterance.waiting.shift(); text !== undefined;) {
        await speak(utterance, text, options, synthesise, () => isCurrent(utterance));
        if (!isCurrent(utterance)) return;
        utterance.before = `${utterance.before}${text}`.slice(-500);
        text = utterance.waiting.shift();
      }
      if (utterance.finished) {
        end(utterance.id);
        options.onEvent({ kind: 'done', utterance: utterance.id });
      }
    } catch (error) {
      fail(utterance, vendorErrorOf(error));
    } finally {
      utterance.running = false;
    }
  };

  return {
    vendor: 'elevenlabs-http',
    say: (id, text) => {
      if (closed || ended.has(id) || text.trim() === '') return;
      const utterance = utterances.get(id) ?? begin(id);
      if (utterance.finished) return;
      utterance.waiting.push(text);
      if (utterance.waiting.length > MAX_WAITING) fail(utterance, failed('bad-request'));
      else void run(utterance);
    },
    finish: (id) => {
      if (closed || ended.has(id)) return;
      const utterance = utterances.get(id) ?? begin(id);
      if (utterance.finished) return;
      utterance.finished = true;
      // Not from within the caller's own call: events come later, as from every vendor.
      queueMicrotask(() => {
        if (isCurrent(utterance)) void run(utterance);
      });
    },
    cancel: (id) => {
      if (closed) return;
      utterances.get(id)?.abort.abort();
      end(id);
    },
    close: () => {
      closed = true;
      for (const utterance of utterances.values()) utterance.abort.abort();
      utterances.clear();
    },
  };
}

/** Speaks one text; rejects with what went wrong. Reports nothing once not current any more. */
async function speak(
  utterance: HttpUtterance,
  text: string,
  options: TtsOptions,
  synthesise: Synthesise,
  isCurrent: () => boolean,
): Promise<void> {
  const controller = new AbortController();
  const cancel = (): void => controller.abort();
  const pace = new Pace();
  let bytes = 0;
  let late = false;
  const watchdog = new Watchdog(() => {
    late = true;
    controller.abort();
  });
  utterance.abort.signal.addEventListener('abort', cancel, { once: true });
  try {
    watchdog.arm(options.firstByteTimeoutMs);
    const stream = await synthesise(text, utterance.before, controller.signal);
    for await (const part of stream) {
      if (!isCurrent()) return;
      if (part.length === 0) continue;
      if (bytes === 0 && looksLikeText(part)) throw failed('garbage');
      bytes += part.length;
      if (bytes > maxAudioBytes(text.length)) throw failed('garbage');
      if (pace.behindMs(part.length) > options.stallTimeoutMs) throw failed('stalled');
      watchdog.arm(options.stallTimeoutMs);
      options.onEvent({
        kind: 'audio',
        utterance: utterance.id,
        base64: Buffer.from(part.buffer, part.byteOffset, part.length).toString('base64'),
        bytes: part.length,
        words: undefined,
      });
    }
    // An aborted stream may end without an error.
    if (late) throw failed('stalled');
    if (bytes === 0) throw failed('empty');
  } catch (error) {
    if (late) throw failed(bytes === 0 ? 'no-first-byte' : 'stalled', error);
    if (error instanceof VendorError || bytes === 0) throw error;
    throw failed('cut', error);
  } finally {
    watchdog.disarm();
    utterance.abort.signal.removeEventListener('abort', cancel);
    controller.abort();
  }
}

/** An error page under a good status: the vendor's audio has no header to be checked. */
function looksLikeText(part: Uint8Array): boolean {
  return /^\s*(?:<!doctype|<html|\{"|\[\{)/i.test(
    Buffer.from(part.subarray(0, 32)).toString('latin1'),
  );
}

function failed(failure: VendorFailure, cause?: unknown): VendorError {
  return new VendorError('elevenlabs-http', failure, {
    cause: cause === undefined ? undefined : safeCause(cause),
  });
}

function vendorErrorOf(error: unknown): VendorError {
  if (error instanceof VendorError) return error;
  const status = isRecord(error) ? error['statusCode'] : undefined;
  if (isRecord(error) && typeof status === 'number') {
    const isQuota = detailOf(error['body']) === 'quota_exceeded';
    return new VendorError('elevenlabs-http', isQuota ? 'rate-limited' : failureOfStatus(status), {
      status,
      retryAfterMs: retryAfterMsOf(retryAfterOf(error['rawResponse'])),
      cause: safeCause(error),
    });
  }
  if (error instanceof RangeError) return failed('garbage', error);
  const code = networkCodeOf(error);
  return failed(code?.startsWith('HPE_') === true ? 'garbage' : 'unreachable', error);
}

/** The vendor's own code in `{detail: {status}}`. */
function detailOf(body: unknown): unknown {
  const detail = isRecord(body) ? body['detail'] : undefined;
  return isRecord(detail) ? detail['status'] : undefined;
}

function retryAfterOf(response: unknown): string | null {
  const headers = isRecord(response) ? response['headers'] : undefined;
  return headers instanceof Headers ? headers.get('retry-after') : null;
}
